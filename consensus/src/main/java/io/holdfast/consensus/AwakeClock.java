package io.holdfast.consensus;

import java.util.concurrent.TimeUnit;

/**
 * A clock of a leader's, by which others are given time: it goes on only in small steps between looks at it, so that time
 * in which the leader slept does not count against anybody. Not thread-safe.
 */
public final class AwakeClock {
    /** Longest step; whoever looks less often finds time to be slow. */
    private static final long STEP_MS_MAX = 500;

    private long ms;
    private long lookedNanos;

    /** Goes on from there. */
    public void startAt(long startMs, long nanos) {
        ms = startMs;
        lookedNanos = nanos;
    }

    /** @param nanos System.nanoTime, or what stands for it */
    public long now(long nanos) {
        long step = TimeUnit.NANOSECONDS.toMillis(nanos - lookedNanos);
        if (step > 0) {
            ms += Math.min(step, STEP_MS_MAX);
            lookedNanos += TimeUnit.MILLISECONDS.toNanos(step); // keeps the fraction for the next step
        }
        return ms;
    }
}
