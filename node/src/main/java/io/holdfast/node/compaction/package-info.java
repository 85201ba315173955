/** When which partition of this node is compacted. */
@org.jspecify.annotations.NullMarked
package io.holdfast.node.compaction;
