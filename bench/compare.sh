#!/bin/sh
# Holdfast and Kafka in turn, three nodes each on this machine, the same loads by the same loop; writes a table of
# ratios. Kafka comes from Maven Central. It acknowledges before it flushes, as it does by default; rows named fsync make
# it flush first, as Holdfast always does.
#
#   bench/compare.sh                 all workloads, two rounds each, about 45 minutes
#   ROUNDS=1 WORKLOADS="w1 w3" bench/compare.sh
#
# FILL_CACHE_GB=18 fills the page cache before each system starts, with a file that stays until the end: on a virtual
# machine memory that was never used costs several times as much to write to, and whoever comes first would pay for it.
# Servers are warm, and so are clients: each load runs for CLIENT_WARM_SECONDS before it is measured.
#
# Needs about 50 GB of free disk. Also: SECONDS_EACH (15), CLIENT_WARM_SECONDS (20), WARM_SECONDS (240; whole minutes), OUT (docs/performance-kafka.md), BENCH_WORK (where everything lands).
. "$(dirname "$0")/lib.sh"
rounds=${ROUNDS:-2}
workloads=${WORKLOADS:-w1 w1b w2 w2small w3 w4}
seconds=${SECONDS_EACH:-15}
warm=${WARM_SECONDS:-240}
client_warm=${CLIENT_WARM_SECONDS:-20}
out=${OUT:-$root/docs/performance-kafka.md}
kafka=$work/kafka
results=$work/results
servers_kafka=127.0.0.1:21091,127.0.0.1:21092,127.0.0.1:21093
system=none

cleanup() {
  [ "$system" = none ] || "down_$system"
  rm -f "$work/cache"
}
trap cleanup EXIT
trap 'exit 1' INT TERM

up_kafka() {
  rm -rf "$kafka"/node*
  for i in 1 2 3; do
    mkdir -p "$kafka/node$i"
    cat > "$kafka/node$i/server.properties" <<C
process.roles=broker,controller
node.id=$i
controller.quorum.voters=1@127.0.0.1:21191,2@127.0.0.1:21192,3@127.0.0.1:21193
controller.listener.names=CONTROLLER
listeners=PLAINTEXT://127.0.0.1:2109$i,CONTROLLER://127.0.0.1:2119$i
listener.security.protocol.map=CONTROLLER:PLAINTEXT,PLAINTEXT:PLAINTEXT
inter.broker.listener.name=PLAINTEXT
log.dirs=$kafka/node$i/data
min.insync.replicas=2
offsets.topic.replication.factor=3
log.segment.delete.delay.ms=1000
C
  done
  id=$("$java" -cp "$kafka/lib/*" kafka.tools.StorageTool random-uuid 2> /dev/null | tail -1)
  for i in 1 2 3; do
    "$java" -cp "$kafka/lib/*" kafka.tools.StorageTool format -t "$id" -c "$kafka/node$i/server.properties" \
      > "$kafka/node$i/format.log" 2>&1
    "$java" -Xms1g -Xmx1g -XX:+UseG1GC -XX:MaxGCPauseMillis=20 -XX:InitiatingHeapOccupancyPercent=35 \
      -cp "$kafka/lib/*" kafka.Kafka "$kafka/node$i/server.properties" > "$kafka/node$i/server.log" 2>&1 &
    echo $! > "$kafka/node$i/pid"
  done
  pids=$(cat "$kafka"/node?/pid | paste -sd, -)
  servers=$servers_kafka
  sleep 15
}

down_kafka() {
  for i in 1 2 3; do kill "$(cat "$kafka/node$i/pid")" 2> /dev/null || true; done
  sleep 5
  for i in 1 2 3; do kill -9 "$(cat "$kafka/node$i/pid")" 2> /dev/null || true; done
  rm -rf "$kafka"/node?/data
}

fill_cache() {
  [ -z "${FILL_CACHE_GB:-}" ] || dd if=/dev/zero of="$work/cache" bs=1M count=$((FILL_CACHE_GB * 1024)) 2> /dev/null
}

linger() { if [ $system = kafka ]; then echo 5; else echo 0; fi; }

workload() {
  case $1 in
    w1) load w1 load=produce warm="$client_warm" delete=true topic=w1 batch=65536 linger="$(linger)" ;;
    w1b) load w1b load=produce warm="$client_warm" delete=true topic=w1b batch=1000000 linger="$(linger)" ;;
    w1fsync) load w1fsync load=produce warm="$client_warm" delete=true topic=w1fsync flush=true batch=65536 linger="$(linger)" ;;
    w2) load w2 load=produce warm="$client_warm" delete=true topic=w2 partitions=16 batch=65536 linger="$(linger)" ;;
    w2small) load w2small load=produce warm="$client_warm" delete=true topic=w2small partitions=16 size=100 batch=65536 linger="$(linger)" ;;
    w3) load w3 load=e2e topic=w3 rate=1000 warm="$client_warm" ;;
    w3fsync) load w3fsync load=e2e topic=w3fsync flush=true rate=1000 warm="$client_warm" ;;
    w4) load fill load=produce topic=w4 batch=1000000 rate=50000 linger="$(linger)"
      load w4 load=consume topic=w4 warm="$client_warm" ;;
    *) echo "there is no workload $1" >&2; exit 2 ;;
  esac
}

# In pieces, deleted one by one: ten minutes of it would not fit the disk.
warm_up() {
  keep=$seconds
  seconds=30
  for piece in $(seq $((warm / 60))); do
    load warm load=produce topic="warm$piece" partitions=16 batch=65536 warm=0 delete=true linger="$(linger)"
    load warm load=produce topic="warmed$piece" batch=200000 warm=0 delete=true linger="$(linger)"
  done
  seconds=$keep
}

mkdir -p "$work"
rm -rf "$results"
mkdir -p "$results"
build
(cd "$root" && ./mvnw -q -f bench/kafka/pom.xml dependency:copy-dependencies -DoutputDirectory="$kafka/lib")
round=1
while [ $round -le "$rounds" ]; do
  for next in holdfast kafka; do
    fill_cache
    "up_$next"
    system=$next
    warm_up
    for one in $workloads; do workload "$one"; done
    "down_$system"
    system=none
  done
  round=$((round + 1))
done
"$java" -cp "$classpath" io.holdfast.bench.peer.PeerTable "$results" "$out" \
  "${FILL_CACHE_GB:+FILL_CACHE_GB=$FILL_CACHE_GB }ROUNDS=$rounds WORKLOADS=\"$workloads\" SECONDS_EACH=$seconds CLIENT_WARM_SECONDS=$client_warm WARM_SECONDS=$warm bench/compare.sh"
say "wrote $out"
