# One transaction: no connection meets a half of it. Member after member gets as many numbers as it weighs.
set -e
members=
member() { members="$members $1=$2"; }
${calls}
{
    echo "add table ip changeover"
    echo "add chain ip changeover spread { type nat hook output priority -100; }"
    echo "flush chain ip changeover spread"
    echo $members | tr ' ' '\n' | awk -F'[:=]' '
        $3 > 0 {
            to = $3 > 1 ? "-" total + $3 - 1 : ""
            map = map sep total + 0 to " : " $1 " . " $2
            total += $3
            sep = ", "
        }
        END { print "add rule ip changeover spread ip daddr 127.0.0.1 tcp dport 1 dnat ip to numgen inc mod " total " map { " map " }" }'
} | nft -f -
