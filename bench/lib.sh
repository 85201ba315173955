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
