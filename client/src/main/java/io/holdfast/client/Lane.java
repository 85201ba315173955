package io.holdfast.client;

import io.holdfast.client.RoutingCache.PartitionKey;
import java.util.ArrayDeque;
import java.util.ArrayList;
import java.util.Deque;
import java.util.List;
import org.jspecify.annotations.Nullable;

/**
 * What a producer has for one partition: a batch being filled, and frozen batches in order, the first few of them in
 * flight. When one of those fails, nothing more is sent until the fate of all is known; then all are sent again, in
 * order. Guarded by the producer's lock.
 */
final class Lane {
    private static final long BACKOFF_MIN_NANOS = 10_000_000L;
    private static final long BACKOFF_MAX_NANOS = 200_000_000L;

    private final PartitionKey key;
    private final Deque<PendingBatch> queue = new ArrayDeque<>();
    private @Nullable PendingBatch open;
    private boolean recovering;
    private boolean wakeScheduled;
    private long notBeforeNanos = System.nanoTime();
    private long backoffNanos = BACKOFF_MIN_NANOS;
    private int attempts;
    private int inFlight;
    private long bytesInFlight;
    private int epoch;
    private long nextSequence;

    Lane(PartitionKey key, int epoch) {
        this.key = key;
        this.epoch = epoch;
    }

    PartitionKey key() {
        return key;
    }

    @Nullable
    PendingBatch open() {
        return open;
    }

    void open(PendingBatch batch) {
        open = batch;
    }

    /** Freezes the batch being filled and puts it in the queue, with its sequence unless {@code producerId} is 0. */
    void seal(long producerId) {
        PendingBatch batch = open;
        if (batch != null) {
            open = null;
            batch.seal();
            if (producerId != 0) {
                batch.assign(producerId, epoch, nextSequence);
                nextSequence += batch.recordCount();
            }
            queue.add(batch);
        }
    }

    Deque<PendingBatch> queue() {
        return queue;
    }

    boolean isEmpty() {
        return queue.isEmpty() && open == null;
    }

    boolean isHead(PendingBatch batch) {
        return queue.peek() == batch;
    }

    /** A batch of this lane was sent, or is no longer under way. */
    void inFlight(int batches, long bytes) {
        inFlight += batches;
        bytesInFlight += bytes;
    }

    /** Whether another batch may be sent before one of those in flight is answered. */
    boolean hasRoomForMore(int batchesMax, long bytesMax) {
        return inFlight < batchesMax && bytesInFlight < bytesMax;
    }

    /** The next batch to send, or null while recovering or if there is none. */
    @Nullable
    PendingBatch next() {
        if (recovering) {
            if (inFlight > 0) {
                return null;
            }
            recovering = false;
        }
        if (!isStalled()) {
            return null;
        }
        for (PendingBatch batch : queue) {
            if (!batch.isInFlight()) {
                return batch;
            }
        }
        return null;
    }

    /** Frozen batches wait for the fate of those in flight. */
    boolean isStalled() {
        return inFlight < queue.size();
    }

    /** True at most once until {@link #woken}. */
    boolean mayScheduleWake() {
        boolean may = !wakeScheduled;
        wakeScheduled = true;
        return may;
    }

    void woken() {
        wakeScheduled = false;
    }

    void recover() {
        recovering = true;
    }

    /** Waits a little before the next attempt, longer each time until something is stored. */
    void backOff(long atLeastNanos) {
        notBeforeNanos = System.nanoTime() + Math.max(atLeastNanos, backoffNanos);
        backoffNanos = Math.min(2 * backoffNanos, BACKOFF_MAX_NANOS);
        attempts++;
    }

    /** There is news about the routes: try at once. */
    void stopBackingOff() {
        notBeforeNanos = System.nanoTime();
    }

    void succeeded() {
        backoffNanos = BACKOFF_MIN_NANOS;
        attempts = 0;
    }

    long waitNanos(long nowNanos) {
        return Math.max(0, notBeforeNanos - nowNanos);
    }

    int attempts() {
        return attempts;
    }

    /**
     * Starts the order anew under a higher epoch: a batch before the queue's first was given up, so the partition waits
     * for sequences that will never come. Late arrivals of the old epoch are fenced off.
     */
    void renumber(long producerId) {
        epoch++;
        nextSequence = 0;
        for (PendingBatch batch : queue) {
            batch.assign(producerId, epoch, nextSequence);
            nextSequence += batch.recordCount();
        }
    }

    List<PendingBatch> takeAll() {
        List<PendingBatch> all = new ArrayList<>(queue);
        queue.clear();
        if (open != null) {
            all.add(open);
            open = null;
        }
        return all;
    }
}
