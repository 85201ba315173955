package io.holdfast.client;

import io.holdfast.client.PartitionStream.Chunk;
import io.holdfast.v1.ErrorReason;
import java.time.Duration;
import java.util.ArrayList;
import java.util.Iterator;
import java.util.List;
import java.util.NoSuchElementException;
import java.util.concurrent.LinkedBlockingQueue;
import java.util.concurrent.ScheduledExecutorService;
import java.util.concurrent.ScheduledFuture;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.atomic.AtomicInteger;
import org.jspecify.annotations.Nullable;

/**
 * Reads a topic, or one partition of it: records of a partition in order, those of different partitions as they come.
 * Goes on elsewhere when a node dies, without a gap and without repeating a record. One thread at a time.
 */
public final class Reader implements AutoCloseable, Iterable<ReceivedRecord> {
    private static final Duration PATIENCE = Duration.ofSeconds(10);
    private static final long ALIVE_CHECK_SECONDS = 2;
    private static final long POLL_MS = 100;

    private final List<PartitionStream> streams = new ArrayList<>();
    private final LinkedBlockingQueue<Chunk> chunks = new LinkedBlockingQueue<>();
    private final AtomicInteger open = new AtomicInteger();
    private final ScheduledFuture<?> aliveCheck;
    private volatile @Nullable HoldfastException failure;
    private volatile boolean waiting;
    private volatile boolean closed;
    private @Nullable Chunk current;
    private int nextInCurrent;

    Reader(
            ReaderSettings settings,
            Connections connections,
            RoutingCache routes,
            ScheduledExecutorService timer,
            Admin admin) {
        int partitions = routes.partitions(settings.topic(), PATIENCE);
        Integer only = settings.partition();
        if (only != null && (only < 0 || only >= partitions)) {
            throw HoldfastException.notApplied(
                    ErrorReason.ERROR_REASON_PARTITION_NOT_FOUND,
                    "choose a partition from 0 to " + (partitions - 1) + ": topic '" + settings.topic() + "' has no "
                            + only);
        }
        Position until = settings.until();
        List<Long> ends = null;
        if (until != null || !settings.follow()) {
            ends = admin.lookupOffsets(
                    settings.topic(), partitions, (until == null ? Position.latest() : until).start());
        }
        for (int p = 0; p < partitions; p++) {
            if (only == null || only == p) {
                long end = ends == null ? Long.MAX_VALUE : ends.get(p);
                streams.add(new PartitionStream(settings, p, end, connections, routes, timer, new Arrivals()));
            }
        }
        open.set(streams.size());
        streams.forEach(PartitionStream::connect);
        aliveCheck = timer.scheduleWithFixedDelay(
                () -> streams.forEach(PartitionStream::checkAlive),
                ALIVE_CHECK_SECONDS,
                ALIVE_CHECK_SECONDS,
                TimeUnit.SECONDS);
    }

    /**
     * The next record; null if none came in time, or ever will ({@link #isFinished}).
     *
     * @throws HoldfastException if a partition cannot be read any further
     */
    public @Nullable ReceivedRecord poll(Duration patience) {
        long deadline = System.nanoTime() + patience.toNanos();
        while (true) {
            Chunk chunk = current;
            if (chunk != null && nextInCurrent < chunk.records().size()) {
                return chunk.records().get(nextInCurrent++);
            }
            if (chunk != null) {
                chunk.from().used(chunk);
                current = null;
            }
            boolean finished = open.get() == 0; // looked at first: chunks are offered before the end is told
            Chunk next = chunks.poll();
            if (next == null) {
                HoldfastException error = failure;
                if (error != null) {
                    throw error;
                }
                long left = Math.min(deadline - System.nanoTime(), TimeUnit.MILLISECONDS.toNanos(POLL_MS));
                if (finished || closed || left <= 0) {
                    return null;
                }
                next = await(left);
            }
            if (next != null) {
                current = next;
                nextInCurrent = 0;
            }
        }
    }

    private @Nullable Chunk await(long nanos) {
        waiting = true;
        try {
            return chunks.poll(nanos, TimeUnit.NANOSECONDS);
        } catch (InterruptedException e) {
            Thread.currentThread().interrupt();
            throw HoldfastException.notApplied(ErrorReason.ERROR_REASON_UNAVAILABLE, "interrupted");
        } finally {
            waiting = false;
        }
    }

    /** Everything up to the end has been returned by {@link #poll}. */
    public boolean isFinished() {
        Chunk chunk = current;
        return open.get() == 0
                && chunks.isEmpty()
                && (chunk == null || nextInCurrent >= chunk.records().size());
    }

    private final class Arrivals implements PartitionStream.Sink {
        @Override
        public void offer(Chunk chunk) {
            chunks.add(chunk); // bounded by the credit given
        }

        @Override
        public void ended(PartitionStream from, @Nullable HoldfastException error) {
            if (error != null) {
                failure = error;
            }
            open.decrementAndGet();
        }

        @Override
        public boolean isWaiting() {
            return waiting;
        }
    }

    /** Blocks for each record until the end; never ends while following, unless closed. */
    @Override
    public Iterator<ReceivedRecord> iterator() {
        return new Iterator<>() {
            private @Nullable ReceivedRecord ready;

            @Override
            public boolean hasNext() {
                while (ready == null && !closed && !isFinished()) {
                    ready = poll(Duration.ofSeconds(1));
                }
                if (ready == null) {
                    ready = poll(Duration.ZERO); // reports a failure, if that was the end
                }
                return ready != null;
            }

            @Override
            public ReceivedRecord next() {
                if (!hasNext() || ready == null) {
                    throw new NoSuchElementException();
                }
                ReceivedRecord record = ready;
                ready = null;
                return record;
            }
        };
    }

    @Override
    public void close() {
        closed = true;
        aliveCheck.cancel(false);
        streams.forEach(PartitionStream::close);
    }
}
