/** Which node gets what: pure functions from what is to what should be. They know nothing of Raft, time or the network. */
@org.jspecify.annotations.NullMarked
package io.holdfast.node.placement;
