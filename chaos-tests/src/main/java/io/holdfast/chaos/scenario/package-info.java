/** What is done to a cluster, in which order, and what must be true afterwards. */
@NullMarked
package io.holdfast.chaos.scenario;

import org.jspecify.annotations.NullMarked;
