package io.holdfast.client;

import io.holdfast.v1.StreamConfig;
import java.time.Duration;
import java.util.List;

/**
 * How a member of a stream group works; {@link #of} with changes.
 *
 * @param topics names, or prefixes that end with {@code *}
 * @param config of the group, if it does not exist yet; what is not set takes its default
 * @param instance name of this member over restarts: it finds its partitions again if it is back within the session
 *     timeout; empty for none
 * @param rack partitions with a replica there are preferred
 * @param commitEvery how often {@link StreamConsumer#poll} commits what earlier polls returned; zero: never, commit by
 *     {@link StreamConsumer#commit}
 * @param bytesAheadMax how much is fetched per partition before it is asked for
 */
public record StreamSettings(
        String group,
        List<String> topics,
        StreamConfig config,
        String instance,
        String rack,
        ReadMode mode,
        Duration commitEvery,
        int bytesAheadMax) {

    /** From the earliest record, commits every second. */
    public static StreamSettings of(String group, String... topics) {
        return new StreamSettings(
                group,
                List.of(topics),
                StreamConfig.getDefaultInstance(),
                "",
                "",
                ReadMode.leader(),
                Duration.ofSeconds(1),
                1 << 20);
    }

    public StreamSettings withConfig(StreamConfig other) {
        return new StreamSettings(group, topics, other, instance, rack, mode, commitEvery, bytesAheadMax);
    }

    public StreamSettings withInstance(String name) {
        return new StreamSettings(group, topics, config, name, rack, mode, commitEvery, bytesAheadMax);
    }

    public StreamSettings withRack(String name) {
        return new StreamSettings(group, topics, config, instance, name, mode, commitEvery, bytesAheadMax);
    }

    public StreamSettings withMode(ReadMode other) {
        return new StreamSettings(group, topics, config, instance, rack, other, commitEvery, bytesAheadMax);
    }

    public StreamSettings withCommitEvery(Duration period) {
        return new StreamSettings(group, topics, config, instance, rack, mode, period, bytesAheadMax);
    }

    public StreamSettings withBytesAheadMax(int bytes) {
        return new StreamSettings(group, topics, config, instance, rack, mode, commitEvery, bytes);
    }
}
