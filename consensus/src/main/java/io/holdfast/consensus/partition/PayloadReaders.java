package io.holdfast.consensus.partition;

import java.io.Closeable;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.atomic.AtomicInteger;

/** The threads that read from disk what followers lack and memory no longer has, for all partitions of a node. */
public final class PayloadReaders implements Closeable {
    private static final long CLOSE_TIMEOUT_SECONDS = 10;

    private final ExecutorService threads;

    public PayloadReaders(int threadCount) {
        AtomicInteger number = new AtomicInteger();
        threads = Executors.newFixedThreadPool(threadCount, task -> {
            Thread thread = new Thread(task, "payload-reader-" + number.incrementAndGet());
            thread.setDaemon(true);
            return thread;
        });
    }

    /** Runs a read. These threads are never interrupted, which would close the files they use. */
    public void execute(Runnable task) {
        threads.execute(task);
    }

    /** Finishes what was asked for, then stops. */
    @Override
    public void close() {
        threads.shutdown();
        try {
            if (!threads.awaitTermination(CLOSE_TIMEOUT_SECONDS, TimeUnit.SECONDS)) {
                threads.shutdownNow();
            }
        } catch (InterruptedException e) {
            threads.shutdownNow();
            Thread.currentThread().interrupt();
        }
    }
}
