#!/bin/sh
# JMH benchmarks of single steps: bench/micro.sh [JMH ARGUMENTS], for example: bench/micro.sh BatchBenchmark -prof gc
. "$(dirname "$0")/lib.sh"
build
exec "$java" -cp "$classpath" org.openjdk.jmh.Main "$@"
