#!/bin/sh
# A disk whose every flush takes long: three nodes whose fsync and fdatasync sleep first, by a preloaded library that is
# compiled here (needs a C compiler). Shows what group commit makes of it, whether leaders change, and how memory grows.
#
#   bench/slow-disk.sh [MILLISECONDS]      default: 50
. "$(dirname "$0")/lib.sh"
build
delay=${1:-50}
mkdir -p "$work"
cat > "$work/slow.c" << C
#define _GNU_SOURCE
#include <dlfcn.h>
#include <unistd.h>
static void slow(void) { usleep(${delay}000); }
int fsync(int fd) { slow(); return ((int (*)(int)) dlsym(RTLD_NEXT, "fsync"))(fd); }
int fdatasync(int fd) { slow(); return ((int (*)(int)) dlsym(RTLD_NEXT, "fdatasync"))(fd); }
C
cc -O2 -shared -fPIC -o "$work/slow.so" "$work/slow.c" -ldl

export LD_PRELOAD="$work/slow.so" # for the nodes; the commands do not mind
up slow
unset LD_PRELOAD
memory() { for p in $pids; do echo "$(($(awk '/VmRSS/ {print $2}' "/proc/$p/status") / 1024)) MB"; done | paste -sd' ' -; }
terms() { holdfast cluster status --replicas -a $address | awk '$2 ~ "/" {print $2, $4}' | sort -u | awk '{print $2}' | sort -n | uniq -c |
  awk '{printf "%s partitions in term %s; ", $1, $2} END {print ""}'; }
echo "every flush takes $delay ms longer; memory per node: $(memory)"
for partitions in 1 16; do
  echo "--- as fast as it goes, $partitions partitions"
  holdfast bench produce -a $address -t "fast$partitions" --partitions $partitions --warm-up 20 -s 20 --server-pid "$(pid_list)" 2>&1 | tail -4
  echo "memory per node: $(memory); $(terms)"
done
echo "--- 1000 records/s"
holdfast bench e2e -a $address -t steady --rate 1000 --warm-up 10 -s 20 2>&1 | tail -3
echo "memory per node: $(memory); $(terms)"
