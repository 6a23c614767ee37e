# All members at once: a request meets the weights before or those after.
set -e
changes=
say() { changes="$changes $1"; }
${changes}
exec "$1" -p ${run}/ -c ${run}/nginx.conf -s weight origins $changes
