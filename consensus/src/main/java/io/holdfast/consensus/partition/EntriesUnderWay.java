package io.holdfast.consensus.partition;

import com.sun.management.OperatingSystemMXBean;
import java.lang.management.ManagementFactory;
import java.util.concurrent.TimeUnit;
import java.util.function.DoubleSupplier;
import java.util.function.IntSupplier;
import java.util.function.LongSupplier;

/**
 * How many Raft entries of a node should be under way at a time. Where processors have time to spare, an entry is waiting
 * for disks and the network most of its time, and several go side by side. Where they have none, an entry more takes
 * time from the others, and makes all of them smaller. Any thread.
 */
final class EntriesUnderWay implements IntSupplier {
    private static final double BUSY = 0.85;
    private static final long LOOK_NANOS = TimeUnit.MILLISECONDS.toNanos(200);
    private static final int AT_LEAST = 3;

    private final DoubleSupplier load;
    private final LongSupplier nanos;
    private final int whenIdle;
    private final int whenBusy;
    private volatile int most;
    /** Guarded by this, for writing. */
    private volatile long lookedAt;

    /** @param load of all processors, 0 to 1; negative if not known */
    EntriesUnderWay(int processors, DoubleSupplier load, LongSupplier nanos) {
        this.load = load;
        this.nanos = nanos;
        this.whenIdle = Math.max(AT_LEAST, processors * 3 / 2);
        this.whenBusy = Math.max(1, processors / 2);
        this.most = whenIdle;
        this.lookedAt = nanos.getAsLong();
    }

    static EntriesUnderWay ofThisMachine() {
        OperatingSystemMXBean system = ManagementFactory.getPlatformMXBean(OperatingSystemMXBean.class);
        return new EntriesUnderWay(system.getAvailableProcessors(), system::getCpuLoad, System::nanoTime);
    }

    @Override
    public int getAsInt() {
        if (nanos.getAsLong() - lookedAt >= LOOK_NANOS) {
            look();
        }
        return most;
    }

    private synchronized void look() {
        long now = nanos.getAsLong();
        if (now - lookedAt >= LOOK_NANOS) {
            lookedAt = now;
            most = load.getAsDouble() >= BUSY ? whenBusy : whenIdle;
        }
    }
}
