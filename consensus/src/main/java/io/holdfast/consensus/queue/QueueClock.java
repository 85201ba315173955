package io.holdfast.consensus.queue;

import java.util.concurrent.TimeUnit;

/**
 * The time that leases and retries are counted by. It goes on where the replicated clock stood when this replica became
 * leader, and only in small steps between looks at it: time in which the partition had no leader, or its leader slept,
 * does not count. So neither an election nor a pause nor a wall clock that jumps ever shortens a lease. Not thread-safe.
 */
final class QueueClock {
    /** Longest step; whoever looks less often finds time to be slow. */
    private static final long STEP_MS_MAX = 500;

    private long ms;
    private long lookedNanos;

    void startAt(long replicatedMs, long nanos) {
        ms = replicatedMs;
        lookedNanos = nanos;
    }

    long now(long nanos) {
        long step = TimeUnit.NANOSECONDS.toMillis(nanos - lookedNanos);
        if (step > 0) {
            ms += Math.min(step, STEP_MS_MAX);
            lookedNanos += TimeUnit.MILLISECONDS.toNanos(step); // keeps the fraction for the next step
        }
        return ms;
    }
}
