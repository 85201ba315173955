#!/bin/sh
# A disk whose every flush takes long: three nodes whose fsync and fdatasync sleep first, by a preloaded library that is
# compiled here (needs a C compiler). Shows what group commit makes of it, whether leaders change, and how memory grows.
#
#   bench/slow-disk.sh [MILLISECONDS]      default: 50
. "$(dirname "$0")/lib.sh"
build
delay=${1:-50}
cluster=$work/slow
address=127.0.0.1:21400
holdfast() { "$root/holdfast" "$@"; }
trap 'holdfast down --dir "$cluster" > /dev/null 2>&1 || true; rm -rf "$cluster"' EXIT
trap 'exit 1' INT TERM
mkdir -p "$work"
rm -rf "$cluster"

cat > "$work/slow.c" << C
#define _GNU_SOURCE
#include <dlfcn.h>
#include <unistd.h>
static void slow(void) { usleep(${delay}000); }
int fsync(int fd) { slow(); return ((int (*)(int)) dlsym(RTLD_NEXT, "fsync"))(fd); }
int fdatasync(int fd) { slow(); return ((int (*)(int)) dlsym(RTLD_NEXT, "fdatasync"))(fd); }
C
cc -O2 -shared -fPIC -o "$work/slow.so" "$work/slow.c" -ldl

LD_PRELOAD=$work/slow.so "$root/holdfast" up --dir "$cluster" --port 21400 > "$work/up.log"
pids=$(sed -n 's/.*process \([0-9]*\),.*/\1/p' "$work/up.log" | paste -sd, -)
memory() { for p in $(echo "$pids" | tr , ' '); do echo "$(($(awk '/VmRSS/ {print $2}' "/proc/$p/status") / 1024)) MB"; done | paste -sd' ' -; }
terms() { holdfast cluster status --replicas -a $address | awk '$2 ~ "/" {print $2, $4}' | sort -u | awk '{print $2}' | sort -n | uniq -c |
  awk '{printf "%s partitions in term %s; ", $1, $2} END {print ""}'; }
echo "every flush takes $delay ms longer; memory per node: $(memory)"
for partitions in 1 16; do
  echo "--- as fast as it goes, $partitions partitions"
  holdfast bench produce -a $address -t "fast$partitions" --partitions $partitions --warm-up 20 -s 20 --server-pid "$pids" 2>&1 | tail -4
  echo "memory per node: $(memory); $(terms)"
done
echo "--- 1000 records/s"
holdfast bench e2e -a $address -t steady --rate 1000 --warm-up 10 -s 20 2>&1 | tail -3
echo "memory per node: $(memory); $(terms)"
