package io.holdfast.consensus.partition;

import java.util.concurrent.TimeUnit;

/**
 * How often entries with appends are made, to tell whether the next is worth waiting for: as a running mean of the time
 * between them, in which a pause weighs enough to end the waiting at once. Any thread.
 */
final class AppendRhythm {
    private static final long FAST_NANOS = TimeUnit.MILLISECONDS.toNanos(2);
    private static final long PAUSE_NANOS = TimeUnit.MILLISECONDS.toNanos(20);
    /** Of the mean, by the latest interval. */
    private static final double SHARE = 0.125;

    private double meanNanos = PAUSE_NANOS;
    private long lastNanos;
    private boolean begun;

    synchronized void beat(long nowNanos) {
        long interval = begun ? Math.min(PAUSE_NANOS, nowNanos - lastNanos) : PAUSE_NANOS;
        meanNanos += SHARE * (interval - meanNanos);
        lastNanos = nowNanos;
        begun = true;
    }

    /** Whether the next is likely to come within a few milliseconds. */
    synchronized boolean isFast(long nowNanos) {
        return meanNanos <= FAST_NANOS && nowNanos - lastNanos <= 2 * FAST_NANOS;
    }
}
