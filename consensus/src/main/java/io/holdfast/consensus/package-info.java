/**
 * Replication: the only module that knows Apache Ratis. {@code raft} hosts the groups, {@code partition} is one replica
 * of a partition, {@code metadata} the group that says which partitions exist and where.
 */
@NullMarked
package io.holdfast.consensus;

import org.jspecify.annotations.NullMarked;
