package io.holdfast.client;

import org.jspecify.annotations.Nullable;

/**
 * What a reader reads; {@link #of} with changes.
 *
 * @param partition null for all of them
 * @param until where to stop, exclusive; null, with {@code follow} false: at what is there when the reader starts
 * @param follow go on at the end of the log, until closed or {@code until}
 * @param node read from the node at this address only; null to choose
 * @param bytesAheadMax how much is fetched per partition before it is asked for
 */
public record ReaderSettings(
        String topic,
        @Nullable Integer partition,
        Position from,
        @Nullable Position until,
        boolean follow,
        ReadMode mode,
        @Nullable String node,
        int bytesAheadMax) {

    /** All partitions, from the earliest record to the end. */
    public static ReaderSettings of(String topic) {
        return new ReaderSettings(topic, null, Position.earliest(), null, false, ReadMode.leader(), null, 2 << 20);
    }

    public ReaderSettings withPartition(int only) {
        return new ReaderSettings(topic, only, from, until, follow, mode, node, bytesAheadMax);
    }

    public ReaderSettings withFrom(Position start) {
        return new ReaderSettings(topic, partition, start, until, follow, mode, node, bytesAheadMax);
    }

    public ReaderSettings withUntil(Position end) {
        return new ReaderSettings(topic, partition, from, end, follow, mode, node, bytesAheadMax);
    }

    public ReaderSettings withFollow(boolean on) {
        return new ReaderSettings(topic, partition, from, until, on, mode, node, bytesAheadMax);
    }

    public ReaderSettings withMode(ReadMode other) {
        return new ReaderSettings(topic, partition, from, until, follow, other, node, bytesAheadMax);
    }

    public ReaderSettings withNode(String address) {
        return new ReaderSettings(topic, partition, from, until, follow, mode, address, bytesAheadMax);
    }

    public ReaderSettings withBytesAheadMax(int bytes) {
        return new ReaderSettings(topic, partition, from, until, follow, mode, node, bytes);
    }
}
