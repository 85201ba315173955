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

# The processes of the cluster, as --server-pid wants them.
pid_list() { echo "$pids" | paste -sd, -; }
