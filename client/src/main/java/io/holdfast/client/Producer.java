package io.holdfast.client;

import com.google.protobuf.ByteString;
import io.holdfast.record.LogRecord;
import io.holdfast.record.RecordBatchBuilder;
import io.holdfast.v1.ErrorReason;
import java.time.Duration;
import java.util.List;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.Executor;
import java.util.concurrent.ScheduledExecutorService;
import org.jspecify.annotations.Nullable;

/**
 * Sends records. Thread-safe; one per process is usually best, since it batches what its callers send.
 *
 * <p>Order is kept per partition. Unless switched off, retries never store a record twice: each batch has a place in
 * this producer's order that the partition remembers. A failure is a {@link HoldfastException} whose outcome says
 * whether the record may have been stored.
 */
public final class Producer implements AutoCloseable {
    private static final Duration TOPIC_PATIENCE_MAX = Duration.ofSeconds(10);

    private final ProducerSettings settings;
    private final RoutingCache routes;
    private final Admin admin;

    /** Guards everything below. Callers are never told under it. */
    private final Object lock = new Object();

    private final ProducerIdentity identity;
    private final SendMemory memory;
    private final RecordAccumulator accumulator;
    private final BatchSender sender;
    private final BatchWatch watch;
    private boolean closed;

    Producer(
            ProducerSettings settings,
            Connections connections,
            RoutingCache routes,
            ScheduledExecutorService timer,
            Executor callbacks,
            Admin admin) {
        this.settings = settings;
        this.routes = routes;
        this.admin = admin;
        identity = new ProducerIdentity(settings, admin, lock);
        memory = new SendMemory(settings.memoryBytesMax(), lock);
        KeyPlacement placement = new KeyPlacement(routes);
        accumulator = new RecordAccumulator(settings, identity, memory, placement);
        sender = new BatchSender(
                settings, identity, accumulator, placement, connections, routes, timer, callbacks, lock);
        watch = new BatchWatch(settings, accumulator, sender, routes, timer, lock);
    }

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
        int partitions = routes.partitionsIfKnown(record.topic());
        if (partitions == 0) {
            partitions = routes.partitions(
                    record.topic(), min(settings.deliveryTimeout(), TOPIC_PATIENCE_MAX), admin::denial);
        }
        Integer asked = record.partition();
        if (asked != null && (asked < 0 || asked >= partitions)) {
            throw HoldfastException.notApplied(
                    ErrorReason.ERROR_REASON_PARTITION_NOT_FOUND,
                    "choose a partition from 0 to " + (partitions - 1) + ": topic '" + record.topic() + "' has no "
                            + asked);
        }
        identity.open();
        synchronized (lock) {
            memory.awaitRoomFor(bytes, settings.deliveryTimeout());
            if (closed) {
                throw HoldfastException.notApplied(ErrorReason.ERROR_REASON_INVALID_REQUEST, "the producer is closed");
            }
            identity.checkUsable();
            sender.pump(accumulator.add(record, log, bytes, callback));
        }
    }

    private static Duration min(Duration a, Duration b) {
        return a.compareTo(b) < 0 ? a : b;
    }

    /**
     * Sends everything at once and waits until each record is acknowledged or has failed, and whoever sent it has been told.
     * Not from a callback: it would wait for itself.
     */
    public void flush() {
        List<CompletableFuture<Void>> unsettled;
        synchronized (lock) {
            sender.flush();
            unsettled = accumulator.unsettled();
        }
        CompletableFuture.allOf(unsettled.toArray(CompletableFuture[]::new)).join();
        synchronized (lock) {
            sender.flushed();
        }
    }

    /** Flushes, then stops. Later sends are refused. */
    @Override
    public void close() {
        flush();
        List<PendingBatch> left;
        synchronized (lock) {
            closed = true;
            left = accumulator.takeAll();
            sender.close();
            memory.close();
        }
        watch.close();
        left.forEach(batch -> batch.fail(new HoldfastException(
                ErrorReason.ERROR_REASON_UNAVAILABLE, batch.outcome(), "the producer was closed")));
    }

    /** What this producer has seen: a read with it, on any replica, sees everything acknowledged so far. */
    public ByteString sessionToken() {
        synchronized (lock) {
            return sender.sessionToken();
        }
    }

    /** This producer's id, known after the first send; 0 before, and without idempotence. */
    public long producerId() {
        synchronized (lock) {
            return identity.id();
        }
    }
}
