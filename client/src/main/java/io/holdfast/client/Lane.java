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
    private static final int REDIRECTS_AT_ONCE_MAX = 3;

    private final PartitionKey key;
    private final Deque<PendingBatch> queue = new ArrayDeque<>();
    private @Nullable PendingBatch open;
    private boolean recovering;
    private boolean wakeScheduled;
    private long notBeforeNanos = System.nanoTime();
    private long backoffNanos = BACKOFF_MIN_NANOS;
    private int attempts;
    /** The leader that was last sent to, unless it has denied since that it leads. */
    private @Nullable String leader;

    /** Of the last batch that was sealed, before compression. */
    private int lastBytes;

    private final EagerBatches eager = new EagerBatches();
    private int inFlight;
    private long bytesInFlight;
    private int epoch;
    private long nextSequence;
    /** As of which what is in here was placed. */
    private KeyRanges placement;

    Lane(PartitionKey key, int epoch, KeyRanges placement) {
        this.key = key;
        this.placement = placement;
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

    /** Version of the partition's keys as of which what is in here was placed. */
    long keysVersion() {
        return placement.version(key.partition());
    }

    /** Whether something is in here that was placed when the partition had more keys than it has now. */
    boolean isStale(KeyRanges now) {
        return !isEmpty() && keysVersion() < now.version(key.partition());
    }

    /** Whether a key belonged here when what is in here was placed. */
    boolean hadKey(long hash) {
        return placement.partition(hash) == key.partition();
    }

    /** What comes from now on was placed like this; no change while something is in here. */
    void placeAsOf(KeyRanges now) {
        if (isEmpty()) {
            placement = now;
        }
    }

    /**
     * Takes out all that is not under way, in order. The first batch was refused, and if it has a sequence, what comes after
     * it with it.
     *
     * @param now by which what comes from now on is placed
     */
    List<PendingBatch> takeRefused(KeyRanges now) {
        List<PendingBatch> taken = new ArrayList<>();
        for (PendingBatch batch : queue) {
            if (!batch.isInFlight()) {
                taken.add(batch);
            }
        }
        queue.removeAll(taken);
        if (!taken.isEmpty() && taken.get(0).firstSequence() >= 0) {
            nextSequence = taken.get(0).firstSequence();
        }
        PendingBatch filling = open;
        if (filling != null) {
            taken.add(filling);
            open = null;
        }
        placement = now;
        return taken;
    }

    /** Freezes the batch being filled and puts it in the queue, with its sequence unless {@code producerId} is 0. */
    void seal(long producerId) {
        PendingBatch batch = open;
        if (batch != null) {
            open = null;
            lastBytes = batch.sizeInBytes();
            if (producerId == 0) {
                batch.seal();
            } else {
                batch.seal(producerId, epoch, nextSequence);
                nextSequence += batch.recordCount();
            }
            queue.add(batch);
        }
    }

    /** What the next batch may come to: as much as the last, and a little more. */
    int bytesExpected() {
        return lastBytes + lastBytes / 16;
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

    /**
     * Another node is said to lead: tries there at once, but for the first few attempts only. Nodes that each name the other
     * would be asked in turn without a pause.
     */
    void redirect() {
        if (attempts < REDIRECTS_AT_ONCE_MAX) {
            attempts++;
        } else {
            backOff(0);
        }
    }

    /** Who leads is not who was last sent to: try at once. */
    void stopBackingOff() {
        notBeforeNanos = System.nanoTime();
    }

    @Nullable
    String leader() {
        return leader;
    }

    void leader(@Nullable String address) {
        leader = address;
    }

    /** How many batches may be under way when one is sent that has room left. */
    int eagerBatches() {
        return eager.most();
    }

    /** @param answerNanos how long that took */
    void succeeded(long answerNanos) {
        eager.answered(answerNanos);
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
