# Tells balancer-manager what the configuration says, or with `drain=NAME` in the environment that this one is drained,
# which the configuration does not say. The manager wants the nonce of its own page, and itself as referer.
set -e
page=http://${address}/balancer-manager
ask() { curl -sSf -m 5 -H "Referer: $page" "$@"; }
nonce=$(ask "$page" | sed -n 's/.*nonce=\([-0-9a-f]*\).*/\1/p' | head -n 1)
test -n "$nonce" || { echo "balancer-manager gave no nonce"; exit 1; }
member() {
    drained=$4
    test "$1" != "$drain" || drained=1
    ask -o /dev/null -d "b=origins" -d "w=$2" -d "nonce=$nonce" -d "w_lf=$3" -d "w_status_N=$drained" "$page"
}
${calls}
