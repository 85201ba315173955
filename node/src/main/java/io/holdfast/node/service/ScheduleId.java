package io.holdfast.node.service;

import io.holdfast.consensus.Refusal;
import io.holdfast.consensus.schedule.SchedulePosition;
import java.util.Comparator;
import java.util.regex.Matcher;
import java.util.regex.Pattern;

/** Names a record that a topic keeps for later, as clients see it: {@code TIME-PARTITION-NUMBER}. Ordered by time. */
public record ScheduleId(int partition, SchedulePosition position) implements Comparable<ScheduleId> {
    private static final Comparator<ScheduleId> ORDER = Comparator.<ScheduleId>comparingLong(id -> id.position.dueMs())
            .thenComparingInt(ScheduleId::partition)
            .thenComparingLong(id -> id.position.number());
    private static final Pattern FORM = Pattern.compile("(\\d{1,18})-(\\d{1,9})-(\\d{1,18})");

    public static ScheduleId parse(String text) {
        Matcher parts = FORM.matcher(text);
        if (!parts.matches()) {
            throw Refusal.invalid("give back a schedule id as it came, like 1800000000000-0-7, not '" + text + "'");
        }
        return new ScheduleId(
                Integer.parseInt(parts.group(2)),
                new SchedulePosition(Long.parseLong(parts.group(1)), Long.parseLong(parts.group(3))));
    }

    @Override
    public int compareTo(ScheduleId other) {
        return ORDER.compare(this, other);
    }

    @Override
    public String toString() {
        return position.dueMs() + "-" + partition + "-" + position.number();
    }
}
