# UNPROVEN. A ratio is 1 to 100; a member of weight 0 takes persistent connections only (user-disabled).
set -e
pool=https://${management}/mgmt/tm/ltm/pool/~Common~origins/members
member() {
    case $2 in
        0) state='{"session":"user-disabled","state":"user-up"}' ;;
        *) state="{\"session\":\"user-enabled\",\"state\":\"user-up\",\"ratio\":$2}" ;;
    esac
    curl -sSfk -m 5 -u ${login} -X PATCH -H 'Content-Type: application/json' -d "$state" "$pool/~Common~$1" -o /dev/null
}
${calls}
