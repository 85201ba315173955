# Shared by the scripts in here: builds, and finds the class path of the loads.
set -eu
here=$(cd "$(dirname "$0")" && pwd)
root=$(dirname "$here")
work=${BENCH_WORK:-$here/target/work}
java=${JAVA_HOME:+$JAVA_HOME/bin/}java

build() {
  (cd "$root" && ./mvnw -q -pl cli -am package -DskipTests && touch cli/target/lib/.built &&
    ./mvnw -q -pl bench -am test-compile dependency:build-classpath \
      -Dmdep.includeScope=test -Dmdep.outputFile="$here/target/classpath")
  classpath=$here/target/test-classes:$here/target/classes:$(cat "$here/target/classpath")
}

holdfast() { "$root/holdfast" "$@"; }

# up NAME: three nodes on this machine, gone when the script ends. Sets cluster, address, pids (one a line).
up() {
  cluster=$work/$1
  address=127.0.0.1:21400
  trap 'holdfast down --dir "$cluster" > /dev/null 2>&1 || true; rm -rf "$cluster"' EXIT
  trap 'exit 1' INT TERM
  mkdir -p "$work"
  rm -rf "$cluster"
  holdfast up --dir "$cluster" --port 21400 > "$work/up.log"
  pids=$(sed -n 's/.*process \([0-9]*\),.*/\1/p' "$work/up.log")
}

# For scripts that run a peer in turn: up_SYSTEM sets pids and servers, down_SYSTEM ends what it started.
up_holdfast() {
  rm -rf "$work/holdfast"
  holdfast up --dir "$work/holdfast" --port 21400 > "$work/up.log" 2>&1
  pids=$(sed -n 's/.*process \([0-9]*\),.*/\1/p' "$work/up.log" | paste -sd, -)
  servers=127.0.0.1:21400,127.0.0.1:21410,127.0.0.1:21420
}

down_holdfast() {
  holdfast down --dir "$work/holdfast" > /dev/null 2>&1 || true
  rm -rf "$work/holdfast"/node-?/data
}

# load NAME KEY=VALUE...: one load on the system that is up
load() {
  name=$1
  shift
  say "$system $name"
  "$java" -Xmx1g -XX:+UseG1GC -cp "$classpath" io.holdfast.bench.peer.PeerLoad system=$system servers=$servers \
    pids="$pids" seconds="$seconds" out="$results/$name-$system-$round.json" "$@" > "$work/load.log" 2>&1 ||
    { cat "$work/load.log" >&2; exit 1; }
}

say() { echo "$(date +%H:%M:%S) $*" >&2; }

# The processes of the cluster, as --server-pid wants them.
pid_list() { echo "$pids" | paste -sd, -; }
