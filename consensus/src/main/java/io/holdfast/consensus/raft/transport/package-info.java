/** How the Raft groups of two nodes talk: all of them over one connection a direction, with appenders that share threads. */
@NullMarked
package io.holdfast.consensus.raft.transport;

import org.jspecify.annotations.NullMarked;
