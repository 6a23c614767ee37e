# UNPROVEN. A server that is not there yet cannot be edited, one that is there cannot be added.
set -e
ipvsadm -A -t ${vip} -s wrr 2>/dev/null || true
member() { ipvsadm -e -t ${vip} -r $1 -m -w $2 2>/dev/null || ipvsadm -a -t ${vip} -r $1 -m -w $2; }
${calls}
