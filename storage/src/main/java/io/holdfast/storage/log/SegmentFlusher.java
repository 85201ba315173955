package io.holdfast.storage.log;

import java.io.Closeable;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.atomic.AtomicInteger;

/** The threads that wait for the disk on behalf of all logs of a node: a log needs one only while it has unflushed bytes. */
public final class SegmentFlusher implements Closeable {
    private static final long CLOSE_TIMEOUT_SECONDS = 10;

    private final ExecutorService threads;

    public SegmentFlusher(int threadCount) {
        AtomicInteger number = new AtomicInteger();
        threads = Executors.newFixedThreadPool(threadCount, task -> {
            Thread thread = new Thread(task, "flusher-" + number.incrementAndGet());
            thread.setDaemon(true);
            return thread;
        });
    }

    /** Runs what waits for the disk. These threads are never interrupted, which would close the files they use. */
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
