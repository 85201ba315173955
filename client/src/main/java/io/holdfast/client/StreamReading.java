package io.holdfast.client;

import io.holdfast.client.PartitionStream.Chunk;
import io.holdfast.v1.Ownership;
import io.holdfast.v1.TopicPartition;
import java.util.concurrent.LinkedBlockingQueue;
import java.util.concurrent.ScheduledExecutorService;
import java.util.concurrent.TimeUnit;
import org.jspecify.annotations.Nullable;

/** A partition that a member of a stream group owns and reads. Its consumer's thread only, but for what arrives. */
final class StreamReading {
    /** Position of one that begins at the earliest record, wherever that is. */
    static final long EARLIEST = -1;

    private final TopicPartition partition;
    private final long epoch;
    private final PartitionStream stream;
    private long position;
    private @Nullable Long committed;

    /** What has arrived of all partitions, or how one has failed. */
    static final class Arrivals {
        private final LinkedBlockingQueue<Arrival> queue = new LinkedBlockingQueue<>();
        private volatile boolean waiting;

        /** Null if nothing came in time. */
        @Nullable
        Arrival await(long nanos) throws InterruptedException {
            waiting = true;
            try {
                return queue.poll(Math.max(0, nanos), TimeUnit.NANOSECONDS);
            } finally {
                waiting = false;
            }
        }
    }

    /** One of the two is null. */
    record Arrival(
            StreamReading from,
            @Nullable Chunk chunk,
            @Nullable HoldfastException failure) {}

    /** Opens streams for readings. */
    record Opener(
            StreamSettings settings,
            Connections connections,
            RoutingCache routes,
            ScheduledExecutorService timer,
            Arrivals arrivals) {}

    /**
     * @param position first offset to read, or {@link #EARLIEST}
     * @param committed what the group has of it
     */
    StreamReading(TopicPartition partition, long epoch, long position, @Nullable Long committed, Opener opener) {
        this.partition = partition;
        this.epoch = epoch;
        this.position = position;
        this.committed = committed;
        ReaderSettings reader = ReaderSettings.of(partition.getTopic())
                .withPartition(partition.getPartition())
                .withFrom(position == EARLIEST ? Position.earliest() : Position.offset(position))
                .withFollow(true)
                .withMode(opener.settings().mode())
                .withBytesAheadMax(opener.settings().bytesAheadMax());
        stream = new PartitionStream(
                reader,
                partition.getPartition(),
                Long.MAX_VALUE,
                opener.connections(),
                opener.routes(),
                opener.timer(),
                sink(opener.arrivals()));
    }

    private PartitionStream.Sink sink(Arrivals arrivals) {
        return new PartitionStream.Sink() {
            @Override
            public void offer(Chunk chunk) {
                arrivals.queue.add(new Arrival(StreamReading.this, chunk, null)); // bounded by the credit given
            }

            @Override
            public void ended(PartitionStream from, @Nullable HoldfastException failure) {
                if (failure != null) {
                    arrivals.queue.add(new Arrival(StreamReading.this, null, failure));
                }
            }

            @Override
            public boolean isWaiting() {
                return arrivals.waiting;
            }
        };
    }

    TopicPartition partition() {
        return partition;
    }

    long epoch() {
        return epoch;
    }

    Ownership ownership() {
        return Ownership.newBuilder()
                .setPartition(partition)
                .setOwnershipEpoch(epoch)
                .build();
    }

    PartitionStream stream() {
        return stream;
    }

    /** First offset that has not been returned. */
    long position() {
        return position;
    }

    /** These have been returned. */
    void returned(Chunk chunk) {
        if (position != EARLIEST || !chunk.records().isEmpty()) { // a sign of life says nothing new
            position = chunk.nextOffset();
        }
    }

    /** Null if nothing is known to be. */
    @Nullable
    Long committed() {
        return committed;
    }

    void committed(long offset) {
        committed = offset;
    }

    boolean isCommitted() {
        return position == EARLIEST || (committed != null && committed == position);
    }
}
