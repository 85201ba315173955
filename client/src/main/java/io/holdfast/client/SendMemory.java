package io.holdfast.client;

import io.holdfast.v1.ErrorReason;
import java.time.Duration;
import java.util.concurrent.TimeUnit;

/**
 * How many bytes of records a producer holds. Who comes while they are too many waits until some are acknowledged. Guarded by
 * the producer's lock, which is let go of while waiting.
 */
final class SendMemory {
    private final long bytesMax;
    private final Object lock;
    private long used;
    private boolean closed;

    SendMemory(long bytesMax, Object lock) {
        this.bytesMax = bytesMax;
        this.lock = lock;
    }

    /**
     * Waits until there is room, or the producer is closed.
     *
     * @throws HoldfastException OVERLOADED if there is none in time
     */
    void awaitRoomFor(long bytes, Duration timeout) {
        if (hasRoomFor(bytes)) {
            return;
        }
        long deadline = System.nanoTime() + timeout.toNanos();
        while (!hasRoomFor(bytes) && !closed) {
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

    private boolean hasRoomFor(long bytes) {
        return used == 0 || used + bytes <= bytesMax;
    }

    void take(long bytes) {
        used += bytes;
    }

    void giveBack(long bytes) {
        used -= bytes;
        lock.notifyAll();
    }

    /** Nobody waits any more. */
    void close() {
        closed = true;
        lock.notifyAll();
    }
}
