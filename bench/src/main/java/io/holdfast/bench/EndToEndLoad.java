package io.holdfast.bench;

import io.holdfast.bench.LoadResult.Interval;
import java.time.Duration;
import java.util.concurrent.Semaphore;
import java.util.concurrent.TimeUnit;
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
    /** A load that nobody consumes any more goes on, slowly, and ends. */
    private static final Duration STALL = Duration.ofSeconds(1);

    private final LoadShape shape;

    public EndToEndLoad(LoadShape shape) {
        this.shape = shape;
    }

    /** Blocks for warm-up and measured time. */
    public LoadResult run(Target target, ProcessCosts costs, Consumer<Interval> onInterval) throws Exception {
        Meter meter = new Meter("e2e", shape, costs, onInterval);
        Semaphore window = new Semaphore((int) Math.max(1, shape.windowBytes() / shape.recordBytes()));
        AtomicReference<@Nullable Exception> failure = new AtomicReference<>();
        try (Target.Source source = target.consume(shape.topic(), false);
                Target.Sink sink = target.produce(shape)) {
            Thread consumer = new Thread(
                    () -> {
                        try {
                            while (!Thread.currentThread().isInterrupted()) {
                                source.poll(POLL, value -> {
                                    meter.arrived(Payload.dueNanos(value), System.nanoTime());
                                    window.release();
                                });
                            }
                        } catch (Exception e) {
                            failure.set(e);
                        }
                    },
                    "bench-consumer");
            consumer.setDaemon(true);
            consumer.start();
            new ProduceLoad(shape).run(bounded(sink, window), meter, () -> awaitArrivals(meter));
            Exception failed = failure.get();
            if (failed != null) {
                throw failed;
            }
            consumer.interrupt();
            consumer.join(DRAIN.toMillis());
        }
        return meter.result();
    }

    /** Sends when there is room; at a given rate always. */
    private Target.Sink bounded(Target.Sink sink, Semaphore window) {
        if (shape.recordsPerSecond() > 0) {
            return sink;
        }
        return new Target.Sink() {
            @Override
            public void send(int partition, byte[] value, Consumer<@Nullable Throwable> acknowledged) throws Exception {
                window.tryAcquire(STALL.toMillis(), TimeUnit.MILLISECONDS);
                sink.send(partition, value, acknowledged);
            }

            @Override
            public void flush() throws Exception {
                sink.flush();
            }

            @Override
            public void close() {
                sink.close();
            }
        };
    }

    private static void awaitArrivals(Meter meter) throws InterruptedException {
        long deadline = System.nanoTime() + DRAIN.toNanos();
        while (meter.arrivals() < meter.records() && System.nanoTime() < deadline) {
            Thread.sleep(1);
        }
    }
}
