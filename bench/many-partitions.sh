#!/bin/sh
# What partitions cost at rest: three nodes on this machine, topics of so many partitions each on a fresh cluster; how
# long they take to create, and what all nodes use when nothing happens. Then a hundred records to some of them, to see
# those wake and rest again.
#
#   bench/many-partitions.sh [PARTITIONS...]      default: 256 1000 3000
. "$(dirname "$0")/lib.sh"
build
ticks() { for p in $pids; do awk '{print $14+$15}' "/proc/$p/stat"; done | awk '{s+=$1} END {print s}'; }
# use LABEL: what the nodes use over 20 s, of which clock ticks are a hundredth
use() {
  before=$(ticks)
  sleep 20
  after=$(ticks)
  echo "$1: all nodes $(awk "BEGIN {printf \"%.1f\", ($after-$before)/20}") % of a core; per node:"
  for p in $pids; do
    echo "    $(($(awk '/VmRSS/ {print $2}' "/proc/$p/status") / 1024)) MB, $(ls "/proc/$p/task" | wc -l) threads," \
      "$(ls "/proc/$p/fd" | wc -l) files"
  done
}

[ $# -gt 0 ] || set -- 256 1000 3000
for n in "$@"; do
  up many
  sleep 60 # the compiler has things to do after a start
  use "no partitions"
  start=$(date +%s%N)
  holdfast topic create many -p "$n" -a $address
  echo "created in $((($(date +%s%N) - start) / 1000000)) ms, the start of the command included"
  sleep 10
  use "$n partitions, never written to"
  seq 100 | awk '{print "key-" $1 ":value"}' | holdfast produce many --key-separator : -a $address 2>&1 | tail -1
  holdfast cluster status -a $address
  sleep 60
  use "$n partitions, when all rest again"
  holdfast down --dir "$cluster" > /dev/null
done
