package io.holdfast.bench;

import io.holdfast.bench.LoadResult.Interval;
import java.time.Duration;
import java.util.function.Consumer;

/** Reads what is in a topic, from its start, as fast as one consumer can. Without a warm-up it counts from the first records on. */
public final class ConsumeLoad {
    private static final Duration POLL = Duration.ofMillis(200);
    private static final int POLLS_EMPTY_MAX = 25;

    private final LoadShape shape;

    /** @param shape its rate, window and batch do not matter here; its times bound the load */
    public ConsumeLoad(LoadShape shape) {
        this.shape = shape;
    }

    /** Blocks until the measured time is over or nothing has come for some seconds. */
    public LoadResult run(Target target, ProcessCosts costs, Consumer<Interval> onInterval) throws Exception {
        Meter meter = new Meter("consume", shape, costs, onInterval);
        try (Target.Source source = target.consume(shape.topic(), true)) {
            long warm = System.nanoTime() + shape.warmUp().toNanos();
            long end = warm + shape.measured().toNanos();
            Consumer<byte[]> onRecord = value -> {
                if (!meter.isCounting() && System.nanoTime() >= warm) {
                    meter.begin();
                }
                meter.record();
            };
            int empty = 0;
            long lastAt = System.nanoTime();
            while (System.nanoTime() < end && empty < POLLS_EMPTY_MAX) {
                empty = source.poll(POLL, onRecord) == 0 ? empty + 1 : 0;
                if (empty > 0 && meter.isCounting()) {
                    break;
                }
                lastAt = System.nanoTime();
                meter.tick(lastAt);
            }
            if (!meter.isCounting()) {
                meter.begin();
            }
            meter.end(lastAt); // the time spent on finding that there is no more is nobody's speed
        }
        return meter.result();
    }
}
