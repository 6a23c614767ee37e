# Drains every member that is down, or undrains every other one: what is so already is no harm.
set -e
program=$1
wanted=$2
order() {
    test "$1" = "$wanted" || return 0
    shift
    "$program" -p ${run}/ -c ${run}/nginx.conf -s "$wanted" origins "$@"
}
${orders}
