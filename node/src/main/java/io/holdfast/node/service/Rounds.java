package io.holdfast.node.service;

import java.util.concurrent.Executor;
import java.util.concurrent.ScheduledExecutorService;
import java.util.concurrent.ScheduledFuture;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.atomic.AtomicBoolean;
import java.util.function.BooleanSupplier;

/**
 * Runs a task again and again on an executor, never twice at a time; the timer's thread only hands over. Rounds of all
 * tasks fall on the same moments, so that the timer wakes once for those that are due together.
 */
public final class Rounds implements AutoCloseable {
    private final Runnable task;
    private final BooleanSupplier isNeeded;
    private final Executor executor;
    private final ScheduledFuture<?> schedule;
    private final AtomicBoolean running = new AtomicBoolean();

    public Rounds(Runnable task, long periodMs, Executor executor, ScheduledExecutorService timer) {
        this(task, () -> true, periodMs, executor, timer);
    }

    /** @param isNeeded false leaves a round out, which wakes no thread of the executor; asked on the timer's thread */
    public Rounds(
            Runnable task, BooleanSupplier isNeeded, long periodMs, Executor executor, ScheduledExecutorService timer) {
        this.task = task;
        this.isNeeded = isNeeded;
        this.executor = executor;
        long period = TimeUnit.MILLISECONDS.toNanos(periodMs);
        long untilNext = period - Math.floorMod(System.nanoTime(), period);
        schedule = timer.scheduleAtFixedRate(this::hand, untilNext, period, TimeUnit.NANOSECONDS);
    }

    private void hand() {
        if (isNeeded.getAsBoolean() && running.compareAndSet(false, true)) {
            executor.execute(() -> {
                try {
                    task.run();
                } finally {
                    running.set(false);
                }
            });
        }
    }

    @Override
    public void close() {
        schedule.cancel(false);
    }
}
