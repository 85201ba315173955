package io.holdfast.bench;

import io.holdfast.bench.LoadResult.Interval;
import java.time.Duration;
import java.util.function.Consumer;
import java.util.function.LongSupplier;

/**
 * Reads what is in a topic, from its start, as fast as one consumer can: once, or again and again until its time is over.
 * Without a warm-up it counts from the first records on.
 */
public final class ConsumeLoad {
    private static final Duration POLL = Duration.ofMillis(200);
    private static final int POLLS_EMPTY_MAX = 25;

    private final LoadShape shape;
    private final boolean again;
    private final LongSupplier nanoClock;

    /**
     * @param shape its rate, window and batch do not matter here; its times bound the load
     * @param again from the start, after the end; the time that it takes to come by new records counts
     */
    public ConsumeLoad(LoadShape shape, boolean again) {
        this(shape, again, System::nanoTime);
    }

    ConsumeLoad(LoadShape shape, boolean again, LongSupplier nanoClock) {
        this.shape = shape;
        this.again = again;
        this.nanoClock = nanoClock;
    }

    /** Blocks until the measured time is over or nothing has come for some seconds. */
    public LoadResult run(Target target, ProcessCosts costs, Consumer<Interval> onInterval) throws Exception {
        Meter meter = new Meter("consume", shape, costs, onInterval, nanoClock);
        long warm = nanoClock.getAsLong() + shape.warmUp().toNanos();
        long end = warm + shape.measured().toNanos();
        long lastAt;
        do {
            lastAt = readToEnd(target, meter, warm, end);
        } while (again && lastAt < end && nanoClock.getAsLong() < end);
        if (!meter.isCounting()) {
            meter.begin();
        }
        meter.end(lastAt); // the time spent on finding that there is no more is nobody's speed
        return meter.result();
    }

    /** One pass; returns when the last records came. */
    private long readToEnd(Target target, Meter meter, long warm, long end) throws Exception {
        Consumer<byte[]> onRecord = value -> {
            if (!meter.isCounting() && nanoClock.getAsLong() >= warm) {
                meter.begin();
            }
            meter.record();
        };
        long lastAt = nanoClock.getAsLong();
        try (Target.Source source = target.consume(shape.topic(), true)) {
            boolean any = false;
            int empty = 0;
            while (nanoClock.getAsLong() < end && empty < POLLS_EMPTY_MAX) {
                if (source.poll(POLL, onRecord) > 0) {
                    any = true;
                    lastAt = nanoClock.getAsLong();
                    meter.tick(lastAt);
                } else if (any) {
                    break;
                } else {
                    empty++;
                }
            }
        }
        return lastAt;
    }
}
