package io.holdfast.consensus.partition;

import java.time.Duration;
import java.util.concurrent.TimeUnit;
import org.jspecify.annotations.Nullable;

/**
 * A bound on bytes per second. Whoever comes when there is nothing left is refused, and told when to come back; what is taken
 * may be more than is left, and the next then waits the longer. After a pause up to a second's worth may be taken at once.
 * Any thread.
 */
final class ByteRate {
    private static final long BURST_NANOS = TimeUnit.SECONDS.toNanos(1);

    private volatile long bytesPerSecond;
    /** When all that was taken has been paid for. */
    private long paidNanos;

    /** @param bytes per second; 0 for no bound */
    void set(long bytes) {
        bytesPerSecond = bytes;
    }

    /** Takes bytes; or says how long to wait, and has taken nothing. */
    @Nullable
    Duration take(int bytes, long nowNanos) {
        long rate = bytesPerSecond;
        return rate == 0 ? null : take(bytes, rate, nowNanos);
    }

    private synchronized @Nullable Duration take(int bytes, long rate, long nowNanos) {
        if (paidNanos - nowNanos > 0) {
            return Duration.ofNanos(paidNanos - nowNanos);
        }
        if (paidNanos == 0 || nowNanos - paidNanos > BURST_NANOS) {
            paidNanos = nowNanos - BURST_NANOS;
        }
        paidNanos += (long) (bytes * (double) TimeUnit.SECONDS.toNanos(1) / rate);
        return null;
    }
}
