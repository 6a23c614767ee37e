# Waits until no member that is drained has a session (`scur`, the fifth column of `show stat`).
sessions() {
    echo "show stat" | socat -t 5 - UNIX-CONNECT:${run}/stats.sock |
        awk -F, -v member="$1" '$1 == "origins" && $2 == member { print $5 }'
}
drained() {
    while left=$(sessions "$1"); test "$left" != 0; do
        test -n "$left" || { echo "HAProxy tells nothing of $1"; exit 1; }
        sleep 0.05
    done
}
${drained}
