package io.holdfast.consensus.queue;

import com.google.common.collect.Range;
import com.google.common.collect.RangeSet;
import com.google.common.collect.TreeRangeSet;
import io.holdfast.internal.v1.DeadRecord;
import io.holdfast.internal.v1.OffsetRange;
import io.holdfast.internal.v1.QueueRow;
import java.util.ArrayList;
import java.util.List;
import java.util.NavigableMap;
import java.util.TreeMap;

/**
 * Records of one partition on which a group has given up: numbered from 0 as they die, kept until they are in the
 * dead-letter topic. The number, less a base, is their sequence there, which is what makes the move exactly once: it is
 * the same on every replica, and that topic's partition refuses what it has. Not thread-safe.
 */
final class DeadLetters {
    private final NavigableMap<Long, DeadRecord> pending = new TreeMap<>();
    private final RangeSet<Long> redriven = TreeRangeSet.create();
    private long nextNumber;
    private long topicId;
    private long base;

    /** @param record without its number */
    void add(DeadRecord.Builder record) {
        long number = nextNumber++;
        pending.put(number, record.setNumber(number).build());
    }

    /** Forgets those that have been moved; returns them. */
    List<DeadRecord> moved(long belowNumber) {
        NavigableMap<Long, DeadRecord> moved = pending.headMap(belowNumber, false);
        List<DeadRecord> records = List.copyOf(moved.values());
        moved.clear();
        return records;
    }

    /** From now on they go to this topic, if it is a later one than before. */
    void target(long newTopicId) {
        if (newTopicId > topicId) {
            topicId = newTopicId;
            base = pending.isEmpty() ? nextNumber : pending.firstKey();
        }
    }

    boolean wasRedriven(long number) {
        return redriven.contains(number);
    }

    void redriven(long number) {
        redriven.add(Range.closedOpen(number, number + 1));
    }

    /** Whether a record got this number and was moved since. */
    boolean wasMoved(long number) {
        return number >= 0 && number < nextNumber && !pending.containsKey(number);
    }

    /** The oldest that have not been moved, at most {@code max}. */
    List<DeadRecord> oldest(int max) {
        List<DeadRecord> oldest = new ArrayList<>();
        for (DeadRecord record : pending.values()) {
            if (oldest.size() == max) {
                break;
            }
            oldest.add(record);
        }
        return oldest;
    }

    int pendingCount() {
        return pending.size();
    }

    long count() {
        return nextNumber;
    }

    long topicId() {
        return topicId;
    }

    long base() {
        return base;
    }

    void addTo(QueueRow.Builder row) {
        row.setNextDeadNumber(nextNumber).setDeadTopicId(topicId).setDeadBase(base);
        row.addAllDead(pending.values());
        for (Range<Long> range : redriven.asRanges()) {
            row.addRedriven(
                    OffsetRange.newBuilder().setFrom(range.lowerEndpoint()).setTo(range.upperEndpoint()));
        }
    }

    void load(QueueRow row) {
        nextNumber = row.getNextDeadNumber();
        topicId = row.getDeadTopicId();
        base = row.getDeadBase();
        row.getDeadList().forEach(record -> pending.put(record.getNumber(), record));
        row.getRedrivenList().forEach(range -> redriven.add(Range.closedOpen(range.getFrom(), range.getTo())));
    }
}
