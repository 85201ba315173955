package io.holdfast.node;

import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;
import java.util.concurrent.LinkedBlockingQueue;
import java.util.concurrent.ScheduledExecutorService;
import java.util.concurrent.ScheduledThreadPoolExecutor;
import java.util.concurrent.ThreadFactory;
import java.util.concurrent.ThreadPoolExecutor;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.atomic.AtomicInteger;

/** The node's own threads: for requests, for what blocks, for timers, and one for reconciliation. */
final class NodeThreads implements AutoCloseable {
    private static final int REQUEST_THREADS =
            Math.max(4, 2 * Runtime.getRuntime().availableProcessors());
    private static final int BLOCKING_THREADS = 8;
    private static final int OPENER_THREADS = 16;

    final ExecutorService requests = pool("request", REQUEST_THREADS);
    final ExecutorService blocking = pool("blocking", BLOCKING_THREADS);
    /** Open and close partitions; a close may take a second. */
    final ExecutorService openers = pool("opener", OPENER_THREADS);

    final ScheduledExecutorService timer = timer("timer");
    final ScheduledExecutorService reconciler = timer("reconciler");

    private static ExecutorService pool(String name, int threads) {
        ThreadPoolExecutor pool = new ThreadPoolExecutor(
                threads, threads, 30, TimeUnit.SECONDS, new LinkedBlockingQueue<>(), factory(name));
        pool.allowCoreThreadTimeOut(true);
        return pool;
    }

    private static ScheduledExecutorService timer(String name) {
        ScheduledThreadPoolExecutor timer = new ScheduledThreadPoolExecutor(1, factory(name));
        timer.setRemoveOnCancelPolicy(true);
        return timer;
    }

    private static ThreadFactory factory(String name) {
        AtomicInteger number = new AtomicInteger();
        return task -> {
            Thread thread = Executors.defaultThreadFactory().newThread(task);
            thread.setName(name + "-" + number.incrementAndGet());
            thread.setDaemon(true);
            return thread;
        };
    }

    @Override
    public void close() {
        reconciler.shutdownNow();
        timer.shutdownNow();
        requests.shutdownNow();
        blocking.shutdownNow();
        openers.shutdownNow();
    }
}
