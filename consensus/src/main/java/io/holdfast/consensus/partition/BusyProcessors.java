package io.holdfast.consensus.partition;

import com.sun.management.OperatingSystemMXBean;
import java.lang.management.ManagementFactory;
import java.util.concurrent.TimeUnit;
import java.util.function.BooleanSupplier;
import java.util.function.DoubleSupplier;
import java.util.function.LongSupplier;

/** Whether the processors of this machine have no time to spare, looked at some times a second. Any thread. */
final class BusyProcessors implements BooleanSupplier {
    private static final double BUSY = 0.85;
    private static final long LOOK_NANOS = TimeUnit.MILLISECONDS.toNanos(200);

    private final DoubleSupplier load;
    private final LongSupplier nanos;
    private volatile boolean busy;
    /** Guarded by this, for writing. */
    private volatile long lookedAt;

    /** @param load of all processors, 0 to 1; negative if not known, which is taken for idle */
    BusyProcessors(DoubleSupplier load, LongSupplier nanos) {
        this.load = load;
        this.nanos = nanos;
        this.lookedAt = nanos.getAsLong();
    }

    static BusyProcessors ofThisMachine() {
        OperatingSystemMXBean system = ManagementFactory.getPlatformMXBean(OperatingSystemMXBean.class);
        return new BusyProcessors(system::getCpuLoad, System::nanoTime);
    }

    @Override
    public boolean getAsBoolean() {
        if (nanos.getAsLong() - lookedAt >= LOOK_NANOS) {
            look();
        }
        return busy;
    }

    private synchronized void look() {
        long now = nanos.getAsLong();
        if (now - lookedAt >= LOOK_NANOS) {
            lookedAt = now;
            busy = load.getAsDouble() >= BUSY;
        }
    }
}
