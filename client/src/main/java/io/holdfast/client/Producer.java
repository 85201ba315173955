package io.holdfast.client;

import com.google.protobuf.ByteString;
import io.holdfast.client.RoutingCache.PartitionKey;
import io.holdfast.record.HeaderNames;
import io.holdfast.record.KeyHash;
import io.holdfast.record.LogRecord;
import io.holdfast.record.RecordBatchBuilder;
import io.holdfast.record.RecordHeader;
import io.holdfast.v1.ErrorReason;
import io.holdfast.v1.OpenProducerResponse;
import io.holdfast.v1.PublishStreamResponse;
import io.holdfast.v1.WriteOutcome;
import java.time.Duration;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.Iterator;
import java.util.LinkedHashSet;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.ConcurrentHashMap;
import java.util.concurrent.Executor;
import java.util.concurrent.RejectedExecutionException;
import java.util.concurrent.ScheduledExecutorService;
import java.util.concurrent.ScheduledFuture;
import java.util.concurrent.TimeUnit;
import org.jspecify.annotations.Nullable;

/**
 * Sends records. Thread-safe; one per process is usually best, since it batches what its callers send.
 *
 * <p>Order is kept per partition. Unless switched off, retries never store a record twice: each batch has a place in
 * this producer's order that the partition remembers. A failure is a {@link HoldfastException} whose outcome says
 * whether the record may have been stored.
 */
public final class Producer implements AutoCloseable {
    private static final long UPKEEP_MS = 50;
    private static final long TRIM_NANOS = TimeUnit.SECONDS.toNanos(5);
    /** Unanswered bytes per partition, unless that were fewer than the eager batches: enough to keep a leader busy. */
    private static final long BYTES_IN_FLIGHT = 4 << 20;
    /** No answer for this long: ask elsewhere. The node we waited for may be paused or cut off. */
    private static final long ANSWER_NANOS_MAX = TimeUnit.SECONDS.toNanos(5);

    private final ProducerSettings settings;
    private final Connections connections;
    private final RoutingCache routes;
    private final ScheduledExecutorService timer;
    private final Executor callbacks;
    private final Admin admin;
    private final Runnable routesChanged = this::onRoutes;
    private final ScheduledFuture<?> upkeep;

    /** Guards everything below. Futures are never completed under it. */
    private final Object lock = new Object();

    private final Map<PartitionKey, Lane> lanes = new HashMap<>();
    /** That a record was put into last. */
    private @Nullable Lane lastLane;

    /** Batches some of whose callers have not been told yet. Added to under the lock. */
    private final Set<PendingBatch> unsettled = ConcurrentHashMap.newKeySet();

    private final Map<String, PublishConnection> streams = new HashMap<>();
    private final Map<PartitionKey, ByteString> tokens = new HashMap<>();
    private final KeyPlacement placement;
    private final BatchMemory batchMemory;
    private long trimmedNanos = System.nanoTime();
    private long memoryUsed;
    private boolean flushing;
    private boolean closed;
    private long producerId;
    private int epoch;
    private @Nullable HoldfastException fatal;
    /** The producer's id is known; read without the lock. */
    private volatile boolean identified;

    Producer(
            ProducerSettings settings,
            Connections connections,
            RoutingCache routes,
            ScheduledExecutorService timer,
            Executor callbacks,
            Admin admin) {
        this.settings = settings;
        this.connections = connections;
        this.routes = routes;
        this.timer = timer;
        this.callbacks = callbacks;
        this.admin = admin;
        placement = new KeyPlacement(routes);
        batchMemory = new BatchMemory(settings.batchBytesMax());
        routes.onChange(routesChanged);
        upkeep = timer.scheduleWithFixedDelay(this::upkeep, UPKEEP_MS, UPKEEP_MS, TimeUnit.MILLISECONDS);
    }

    // ---- the caller's side

    /**
     * Sends a record. Blocks while the producer's memory is full, and at first use until topic and identity are known.
     *
     * @return completes when a majority has the record on disk, in the log, or, if it has a time to be delivered at, beside it
     * @throws HoldfastException if the record cannot even be queued; then it was certainly not stored
     */
    public CompletableFuture<RecordPosition> send(ProducerRecord record) {
        SendFuture future = new SendFuture();
        send(record, future);
        return future;
    }

    private static final class SendFuture extends CompletableFuture<RecordPosition> implements SendCallback {
        @Override
        public void onCompletion(@Nullable RecordPosition position, @Nullable HoldfastException failure) {
            if (failure != null) {
                completeExceptionally(failure);
            } else {
                complete(position);
            }
        }
    }

    /**
     * As {@link #send(ProducerRecord)}, for many small records: a callback costs less than a future.
     *
     * @throws HoldfastException if the record cannot even be queued; then it was certainly not stored, and the callback is
     *     not called
     */
    public void send(ProducerRecord record, SendCallback callback) {
        LogRecord log = record.toLog();
        int bytes = RecordBatchBuilder.sizeInBytesMax(log);
        boolean scheduled = record.isScheduled();
        int partitions = routes.partitionsIfKnown(record.topic());
        if (partitions == 0) {
            partitions = routes.partitions(record.topic(), min(settings.deliveryTimeout(), Duration.ofSeconds(10)));
        }
        Integer asked = record.partition();
        if (asked != null && (asked < 0 || asked >= partitions)) {
            throw HoldfastException.notApplied(
                    ErrorReason.ERROR_REASON_PARTITION_NOT_FOUND,
                    "choose a partition from 0 to " + (partitions - 1) + ": topic '" + record.topic() + "' has no "
                            + asked);
        }
        openIdentity();
        synchronized (lock) {
            waitForMemory(bytes);
            checkUsable();
            byte[] key = record.key() != null ? record.key() : record.messageId();
            boolean byKey = false;
            int partition;
            if (asked != null) {
                partition = asked;
            } else if (key != null) {
                byKey = true;
                partition = placement.partitionOf(record.topic(), KeyHash.of(key));
            } else {
                partition = placement.stickyPartition(record.topic());
            }
            Lane lane = lane(record.topic(), partition);
            PendingBatch batch = openBatch(lane, bytes, scheduled);
            if (batch == null) {
                batch = newBatch(
                        lane,
                        scheduled,
                        System.nanoTime() + settings.deliveryTimeout().toNanos());
            }
            batch.add(log, bytes, byKey, callback);
            memoryUsed += bytes;
            pump(lane);
        }
    }

    private Lane lane(String topic, int partition) {
        Lane lane = lastLane;
        if (lane == null
                || lane.key().partition() != partition
                || !lane.key().topic().equals(topic)) {
            lane = lanes.computeIfAbsent(
                    new PartitionKey(topic, partition), key -> new Lane(key, epoch, placement.ranges(topic)));
            lastLane = lane;
        }
        if (lane.isEmpty()) {
            lane.placeAsOf(placement.ranges(topic));
        }
        return lane;
    }

    /** The lane's batch that is being filled, if there is one with room for a record of so many bytes. */
    private @Nullable PendingBatch openBatch(Lane lane, int bytes, boolean scheduled) {
        PendingBatch open = lane.open();
        if (open != null && !open.hasRoomFor(scheduled, bytes, settings.batchBytesMax())) {
            lane.seal(settings.idempotent() ? producerId : 0);
            placement.unstick(lane.key().topic());
            return null;
        }
        return open;
    }

    private PendingBatch newBatch(Lane lane, boolean scheduled, long deadlineNanos) {
        PendingBatch batch = new PendingBatch(lane, scheduled, settings.compression(), batchMemory, deadlineNanos);
        lane.open(batch);
        unsettled.add(batch);
        batch.settled().thenRun(() -> unsettled.remove(batch));
        return batch;
    }

    /**
     * Sends everything at once and waits until each record is acknowledged or has failed, and whoever sent it has been told.
     * Not from a callback: it would wait for itself.
     */
    public void flush() {
        List<CompletableFuture<Void>> unfinished = new ArrayList<>();
        synchronized (lock) {
            flushing = true;
            lanes.values().forEach(this::pump);
            unsettled.forEach(batch -> unfinished.add(batch.settled()));
        }
        CompletableFuture.allOf(unfinished.toArray(CompletableFuture[]::new)).join();
        synchronized (lock) {
            flushing = false;
        }
    }

    /** Flushes, then stops. Later sends are refused. */
    @Override
    public void close() {
        flush();
        List<PendingBatch> left = new ArrayList<>();
        synchronized (lock) {
            closed = true;
            lanes.values().forEach(lane -> left.addAll(lane.takeAll()));
            streams.values().forEach(PublishConnection::cancel);
            streams.clear();
            lock.notifyAll();
        }
        upkeep.cancel(false);
        routes.forget(routesChanged);
        left.forEach(batch -> batch.fail(new HoldfastException(
                ErrorReason.ERROR_REASON_UNAVAILABLE, outcomeOf(batch), "the producer was closed")));
    }

    /** What this producer has seen: a read with it, on any replica, sees everything acknowledged so far. */
    public ByteString sessionToken() {
        synchronized (lock) {
            ByteString token = ByteString.EMPTY;
            for (ByteString one : tokens.values()) {
                token = token.concat(one);
            }
            return token;
        }
    }

    /** This producer's id, known after the first send; 0 before, and without idempotence. */
    public long producerId() {
        synchronized (lock) {
            return producerId;
        }
    }

    private void openIdentity() {
        if (identified || !settings.idempotent()) {
            return;
        }
        OpenProducerResponse opened = admin.openProducer(settings.name() == null ? "" : settings.name());
        synchronized (lock) {
            if (producerId == 0) {
                producerId = opened.getProducerId();
                epoch = opened.getEpoch();
            }
            identified = true;
        }
    }

    private void waitForMemory(long bytes) {
        if (hasMemoryFor(bytes)) {
            return;
        }
        long deadline = System.nanoTime() + settings.deliveryTimeout().toNanos();
        while (!hasMemoryFor(bytes) && !closed) {
            long left = TimeUnit.NANOSECONDS.toMillis(deadline - System.nanoTime());
            if (left <= 0) {
                throw HoldfastException.notApplied(
                        ErrorReason.ERROR_REASON_OVERLOADED,
                        "send more slowly: the producer's memory is full of unacknowledged records");
            }
            try {
                lock.wait(left);
            } catch (InterruptedException e) {
                Thread.currentThread().interrupt();
                throw HoldfastException.notApplied(ErrorReason.ERROR_REASON_UNAVAILABLE, "interrupted");
            }
        }
    }

    private boolean hasMemoryFor(long bytes) {
        return memoryUsed == 0 || memoryUsed + bytes <= settings.memoryBytesMax();
    }

    private void checkUsable() {
        if (closed) {
            throw HoldfastException.notApplied(ErrorReason.ERROR_REASON_INVALID_REQUEST, "the producer is closed");
        }
        HoldfastException end = fatal;
        if (end != null) {
            throw HoldfastException.notApplied(end.reason(), String.valueOf(end.getMessage()));
        }
    }

    private static Duration min(Duration a, Duration b) {
        return a.compareTo(b) < 0 ? a : b;
    }

    // ---- places; all under the lock

    /**
     * Some of a lane's keys are another partition's now: what is in it is placed anew, in order. Of what is under way nothing
     * is stored if it has a sequence; else each batch has a fate of its own, and is waited for.
     */
    private void placeAnew(Lane lane) {
        if (settings.idempotent()) {
            abandonAll(lane);
        }
        List<PendingBatch> batches =
                lane.takeRefused(placement.ranges(lane.key().topic()));
        placement.settled(lane);
        Set<Lane> filled = new LinkedHashSet<>();
        for (PendingBatch batch : batches) {
            memoryUsed -= batch.reservedBytes();
            Set<PendingBatch> into = new LinkedHashSet<>();
            List<LogRecord> records = batch.records();
            for (int i = 0; i < records.size(); i++) {
                LogRecord record = records.get(i);
                boolean byKey = batch.isByKey(i);
                int partition = byKey
                        ? placement.partitionOf(lane.key().topic(), KeyHash.of(placingKey(record)))
                        : lane.key().partition();
                Lane to = lane(lane.key().topic(), partition);
                int bytes = RecordBatchBuilder.sizeInBytesMax(record);
                PendingBatch open = openBatch(to, bytes, batch.isScheduled());
                if (open == null) {
                    open = newBatch(to, batch.isScheduled(), batch.deadlineNanos());
                }
                open.add(record, bytes, byKey, batch.callback(i));
                memoryUsed += bytes;
                filled.add(to);
                into.add(open);
            }
            batch.movedTo(into);
        }
        filled.forEach(this::pump);
    }

    private static byte[] placingKey(LogRecord record) {
        byte[] key = record.key();
        if (key != null) {
            return key;
        }
        for (RecordHeader header : record.headers()) {
            byte[] id = header.value();
            if (header.name().equals(HeaderNames.MESSAGE_ID) && id != null) {
                return id;
            }
        }
        throw new IllegalStateException("a record that was placed by a key has none");
    }

    // ---- sending; all under the lock

    /** Looks neither at the time nor for a batch: asked about each record. */
    private boolean mayHaveSomethingToSend(Lane lane) {
        return lane.isStalled()
                ? hasRoomForMore(lane)
                : lane.open() != null && lane.hasRoomForMore(eagerBatches(lane), Long.MAX_VALUE);
    }

    private void pump(Lane lane) {
        while (!closed && mayHaveSomethingToSend(lane)) {
            long now = System.nanoTime();
            if (lane.waitNanos(now) > 0) {
                wakeIn(lane, lane.waitNanos(now));
                return;
            }
            PendingBatch batch = lane.next();
            if (batch == null) {
                PendingBatch open = lane.open();
                if (open == null || lane.isStalled()) {
                    return;
                }
                long lingerLeft = open.createdNanos() + settings.linger().toNanos() - now;
                if (lingerLeft > 0 && !flushing) {
                    wakeIn(lane, lingerLeft);
                    return;
                }
                lane.seal(settings.idempotent() ? producerId : 0);
                placement.unstick(lane.key().topic());
                continue;
            }
            String address = routes.target(lane.key().topic(), lane.key().partition(), lane.attempts());
            if (address == null) {
                lane.backOff(0);
                return;
            }
            lane.leader(routes.leader(lane.key().topic(), lane.key().partition()));
            stream(address).send(batch, producerId);
        }
    }

    private boolean hasRoomForMore(Lane lane) {
        return lane.hasRoomForMore(settings.batchesInFlightMax(), BYTES_IN_FLIGHT)
                || lane.hasRoomForMore(eagerBatches(lane), Long.MAX_VALUE);
    }

    /** While so many batches are unanswered, a batch that has room left waits and fills: batching follows the load. */
    private int eagerBatches(Lane lane) {
        return Math.min(flushing ? EagerBatches.MOST : lane.eagerBatches(), settings.batchesInFlightMax());
    }

    private void wakeIn(Lane lane, long nanos) {
        if (lane.mayScheduleWake()) {
            timer.schedule(
                    () -> {
                        synchronized (lock) {
                            lane.woken();
                            pump(lane);
                        }
                    },
                    nanos,
                    TimeUnit.NANOSECONDS);
        }
    }

    private PublishConnection stream(String address) {
        PublishConnection stream = streams.get(address);
        if (stream == null) {
            stream = new PublishConnection(this, connections, address);
            streams.put(address, stream);
        }
        return stream;
    }

    // ---- answers

    /**
     * Runs what a connection has to say on its own thread: nothing that waits. What it says while we speak to it, as when
     * it is given up, is heard later.
     */
    void withoutTheLock(Runnable news) {
        if (!Thread.holdsLock(lock)) {
            news.run();
            return;
        }
        try {
            timer.execute(news);
        } catch (RejectedExecutionException e) {
            // the client is closed: nobody waits for it
        }
    }

    void answered(PublishConnection stream, PublishStreamResponse response) {
        PendingBatch batch;
        HoldfastException failure = null;
        synchronized (lock) {
            batch = stream.take(response.getCorrelationId());
            if (batch == null) {
                return;
            }
            Lane lane = batch.lane();
            batch.notInFlight();
            if (response.hasStored()) {
                lane.succeeded(System.nanoTime() - batch.sentNanos());
                tokens.put(lane.key(), response.getStored().getHeader().getSessionToken());
                finished(batch);
                batch.stored();
            } else {
                failure = refused(lane, batch, stream, HoldfastException.of(response.getError()));
                if (failure != null) {
                    finished(batch);
                }
            }
            pump(lane);
        }
        HoldfastException end = failure;
        if (response.hasStored()) {
            tell(() -> batch.succeed(response.getStored()));
        } else if (end != null) {
            tell(() -> batch.fail(end));
        }
    }

    /** Here, if the client was closed before its producer and there is no thread for it any more. */
    private void tell(Runnable callers) {
        try {
            callbacks.execute(callers);
        } catch (RejectedExecutionException e) {
            callers.run();
        }
    }

    /** Decides what a refusal means; returns the failure to report, or null if the batch will be sent again. */
    private @Nullable HoldfastException refused(
            Lane lane, PendingBatch batch, PublishConnection stream, HoldfastException error) {
        lane.recover();
        switch (error.reason()) {
            case ERROR_REASON_NOT_LEADER -> {
                routes.doubt(lane.key().topic(), lane.key().partition(), stream.address());
                routes.hint(lane.key().topic(), lane.key().partition(), error);
                lane.leader(null);
            }
            case ERROR_REASON_KEYS_MOVED -> {
                boolean inTurn = lane.isHead(batch) || !settings.idempotent();
                if (inTurn && placement.isNewer(batch)) {
                    placeAnew(lane);
                    return null;
                }
                // Where to, the routes will tell.
            }
            case ERROR_REASON_SEQUENCE_GAP -> {
                long expected = Long.parseLong(error.facts().getOrDefault("expected_sequence", "-1"));
                if (lane.isHead(batch) && expected >= 0 && expected < batch.firstSequence()) {
                    return restartOrder(lane, error);
                }
            }
            case ERROR_REASON_UNKNOWN_PRODUCER -> {
                if (lane.isHead(batch)) {
                    return restartOrder(lane, error);
                }
            }
            case ERROR_REASON_PRODUCER_FENCED -> {
                fatal = error;
                return error;
            }
            default -> {
                if (!error.isPassing()
                        && !routes.knowBetter(lane.key().topic(), lane.key().partition(), error)) {
                    return error;
                }
            }
        }
        if (error.outcome() == WriteOutcome.WRITE_OUTCOME_UNKNOWN && !settings.idempotent()) {
            return error;
        }
        Duration retryAfter = error.retryAfter();
        boolean moved = error.reason() == ErrorReason.ERROR_REASON_NOT_LEADER
                && error.facts().containsKey("leader_address");
        if (!moved) {
            lane.backOff(
                    retryAfter == null || error.reason() == ErrorReason.ERROR_REASON_NOT_LEADER
                            ? 0
                            : retryAfter.toNanos());
        } else if (lane.attempts() > 3) {
            lane.backOff(0);
        }
        return null;
    }

    private @Nullable HoldfastException restartOrder(Lane lane, HoldfastException error) {
        if (settings.name() != null) {
            fatal = HoldfastException.notApplied(
                    error.reason(),
                    "open the producer again: a record before this one was given up, and the order with it");
            return fatal;
        }
        abandonAll(lane);
        lane.renumber(producerId);
        return null;
    }

    /** Nothing of the queue can have been stored: the partition refuses whatever follows a gap. */
    private static void abandonAll(Lane lane) {
        for (PendingBatch batch : lane.queue()) {
            PublishConnection on = batch.sentOn();
            if (on != null) {
                on.abandon(batch);
                batch.notInFlight();
            }
        }
    }

    private void finished(PendingBatch batch) {
        batch.lane().queue().remove(batch);
        memoryUsed -= batch.reservedBytes();
        lock.notifyAll();
    }

    void broken(PublishConnection stream, HoldfastException cause) {
        List<PendingBatch> failed = new ArrayList<>();
        HoldfastException unknown = new HoldfastException(
                cause.reason(), WriteOutcome.WRITE_OUTCOME_UNKNOWN, "the connection broke: " + cause.getMessage());
        synchronized (lock) {
            streams.remove(stream.address(), stream);
            for (PendingBatch batch : stream.takeAll()) {
                batch.notInFlight();
                Lane lane = batch.lane();
                routes.doubt(lane.key().topic(), lane.key().partition(), stream.address());
                lane.recover();
                if (settings.idempotent()) {
                    lane.backOff(0);
                } else {
                    finished(batch);
                    failed.add(batch);
                }
            }
        }
        failed.forEach(batch -> tell(() -> batch.fail(unknown)));
    }

    // ---- time and routes

    private void onRoutes() {
        synchronized (lock) {
            placement.adoptRoutes(lanes.values());
            for (Lane lane : lanes.values()) {
                if (lane.isEmpty()) {
                    continue;
                }
                String leader = routes.leader(lane.key().topic(), lane.key().partition());
                if (leader != null && !leader.equals(lane.leader())) {
                    if (settings.idempotent()) {
                        abandonThoseNotAt(lane, leader);
                    }
                    lane.stopBackingOff();
                }
                pump(lane);
            }
        }
    }

    /** Another node leads now: whatever the old one does with these batches, the new one can tell. */
    private static void abandonThoseNotAt(Lane lane, String address) {
        for (PendingBatch batch : lane.queue()) {
            PublishConnection on = batch.sentOn();
            if (on != null && !on.address().equals(address)) {
                on.abandon(batch);
                batch.notInFlight();
                lane.recover();
            }
        }
    }

    private void upkeep() {
        List<PendingBatch> expired = new ArrayList<>();
        synchronized (lock) {
            long now = System.nanoTime();
            if (now - trimmedNanos > TRIM_NANOS) {
                trimmedNanos = now;
                batchMemory.trim();
            }
            for (Lane lane : lanes.values()) {
                expire(lane, now, expired);
                for (PendingBatch batch : lane.queue()) {
                    PublishConnection on = batch.sentOn();
                    if (on != null && settings.idempotent() && isSilent(on, batch, now)) {
                        routes.doubt(lane.key().topic(), lane.key().partition(), on.address());
                        on.abandon(batch);
                        batch.notInFlight();
                        lane.recover();
                        lane.backOff(0);
                    }
                }
                pump(lane);
            }
        }
        for (PendingBatch batch : expired) {
            tell(() -> batch.fail(new HoldfastException(
                    ErrorReason.ERROR_REASON_DEADLINE_EXPIRED,
                    outcomeOf(batch),
                    "allow more time or look at the cluster: not acknowledged within " + settings.deliveryTimeout())));
        }
    }

    /**
     * A node that answers other batches has not forgotten this one: it is busy, and would only get busier if all that waits
     * there were sent again. One that answers nothing may be paused.
     */
    private static boolean isSilent(PublishConnection on, PendingBatch batch, long now) {
        return now - Math.max(batch.sentNanos(), on.heardNanos()) > ANSWER_NANOS_MAX;
    }

    private void expire(Lane lane, long now, List<PendingBatch> expired) {
        PendingBatch open = lane.open();
        if (open != null && open.isExpired(now)) {
            lane.seal(settings.idempotent() ? producerId : 0);
        }
        for (Iterator<PendingBatch> batches = lane.queue().iterator(); batches.hasNext(); ) {
            PendingBatch batch = batches.next();
            if (batch.isExpired(now)) {
                PublishConnection on = batch.sentOn();
                if (on != null) {
                    on.abandon(batch);
                    batch.notInFlight();
                    lane.recover();
                }
                batches.remove();
                memoryUsed -= batch.reservedBytes();
                lock.notifyAll();
                expired.add(batch);
            }
        }
    }

    private static WriteOutcome outcomeOf(PendingBatch batch) {
        return batch.everSent() ? WriteOutcome.WRITE_OUTCOME_UNKNOWN : WriteOutcome.WRITE_OUTCOME_NOT_APPLIED;
    }
}
