/** A partition's replica: the state machine, its producers, its checkpoints, appends and reads. */
@NullMarked
package io.holdfast.consensus.partition;

import org.jspecify.annotations.NullMarked;
