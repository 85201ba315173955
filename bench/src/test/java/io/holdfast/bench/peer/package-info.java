/** The same loads on Kafka, for bench/compare.sh. */
package io.holdfast.bench.peer;
