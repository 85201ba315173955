package io.holdfast.bench;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.within;

import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.List;
import java.util.concurrent.Executors;
import java.util.concurrent.ScheduledExecutorService;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.atomic.AtomicLong;
import java.util.function.Consumer;
import org.jspecify.annotations.Nullable;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

class ProduceLoadTest {
    @TempDir
    Path directory;

    @Test
    void shouldCountAStallForEveryRecordThatItHeldUp() throws Exception {
        // 200 records/s for 2 s, acknowledged at once, but for one send that blocks for a second: of 400 records, the
        // 200 that became due meanwhile waited half a second on average. A loop that times each send alone sees one.
        try (FakeTarget target = new FakeTarget(100, Duration.ofSeconds(1), Duration.ZERO)) {
            LoadResult result = new ProduceLoad(shape(200)).run(target, new ProcessCosts(List.of()), interval -> {});

            assertThat(result.records()).isEqualTo(400);
            assertThat(result.acknowledgement()).isNotNull();
            assertThat(result.acknowledgement().maxMs()).isBetween(900.0, target.stalledMs + 500);
            assertThat(result.acknowledgement().p90Ms()).isGreaterThan(300);
        }
    }

    @Test
    void shouldKeepNoMoreThanTheWindowUnderWayAndReportFailures() throws Exception {
        try (FakeTarget target = new FakeTarget(-1, Duration.ZERO, Duration.ofMillis(10))) {
            LoadResult result = new ProduceLoad(shape(0)).run(target, new ProcessCosts(List.of()), interval -> {});

            assertThat(target.mostUnderWay.get()).isBetween(2L, 10L); // 10 KB in records of 1 KB
            assertThat(result.recordsPerSecond()).isCloseTo(result.records() / result.seconds(), within(1.0));
            assertThat(result.failed()).isZero();
        }
        try (FakeTarget target = new FakeTarget(-1, Duration.ZERO, Duration.ofMillis(1))) {
            target.failing = true;
            LoadResult result = new ProduceLoad(shape(0)).run(target, new ProcessCosts(List.of()), interval -> {});
            assertThat(result.records()).isZero();
            assertThat(result.failures()).containsOnlyKeys("refused");
        }
    }

    @Test
    void shouldWriteJsonAndAPlot() throws Exception {
        try (FakeTarget target = new FakeTarget(-1, Duration.ZERO, Duration.ofMillis(1))) {
            LoadResult result = new ProduceLoad(shape(100)).run(target, new ProcessCosts(List.of()), interval -> {});
            Path plot = directory.resolve("plot.svg");
            LatencyPlot.write(result, plot);
            assertThat(Files.readString(plot)).contains("<svg");
            assertThat(result.toJson()).contains("\"recordsPerSecond\" : 100").contains("\"p99Ms\"");
        }
    }

    private static LoadShape shape(long rate) {
        return new LoadShape(
                "t", 1, 1024, rate, 10 << 10, 4096, Duration.ZERO, "none", Duration.ZERO, Duration.ofSeconds(2));
    }

    /** Acknowledges after a while; one send blocks. */
    private static final class FakeTarget extends PartialTarget {
        private final long stallAt;
        private final Duration stall;
        private final Duration delay;
        private final ScheduledExecutorService timer = Executors.newSingleThreadScheduledExecutor();
        private final AtomicLong underWay = new AtomicLong();
        private final AtomicLong mostUnderWay = new AtomicLong();
        private long sent;
        /** At least what was asked for: a machine may stand still. */
        private double stalledMs;

        private volatile boolean failing;

        FakeTarget(long stallAt, Duration stall, Duration delay) {
            this.stallAt = stallAt;
            this.stall = stall;
            this.delay = delay;
        }

        @Override
        public Sink produce(LoadShape shape) {
            return new Sink() {
                @Override
                public void send(int partition, byte[] value, Consumer<@Nullable Throwable> acknowledged)
                        throws Exception {
                    if (sent++ == stallAt) {
                        long began = System.nanoTime();
                        Thread.sleep(stall.toMillis());
                        stalledMs = (System.nanoTime() - began) / 1e6;
                    }
                    mostUnderWay.accumulateAndGet(underWay.incrementAndGet(), Math::max);
                    Runnable acknowledge = () -> {
                        underWay.decrementAndGet();
                        acknowledged.accept(failing ? new IllegalStateException("refused") : null);
                    };
                    timer.schedule(acknowledge, delay.toNanos(), TimeUnit.NANOSECONDS);
                }

                @Override
                public void flush() throws Exception {
                    while (underWay.get() > 0) {
                        Thread.sleep(1);
                    }
                }

                @Override
                public void close() {}
            };
        }

        @Override
        public void close() {
            timer.shutdownNow();
        }
    }
}
