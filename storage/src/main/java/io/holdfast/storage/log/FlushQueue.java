package io.holdfast.storage.log;

import java.io.IOException;
import java.util.ArrayList;
import java.util.LinkedHashSet;
import java.util.List;
import java.util.Set;
import java.util.concurrent.CompletableFuture;
import org.jspecify.annotations.Nullable;

/**
 * Group commit of one log: whatever was written while a flush was under way shares the next one.
 *
 * <p>A failed flush is final: what it covered may or may not be on disk and the kernel will not say again, so every
 * later write fails with the first error until the process is replaced.
 */
final class FlushQueue {
    private final SegmentFlusher flusher;
    private final Object lock = new Object();
    private List<Waiter> waiting = new ArrayList<>();
    private boolean running;
    private volatile @Nullable IOException failure;
    private volatile long flushes;

    private record Waiter(Segment segment, CompletableFuture<Void> done) {}

    FlushQueue(SegmentFlusher flusher) {
        this.flusher = flusher;
    }

    long flushes() {
        return flushes;
    }

    void checkUsable() throws IOException {
        IOException first = failure;
        if (first != null) {
            throw new IOException("the log stopped at an earlier I/O error: " + first.getMessage(), first);
        }
    }

    /** Completes when all that was written to the segment so far is on disk. */
    CompletableFuture<Void> flushed(Segment segment) {
        CompletableFuture<Void> done = new CompletableFuture<>();
        boolean start;
        synchronized (lock) {
            waiting.add(new Waiter(segment, done));
            start = !running;
            running = true;
        }
        if (start) {
            flusher.execute(this::run);
        }
        return done;
    }

    private void run() {
        while (true) {
            List<Waiter> batch;
            synchronized (lock) {
                if (waiting.isEmpty()) {
                    running = false;
                    return;
                }
                batch = waiting;
                waiting = new ArrayList<>();
            }
            flush(batch);
        }
    }

    private void flush(List<Waiter> batch) {
        try {
            checkUsable();
            Set<Segment> segments = new LinkedHashSet<>();
            batch.forEach(waiter -> segments.add(waiter.segment));
            for (Segment segment : segments) {
                segment.force();
                flushes++;
            }
        } catch (IOException e) {
            failure = failure == null ? e : failure;
            batch.forEach(waiter -> waiter.done.completeExceptionally(e));
            return;
        }
        batch.forEach(waiter -> waiter.done.complete(null));
    }
}
