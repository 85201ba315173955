#!/bin/sh
# How long a partition accepts nothing when its leader dies: 100 records/s, SIGKILL of the leader in the middle, again and
# again. The time is that of the record that waited longest, from when it was due until it was acknowledged.
#
#   bench/failover.sh [TIMES]      default: 20
. "$(dirname "$0")/lib.sh"
build
up failover
addresses=127.0.0.1:21400,127.0.0.1:21410,127.0.0.1:21420
holdfast topic create failover --partitions 1 --replicas 3 -a $addresses > /dev/null
holdfast bench produce -a $addresses -t failover --rate 100 --warm-up 20 -s 20 2>&1 | tail -3
times=$work/failover.times
: > "$times"
for time in $(seq "${1:-20}"); do
  leader=$(holdfast cluster status --replicas -a $addresses | awk '$2 == "failover/0" && $3 == "leader" {print $1}')
  holdfast bench produce -a $addresses -t failover --rate 100 --warm-up 4 -s 8 --json "$work/failover.json" > "$work/load.log" 2>&1 &
  load=$!
  sleep 8 # in the middle of what counts
  kill -KILL "$(sed -n "s/node $leader serves.*process \([0-9]*\),.*/\1/p" "$work/up.log")"
  wait "$load" || { cat "$work/load.log" >&2; exit 1; }
  longest=$(sed -n 's/.*"maxMs" : \([0-9.]*\).*/\1/p' "$work/failover.json" | head -n 1)
  echo "$longest" >> "$times"
  echo "$time: node $leader led; longest $longest ms"
  holdfast up --dir "$cluster" --port 21400 > "$work/up.log" # starts what is not running
  sleep 5
done
sort -n "$times" | awk '{t[NR] = $1} END {printf "median %s ms, worst %s ms of %d\n", t[int((NR + 1) / 2)], t[NR], NR}'
