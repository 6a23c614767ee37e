# Waits until no request is under way to a member that is drained (`busy` of balancer-manager).
page=http://${address}/balancer-manager
nonce=$(curl -sSf -m 5 "$page" | sed -n 's/.*nonce=\([-0-9a-f]*\).*/\1/p' | head -n 1)
busy() {
    curl -sSf -m 5 -H "Referer: $page" "$page?xml=1&nonce=$nonce" | tr '\n' ' ' | sed 's/<httpd:worker>/\n/g' |
        grep -F "<httpd:name>$1</httpd:name>" | sed -n 's/.*<httpd:busy>\([0-9]*\)<.*/\1/p'
}
drained() {
    while left=$(busy "$1"); test "$left" != 0; do
        test -n "$left" || { echo "balancer-manager tells nothing of $1"; exit 1; }
        sleep 0.05
    done
}
${drained}
