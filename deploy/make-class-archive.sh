#!/bin/sh
# Makes nodes and commands start with less work, once and for all: a file beside the holdfast command that it then uses.
# With Java 25 and newer classes.aot, which has the classes loaded, verified and linked, and what a node under load was
# seen to do, so that a node that starts is fast much sooner; with an older one classes.jsa, the classes only. Of use to
# the JVM and the version of Holdfast that made it, and ignored by others: run it again after an upgrade of either.
#
# Takes a minute or two, 2 GB of memory and of disk, and three nodes on loopback, on the ports PORT (17400) to PORT+22.
set -eu
home=$(cd "$(dirname "$0")" && pwd)
port=${PORT:-17400}
work=$(mktemp -d)
nodes=
trap '[ -z "$nodes" ] || kill -KILL $nodes 2>/dev/null || true; rm -rf "$work"' EXIT
trap 'exit 1' INT TERM

fail() {
  cat "$work"/out* >&2
  echo "make-class-archive.sh: $1" >&2
  exit 1
}

rm -f "$home/classes.jsa" "$home/classes.aot"
version=$("$home/holdfast" --version)
if [ "$(echo "$version" | sed -n 's/.*(Java \([0-9]*\).*/\1/p')" -ge 25 ]; then
  name=classes.aot
  recording=-XX:AOTCacheOutput=$work/$name
  seconds=20
else
  name=classes.jsa
  recording=-XX:ArchiveClassesAtExit=$work/$name
  seconds=5
fi

peers="1@127.0.0.1:$port,2@127.0.0.1:$((port + 10)),3@127.0.0.1:$((port + 20))"
for i in 1 2 3; do
  own=$((port + 10 * (i - 1)))
  HOLDFAST_NODE_ID=$i HOLDFAST_NODE_DATA_DIR=$work/data$i HOLDFAST_NODE_HOST=127.0.0.1 HOLDFAST_LISTEN_HOST=127.0.0.1 \
    HOLDFAST_LISTEN_API_PORT=$own HOLDFAST_LISTEN_RAFT_PORT=$((own + 1)) HOLDFAST_LISTEN_HTTP_PORT=$((own + 2)) \
    HOLDFAST_CLUSTER_INITIAL_NODES=$peers HOLDFAST_JAVA_OPTS=$([ $i != 1 ] || echo "$recording") \
    "$home/holdfast" server >"$work/out$i" 2>&1 &
  nodes="$nodes $!"
done
waited=0
until [ "$(cat "$work"/out? | grep -c 'serves on')" = 3 ]; do
  waited=$((waited + 1))
  # shellcheck disable=SC2086 # a list
  if [ "$waited" -gt 120 ] || ! kill -0 $nodes 2>/dev/null; then
    fail "the nodes did not start"
  fi
  sleep 1
done

load() {
  "$home/holdfast" bench "$@" -a "127.0.0.1:$port" --warm-up 5 --seconds $seconds >"$work/out" 2>&1 || fail "a load failed"
}
load produce --topic many --partitions 16 --replicas 3
load produce --topic one --partitions 1 --replicas 3 --rate 2000
load queue --topic queued

for node in $nodes; do
  kill -TERM "$node"
done
for node in $nodes; do
  wait "$node" || true
done
nodes=
if [ ! -f "$work/$name" ]; then
  fail "this JVM made no archive; for one before Java 25, 'java -Xshare:dump' may be missing"
fi
chmod 0644 "$work/$name"
mv "$work/$name" "$home/$name"
