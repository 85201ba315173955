package io.holdfast.node.service;

import java.util.concurrent.Executor;
import java.util.concurrent.ScheduledExecutorService;
import java.util.concurrent.ScheduledFuture;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.atomic.AtomicBoolean;

/** Runs a task again and again on an executor, never twice at a time; the timer's thread only hands over. */
public final class Rounds implements AutoCloseable {
    private final Runnable task;
    private final Executor executor;
    private final ScheduledFuture<?> schedule;
    private final AtomicBoolean running = new AtomicBoolean();

    public Rounds(Runnable task, long periodMs, Executor executor, ScheduledExecutorService timer) {
        this.task = task;
        this.executor = executor;
        schedule = timer.scheduleAtFixedRate(this::hand, periodMs, periodMs, TimeUnit.MILLISECONDS);
    }

    private void hand() {
        if (running.compareAndSet(false, true)) {
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
