package io.holdfast.consensus.schedule;

import io.holdfast.internal.v1.ScheduleKey;
import java.util.Comparator;

/**
 * A record's place in its partition's schedule: by time, and then as they came.
 *
 * @param dueMs since 1970, not negative
 * @param number counts the records that the partition has kept for later
 */
public record SchedulePosition(long dueMs, long number) implements Comparable<SchedulePosition> {
    public static final SchedulePosition FIRST = new SchedulePosition(0, 0);

    private static final Comparator<SchedulePosition> ORDER =
            Comparator.comparingLong(SchedulePosition::dueMs).thenComparingLong(SchedulePosition::number);

    public static SchedulePosition of(ScheduleKey key) {
        return new SchedulePosition(key.getDueMs(), key.getNumber());
    }

    public ScheduleKey toKey() {
        return ScheduleKey.newBuilder().setDueMs(dueMs).setNumber(number).build();
    }

    /** The very next one. */
    public SchedulePosition next() {
        return new SchedulePosition(dueMs, number + 1);
    }

    @Override
    public int compareTo(SchedulePosition other) {
        return ORDER.compare(this, other);
    }
}
