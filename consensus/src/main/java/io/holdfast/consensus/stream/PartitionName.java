package io.holdfast.consensus.stream;

import java.util.Comparator;

/** One partition of one topic. */
record PartitionName(long topicId, int partition) implements Comparable<PartitionName> {
    private static final Comparator<PartitionName> ORDER =
            Comparator.comparingLong(PartitionName::topicId).thenComparingInt(PartitionName::partition);

    @Override
    public int compareTo(PartitionName other) {
        return ORDER.compare(this, other);
    }
}
