/** Records that a partition keeps for later: what is kept, and the leader's part, which appends them when they are due. */
@NullMarked
package io.holdfast.consensus.schedule;

import org.jspecify.annotations.NullMarked;
