package io.holdfast.bench;

import io.holdfast.bench.LoadResult.Interval;
import java.time.Duration;
import java.util.concurrent.atomic.AtomicReference;
import java.util.function.Consumer;
import org.jspecify.annotations.Nullable;

/**
 * Produces, and consumes in the same process, so that both ends share a clock. Without a rate, a record counts as under
 * way until it has arrived: so what is measured is what both ends can keep up.
 */
public final class EndToEndLoad {
    private static final Duration POLL = Duration.ofMillis(100);
    private static final Duration DRAIN = Duration.ofSeconds(5);

    private final LoadShape shape;

    public EndToEndLoad(LoadShape shape) {
        this.shape = shape;
    }

    /** Blocks for warm-up and measured time. */
    public LoadResult run(Target target, ProcessCosts costs, Consumer<Interval> onInterval) throws Exception {
        Meter meter = new Meter("e2e", shape, costs, onInterval);
        ProduceLoad producing = ProduceLoad.untilArrival(shape);
        AtomicReference<@Nullable Exception> failure = new AtomicReference<>();
        try (Target.Source source = target.consume(shape.topic(), false);
                Target.Sink sink = target.produce(shape)) {
            Thread consumer = new Thread(
                    () -> {
                        try {
                            while (!Thread.currentThread().isInterrupted()) {
                                source.poll(POLL, value -> {
                                    meter.arrived(Payload.dueNanos(value), System.nanoTime());
                                    producing.arrived();
                                });
                            }
                        } catch (Exception e) {
                            failure.set(e);
                        }
                    },
                    "bench-consumer");
            consumer.setDaemon(true);
            consumer.start();
            producing.run(sink, meter, () -> awaitArrivals(meter));
            Exception failed = failure.get();
            if (failed != null) {
                throw failed;
            }
            consumer.interrupt();
            consumer.join(DRAIN.toMillis());
        }
        return meter.result();
    }

    private static void awaitArrivals(Meter meter) throws InterruptedException {
        long deadline = System.nanoTime() + DRAIN.toNanos();
        while (meter.arrivals() < meter.records() && System.nanoTime() < deadline) {
            Thread.sleep(1);
        }
    }
}
