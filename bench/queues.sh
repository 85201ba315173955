#!/bin/sh
# Queue groups beside RabbitMQ's quorum queues, three nodes each on this machine, the same loads by the same loop:
# publish with confirmation, lease, acknowledge each record. Both flush to disk on a majority before they confirm.
#
#   bench/queues.sh                 one round, about 12 minutes; writes docs/performance-queues.md
#
# Servers are warm, and so are clients: each load runs for CLIENT_WARM_SECONDS before it is measured.
#
# Needs rabbitmq-server on the PATH (Debian: apt-get install rabbitmq-server). RabbitMQ puts its nodes under
# BENCH_WORK/rabbitmq and listens on loopback.
#
# Also: ROUNDS (1), SECONDS_EACH (15), WARM_SECONDS (180; whole minutes), CLIENT_WARM_SECONDS (20), OUT, SYSTEMS.
. "$(dirname "$0")/lib.sh"
rounds=${ROUNDS:-1}
seconds=${SECONDS_EACH:-15}
warm=${WARM_SECONDS:-180}
client_warm=${CLIENT_WARM_SECONDS:-20}
out=${OUT:-$root/docs/performance-queues.md}
results=$work/queue-results
rabbit=$work/rabbitmq
export ERL_EPMD_ADDRESS=127.0.0.1 ERL_EPMD_PORT=21569
# Debian's command changes user; the one behind it does not.
bin=$(dirname "$(readlink -f /usr/lib/rabbitmq/bin/rabbitmq-server 2> /dev/null || command -v rabbitmq-server)")
system=none

cleanup() { [ "$system" = none ] || "down_$system"; }
trap cleanup EXIT
trap 'exit 1' INT TERM

rabbit_env() {
  export HOME="$rabbit/home" RABBITMQ_NODENAME="hf$1@localhost" RABBITMQ_NODE_PORT=2156$1 RABBITMQ_DIST_PORT=2157$1 \
    RABBITMQ_MNESIA_BASE="$rabbit/node$1/db" RABBITMQ_LOG_BASE="$rabbit/node$1/log" RABBITMQ_NODE_IP_ADDRESS=127.0.0.1 \
    RABBITMQ_CONFIG_FILE="$rabbit/rabbit" RABBITMQ_ENABLED_PLUGINS_FILE="$rabbit/plugins" \
    RABBITMQ_GENERATED_CONFIG_DIR="$rabbit/node$1/generated" RABBITMQ_CONF_ENV_FILE="$rabbit/none" \
    RABBITMQ_ADVANCED_CONFIG_FILE="$rabbit/advanced.config" RABBITMQ_PID_FILE="$rabbit/node$1/pid" \
    RABBITMQ_SERVER_ADDITIONAL_ERL_ARGS="-kernel inet_dist_use_interface {127,0,0,1}"
}

up_rabbitmq() {
  rm -rf "$rabbit"
  mkdir -p "$rabbit/home"
  echo holdfastbench > "$rabbit/home/.erlang.cookie"
  chmod 400 "$rabbit/home/.erlang.cookie"
  echo '[].' | tee "$rabbit/plugins" > "$rabbit/advanced.config"
  {
    echo 'cluster_formation.peer_discovery_backend = classic_config'
    for i in 1 2 3; do echo "cluster_formation.classic_config.nodes.$i = hf$i@localhost"; done
    echo 'disk_free_limit.absolute = 1GB'
    echo 'log.file.level = warning'
  } > "$rabbit/rabbit.conf"
  for i in 1 2 3; do
    mkdir -p "$rabbit/node$i"
    (rabbit_env $i; exec "$bin/rabbitmq-server" > "$rabbit/node$i.log" 2>&1 < /dev/null) &
  done
  for i in 1 2 3; do
    (
      rabbit_env $i
      for attempt in $(seq 60); do
        timeout 60 "$bin/rabbitmqctl" -q await_startup > "$rabbit/await.log" 2>&1 && exit 0
        sleep 1
      done
      cat "$rabbit/await.log" "$rabbit/node$i.log" >&2
      exit 1
    )
  done
  sleep 5
  pids=$(awk 1 "$rabbit"/node?/pid | paste -sd, -) # the files end without a newline
  servers=127.0.0.1:21561,127.0.0.1:21562,127.0.0.1:21563
}

down_rabbitmq() {
  # shellcheck disable=SC2046 # a list
  kill $(echo "$pids" | tr , ' ') 2> /dev/null || true
  sleep 5
  kill -9 $(echo "$pids" | tr , ' ') 2> /dev/null || true
  epmd -port $ERL_EPMD_PORT -kill > /dev/null 2>&1 || true
  rm -rf "$rabbit"/node?
}

build
mkdir -p "$results"
for round in $(seq "$rounds"); do
  for system in ${SYSTEMS:-holdfast rabbitmq}; do
    "up_$system"
    for piece in $(seq $((warm / 60))); do
      load warm load=queue topic=warm$piece partitions=16 window=4194304 warm=0 seconds=60
    done
    load one load=queue topic=one-$round window=1048576 warm="$client_warm"
    load sixteen load=queue topic=sixteen-$round partitions=16 window=4194304 warm="$client_warm"
    load latency load=queue topic=latency-$round rate=1000 warm="$client_warm"
    "down_$system"
    system=none
  done
done
"$java" -cp "$classpath" io.holdfast.bench.peer.QueueTable "$results" "$rounds" \
  "ROUNDS=$rounds SECONDS_EACH=$seconds WARM_SECONDS=$warm CLIENT_WARM_SECONDS=$client_warm bench/queues.sh" > "$out"
cat "$out"
