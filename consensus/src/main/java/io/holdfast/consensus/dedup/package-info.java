/** Message ids that a partition knows, so that it stores a record once whoever sends it how often. */
@NullMarked
package io.holdfast.consensus.dedup;

import org.jspecify.annotations.NullMarked;
