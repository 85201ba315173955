package io.holdfast.consensus.partition;

import java.util.concurrent.atomic.AtomicLong;

/** A bound on bytes that are being worked on. Whoever is refused comes back later; nobody waits in memory. */
public final class ByteBudget {
    private final long bytesMax;
    private final AtomicLong used = new AtomicLong();

    public ByteBudget(long bytesMax) {
        this.bytesMax = bytesMax;
    }

    /** An idle budget takes anything, so that no request is refused for ever. */
    boolean tryAcquire(long bytes) {
        while (true) {
            long now = used.get();
            if (now > 0 && now + bytes > bytesMax) {
                return false;
            }
            if (used.compareAndSet(now, now + bytes)) {
                return true;
            }
        }
    }

    void release(long bytes) {
        used.addAndGet(-bytes);
    }

    public long used() {
        return used.get();
    }
}
