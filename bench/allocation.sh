#!/bin/sh
# Bytes that nodes allocate on their heaps per record produced, from the JVM's own count per thread.
#
#   bench/allocation.sh [ARGUMENTS OF holdfast bench produce]
. "$(dirname "$0")/lib.sh"
build
up allocation
# Threads that ended in between are not counted, so this is a little too low.
allocated() {
  for p in $pids; do "${JAVA_HOME:+$JAVA_HOME/bin/}jcmd" "$p" Thread.print -e; done |
    sed -n 's/.*allocated=\([0-9.]*\)\([BKMGT]\) .*/\1 \2/p' |
    awk 'BEGIN {f["B"]=1; f["K"]=1024; f["M"]=1048576; f["G"]=1073741824; f["T"]=1099511627776} {s+=$1*f[$2]} END {printf "%.0f\n", s}'
}
holdfast bench produce -a $address -t warm --warm-up 20 -s 20 "$@" > /dev/null 2>&1
before=$(allocated)
result=$(holdfast bench produce -a $address -t warm --warm-up 0 -s 30 "$@" 2>&1 | grep 'records in')
after=$(allocated)
records=$(echo "$result" | sed 's/ records.*//; s/,//g')
echo "$result"
echo "all nodes together allocate $(awk "BEGIN {printf \"%.0f\", ($after-$before)/$records}") bytes per record"
