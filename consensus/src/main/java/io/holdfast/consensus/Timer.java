package io.holdfast.consensus;

/** Runs things later. Any thread. */
public interface Timer {
    /** Runs a task once, on a thread of its own, which is not to be blocked. */
    void schedule(Runnable task, long delayNanos);
}
