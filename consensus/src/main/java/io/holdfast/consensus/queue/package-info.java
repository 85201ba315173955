/** Queue groups: what each has done with a partition's records, and the leader's side of handing them out. */
@NullMarked
package io.holdfast.consensus.queue;

import org.jspecify.annotations.NullMarked;
