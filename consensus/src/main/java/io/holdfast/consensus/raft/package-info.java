/** Ratis: one server per node, a division per group. */
@NullMarked
package io.holdfast.consensus.raft;

import org.jspecify.annotations.NullMarked;
