package io.holdfast.client;

import io.holdfast.client.PartitionStream.Chunk;
import io.holdfast.v1.ErrorReason;
import java.time.Duration;
import java.util.Iterator;
import java.util.List;
import java.util.NoSuchElementException;
import java.util.concurrent.CopyOnWriteArrayList;
import java.util.concurrent.LinkedBlockingQueue;
import java.util.concurrent.ScheduledExecutorService;
import java.util.concurrent.ScheduledFuture;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.atomic.AtomicInteger;
import org.jspecify.annotations.Nullable;

/**
 * Reads a topic, or one partition of it: records of a partition in order, those of different partitions as they come, but
 * records of one key always in order, also if the topic has grown. Goes on elsewhere when a node dies, without a gap and
 * without repeating a record. One thread at a time.
 */
public final class Reader implements AutoCloseable, Iterable<ReceivedRecord> {
    private static final Duration PATIENCE = Duration.ofSeconds(10);
    private static final long ALIVE_CHECK_SECONDS = 2;
    private static final long POLL_MS = 100;

    private final ReaderSettings settings;
    private final RoutingCache routes;
    private final StreamMaker maker;
    private final List<PartitionStream> streams = new CopyOnWriteArrayList<>();
    private final SplitGates gates;
    private final Runnable routesChanged;
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
        this.settings = settings;
        this.routes = routes;
        maker = (how, partition, end) ->
                new PartitionStream(how, partition, end, connections, routes, timer, new Arrivals());
        gates = new SplitGates(timer);
        routesChanged = () -> timer.execute(this::discover);
        int partitions = routes.partitions(settings.topic(), PATIENCE, admin::denial);
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
        KeyRanges ranges = routes.ranges(settings.topic());
        for (int p = 0; p < partitions; p++) {
            // One that is being split off still has no keys, and is found when it does.
            boolean wanted = only == null ? ends != null || ranges.partitions().contains(p) : only == p;
            if (wanted) {
                streams.add(maker.make(settings, p, ends == null ? Long.MAX_VALUE : ends.get(p)));
            }
        }
        open.set(streams.size());
        boolean inOrder = only == null && !settings.from().start().getLatest();
        streams.forEach(stream -> gates.add(stream, inOrder ? ranges.splitOff(stream.partition()) : null));
        if (only == null && ends == null) {
            routes.onChange(routesChanged);
            timer.execute(this::discover);
        }
        aliveCheck = timer.scheduleWithFixedDelay(
                () -> streams.forEach(PartitionStream::checkAlive),
                ALIVE_CHECK_SECONDS,
                ALIVE_CHECK_SECONDS,
                TimeUnit.SECONDS);
    }

    private interface StreamMaker {
        PartitionStream make(ReaderSettings how, int partition, long end);
    }

    /** Partitions that the topic has got since: all that is in them is new to this reader. */
    private synchronized void discover() {
        KeyRanges ranges = routes.ranges(settings.topic());
        for (int partition : ranges.partitions()) {
            if (!closed && streams.stream().noneMatch(stream -> stream.partition() == partition)) {
                PartitionStream stream = maker.make(settings.withFrom(Position.earliest()), partition, Long.MAX_VALUE);
                streams.add(stream);
                open.incrementAndGet();
                gates.add(stream, ranges.splitOff(partition));
            }
        }
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
            gates.progress();
        }

        @Override
        public void ended(PartitionStream from, @Nullable HoldfastException error) {
            if (error != null) {
                failure = error;
            }
            open.decrementAndGet();
            gates.ended(from.partition());
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
        routes.forget(routesChanged);
        aliveCheck.cancel(false);
        streams.forEach(PartitionStream::close);
    }
}
