/** Clients at work, which write down what they ask and what they are told. */
@NullMarked
package io.holdfast.chaos.workload;

import org.jspecify.annotations.NullMarked;
