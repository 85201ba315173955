/** Loads for whole clusters, ours or another's, and what they measure. */
@NullMarked
package io.holdfast.bench;

import org.jspecify.annotations.NullMarked;
