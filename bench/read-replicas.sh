#!/bin/sh
# Reading from the page cache: one consumer on the leader, then three at once, each on another replica.
#
#   bench/read-replicas.sh
. "$(dirname "$0")/lib.sh"
build
up read
holdfast bench produce -a $address -t read --batch-size 262144 --warm-up 0 -s 40 2>&1 | tail -4
one() { holdfast bench consume -a $address -t read --warm-up 0 -s 20 "$@" 2>&1 | grep 'records in\|CPU'; }
echo "--- one consumer, twice to warm up, then counted"
one > /dev/null
one > /dev/null
one --server-pid "$(pid_list)"
echo "--- three consumers at once, one on each node"
for port in 21400 21410 21420; do one --node 127.0.0.1:$port > "$work/read-$port" & done
wait
cat "$work"/read-*
