package io.holdfast.consensus.metadata;

import io.holdfast.internal.v1.KeyRange;
import io.holdfast.internal.v1.PartitionAssignment;
import io.holdfast.internal.v1.TopicRow;
import io.holdfast.record.KeyHash;
import java.util.Map;
import java.util.NavigableMap;
import java.util.TreeMap;

/** Which partition of a topic a key belongs to now: of equal ranges of hashes, or as they were split since. Immutable. */
public final class TopicKeys {
    private final int partitions;
    /** First hash of a range, and whose it is; empty if all are equal. */
    private final NavigableMap<Long, Integer> byFirst = new TreeMap<>();

    private TopicKeys(TopicRow topic) {
        partitions = topic.getAssignmentsCount();
        if (hasGrown(topic)) {
            for (int p = 0; p < partitions; p++) {
                if (!isSplitting(topic.getAssignments(p))) {
                    byFirst.put(first(topic.getAssignments(p).getKeys()), p);
                }
            }
        }
    }

    public static TopicKeys of(TopicRow topic) {
        return new TopicKeys(topic);
    }

    /** @param hash see {@link KeyHash#of} */
    public int partition(long hash) {
        if (byFirst.isEmpty()) {
            return KeyHash.partition(hash, partitions);
        }
        Map.Entry<Long, Integer> range = byFirst.floorEntry(hash);
        if (range == null) {
            throw new IllegalStateException("no partition has hash " + hash);
        }
        return range.getValue();
    }

    /** Whether ranges are said, since they are not equal any more. */
    public static boolean hasGrown(TopicRow topic) {
        return topic.getSplitVersion() != 0;
    }

    /** Whether a partition is to get keys of another, and has none yet. */
    public static boolean isSplitting(PartitionAssignment assignment) {
        return assignment.hasParent() && !assignment.getParent().hasEndOffset();
    }

    /** What belongs to a partition, also if it {@link #isSplitting}. */
    public static KeyRange range(TopicRow topic, int partition) {
        if (hasGrown(topic)) {
            return topic.getAssignments(partition).getKeys();
        }
        int partitions = topic.getAssignmentsCount();
        return KeyRange.newBuilder()
                .setFirst((int) KeyHash.rangeFirst(partition, partitions))
                .setLast((int) KeyHash.rangeLast(partition, partitions))
                .build();
    }

    static long first(KeyRange range) {
        return Integer.toUnsignedLong(range.getFirst());
    }

    static long last(KeyRange range) {
        return Integer.toUnsignedLong(range.getLast());
    }
}
