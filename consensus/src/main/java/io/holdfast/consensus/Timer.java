package io.holdfast.consensus;

import java.util.concurrent.ScheduledExecutorService;
import java.util.concurrent.TimeUnit;

/** Runs things later. Any thread. */
public interface Timer {
    /** Runs a task once, on a thread of its own, which is not to be blocked. */
    void schedule(Runnable task, long delayNanos);

    static Timer of(ScheduledExecutorService executor) {
        return (task, delayNanos) -> executor.schedule(task, delayNanos, TimeUnit.NANOSECONDS);
    }
}
