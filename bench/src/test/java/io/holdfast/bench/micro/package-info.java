/** JMH benchmarks of single steps: bench/micro.sh runs them. */
package io.holdfast.bench.micro;
