package io.holdfast.storage.log;

import java.io.IOException;
import java.util.ArrayList;
import java.util.LinkedHashSet;
import java.util.List;
import java.util.Set;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.ExecutionException;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.TimeoutException;
import org.jspecify.annotations.Nullable;

/**
 * Group commit of one log. The thread that waits for a write flushes it, and with it everything that was written before
 * the flush began; what is written meanwhile shares the next one. No other thread has to be woken for it.
 *
 * <p>A failed flush is final: what it covered may or may not be on disk and the kernel will not say again, so every
 * later write fails with the first error until the process is replaced.
 */
final class FlushQueue {
    /** A flush of more is felt by those who wait for it, or for something else on that disk. */
    static final long BEHIND_BYTES_MAX = 256 << 10;

    /** Held while flushing. */
    private final Object flushing = new Object();
    /** Guards {@code waiting}, {@code behind} and {@code behindBytes}. */
    private final Object lock = new Object();

    private List<Written> waiting = new ArrayList<>();
    /** Segments with bytes that nobody waits for; in the order in which they were written to. */
    private Set<Segment> behind = new LinkedHashSet<>();

    private long behindBytes;

    private volatile @Nullable IOException failure;
    private volatile long flushes;

    long flushes() {
        return flushes;
    }

    void checkUsable() throws IOException {
        IOException first = failure;
        if (first != null) {
            throw new IOException("the log stopped at an earlier I/O error: " + first.getMessage(), first);
        }
    }

    /**
     * Complete once all that was written to the segment so far is on disk, which is seen to by whoever waits for it: by
     * {@code get} or {@code join}, of this or of a later one. It does not complete if nobody does.
     */
    CompletableFuture<Void> flushed(Segment segment) {
        Written written = new Written(segment);
        synchronized (lock) {
            waiting.add(written);
        }
        return written;
    }

    /**
     * Leaves what was written to the segment to a later flush, unless too much is left already.
     *
     * @return false if it is left to nobody, and should be flushed now
     */
    boolean writtenBehind(Segment segment, long bytes) {
        synchronized (lock) {
            if (behindBytes + bytes > BEHIND_BYTES_MAX) {
                return false;
            }
            behindBytes += bytes;
            behind.add(segment);
            return true;
        }
    }

    /** What an earlier process wrote to the segment goes to disk with the next flush. */
    void foundBehind(Segment segment) {
        synchronized (lock) {
            behind.add(segment);
        }
    }

    /** Puts what was written to the segment on disk, and what was written behind before that, and returns then. */
    void flush(Segment segment) throws IOException {
        synchronized (flushing) {
            checkUsable();
            Set<Segment> segments;
            synchronized (lock) {
                segments = takeBehind();
            }
            segments.add(segment);
            force(segments);
        }
    }

    /** Nothing in the segment is needed any more; when this returns it is not being flushed, and will not be. */
    void forget(Segment segment) {
        synchronized (flushing) {
            synchronized (lock) {
                behind.remove(segment);
            }
        }
    }

    private final class Written extends CompletableFuture<Void> {
        private final Segment segment;

        Written(Segment segment) {
            this.segment = segment;
        }

        @Override
        public Void get() throws InterruptedException, ExecutionException {
            flushUntilDone();
            return super.get();
        }

        @Override
        public Void get(long timeout, TimeUnit unit) throws InterruptedException, ExecutionException, TimeoutException {
            flushUntilDone();
            return super.get(timeout, unit);
        }

        @Override
        public Void join() {
            flushUntilDone();
            return super.join();
        }

        private void flushUntilDone() {
            if (isDone()) {
                return;
            }
            // An interrupt in the middle of a flush would close the file; whoever sent it must wait.
            boolean interrupted = Thread.interrupted();
            try {
                synchronized (flushing) {
                    if (!isDone()) {
                        flushWaiting();
                    }
                }
            } finally {
                if (interrupted) {
                    Thread.currentThread().interrupt();
                }
            }
        }
    }

    private void flushWaiting() {
        List<Written> batch;
        Set<Segment> segments;
        synchronized (lock) {
            batch = waiting;
            waiting = new ArrayList<>();
            segments = takeBehind();
        }
        try {
            checkUsable();
            batch.forEach(written -> segments.add(written.segment));
            force(segments);
        } catch (IOException e) {
            batch.forEach(written -> written.completeExceptionally(e));
            return;
        }
        batch.forEach(written -> written.complete(null));
    }

    private Set<Segment> takeBehind() {
        Set<Segment> taken = behind;
        behind = new LinkedHashSet<>();
        behindBytes = 0;
        return taken;
    }

    /** The kernel says only once that a flush failed; so whoever is told, it is the end for all. */
    private void force(Set<Segment> segments) throws IOException {
        try {
            for (Segment segment : segments) {
                segment.force();
                flushes++;
            }
        } catch (IOException e) {
            failure = e;
            throw e;
        }
    }
}
