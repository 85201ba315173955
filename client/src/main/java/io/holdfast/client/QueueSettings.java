package io.holdfast.client;

import java.time.Duration;
import java.util.List;
import java.util.UUID;
import org.jspecify.annotations.Nullable;

/**
 * What a queue consumer takes from where; {@link #of} with changes.
 *
 * @param member who it is, for operators and per-member limits
 * @param prefetch records leased to it and not yet settled, at most
 * @param lease how long it holds a record without a sign of life; null for what the group says
 * @param partitions only these; empty for all
 */
public record QueueSettings(
        String topic,
        String group,
        String member,
        int prefetch,
        @Nullable Duration lease,
        List<Integer> partitions) {

    /** All partitions, 100 records at a time, under a name of its own. */
    public static QueueSettings of(String topic, String group) {
        String member = "java-" + ProcessHandle.current().pid() + "-"
                + UUID.randomUUID().toString().substring(0, 8);
        return new QueueSettings(topic, group, member, 100, null, List.of());
    }

    public QueueSettings withMember(String name) {
        return new QueueSettings(topic, group, name, prefetch, lease, partitions);
    }

    public QueueSettings withPrefetch(int records) {
        return new QueueSettings(topic, group, member, records, lease, partitions);
    }

    public QueueSettings withLease(Duration length) {
        return new QueueSettings(topic, group, member, prefetch, length, partitions);
    }

    public QueueSettings withPartitions(List<Integer> only) {
        return new QueueSettings(topic, group, member, prefetch, lease, List.copyOf(only));
    }
}
