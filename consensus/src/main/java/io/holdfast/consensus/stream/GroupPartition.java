package io.holdfast.consensus.stream;

/** A partition, as a group reads it. */
record GroupPartition(String group, PartitionName partition) {}
