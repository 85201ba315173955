package io.holdfast.bench;

import io.holdfast.bench.LoadResult.Interval;
import io.holdfast.bench.LoadResult.Percentiles;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.TreeMap;
import java.util.concurrent.ConcurrentHashMap;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.atomic.AtomicLong;
import java.util.concurrent.atomic.LongAdder;
import java.util.function.Consumer;
import java.util.function.LongSupplier;
import org.HdrHistogram.Histogram;
import org.jspecify.annotations.Nullable;

/**
 * Counts a load: nothing before {@link #begin}, nothing after {@link #end}. Records are counted by any thread; the rest
 * is called by the thread that runs the load.
 */
final class Meter {
    private static final long INTERVAL_NANOS = TimeUnit.SECONDS.toNanos(1);

    private final String load;
    private final LoadShape shape;
    private final ProcessCosts costs;
    private final Consumer<Interval> onInterval;
    private final LongSupplier nanoClock;
    private final Latency acknowledgements = new Latency();
    private final Latency endToEnd = new Latency();
    private final LongAdder records = new LongAdder();
    private final LongAdder arrivals = new LongAdder();
    private final LongAdder failed = new LongAdder();
    private final Map<String, AtomicLong> failures = new ConcurrentHashMap<>();
    private final List<Interval> intervals = new ArrayList<>();
    private volatile boolean counting;
    private volatile long firstDue;
    private long beganAt;
    private long endedAt;
    private long intervalAt;
    private long intervalRecords;
    private ProcessCosts.@Nullable Spent before;
    private ProcessCosts.@Nullable Spent after;

    Meter(String load, LoadShape shape, ProcessCosts costs, Consumer<Interval> onInterval) {
        this(load, shape, costs, onInterval, System::nanoTime);
    }

    Meter(String load, LoadShape shape, ProcessCosts costs, Consumer<Interval> onInterval, LongSupplier nanoClock) {
        this.load = load;
        this.shape = shape;
        this.costs = costs;
        this.onInterval = onInterval;
        this.nanoClock = nanoClock;
    }

    void begin() {
        begin(Long.MIN_VALUE);
    }

    /** @param firstDue records that were due before do not count, even if they are acknowledged only now */
    void begin(long firstDue) {
        this.firstDue = firstDue;
        before = costs.spent();
        beganAt = nanoClock.getAsLong();
        intervalAt = beganAt;
        counting = true;
    }

    boolean isCounting() {
        return counting;
    }

    void end() {
        end(nanoClock.getAsLong());
    }

    void end(long atNanos) {
        counting = false;
        endedAt = Math.max(atNanos, beganAt + 1);
        after = costs.spent();
    }

    /** A record is acknowledged, or, for a load that only reads, read. */
    void record() {
        if (counting) {
            records.increment();
        }
    }

    void acknowledged(long dueNanos, long nowNanos) {
        if (counting && dueNanos >= firstDue) {
            records.increment();
            acknowledgements.record(nowNanos - dueNanos);
        }
    }

    void arrived(long dueNanos, long nowNanos) {
        if (counting && dueNanos >= firstDue) {
            arrivals.increment();
            endToEnd.record(nowNanos - dueNanos);
        }
    }

    long records() {
        return records.sum();
    }

    long arrivals() {
        return arrivals.sum();
    }

    void failed(Throwable why) {
        failed.increment();
        failures.computeIfAbsent(String.valueOf(why.getMessage()), k -> new AtomicLong())
                .incrementAndGet();
    }

    /** Closes an interval when it is time. */
    void tick(long now) {
        if (!counting || now - intervalAt < INTERVAL_NANOS) {
            return;
        }
        long sum = records.sum();
        Histogram histogram = acknowledgements.interval();
        Interval interval = new Interval(
                (now - beganAt) / 1e9,
                (sum - intervalRecords) * (double) shape.recordBytes() / 1e6 / ((now - intervalAt) / 1e9),
                Percentiles.ms(histogram, 50),
                Percentiles.ms(histogram, 99),
                Percentiles.ms(histogram, 100));
        intervals.add(interval);
        onInterval.accept(interval);
        intervalAt = now;
        intervalRecords = sum;
    }

    LoadResult result() {
        double seconds = (endedAt - beganAt) / 1e9;
        long count = records.sum();
        Map<String, Long> why = new TreeMap<>();
        failures.forEach((message, times) -> why.put(message, times.get()));
        return new LoadResult(
                load,
                shape,
                seconds,
                count,
                count / seconds,
                count * (double) shape.recordBytes() / 1e6 / seconds,
                arrivals.sum(),
                failed.sum(),
                why,
                Percentiles.of(acknowledgements.all()),
                Percentiles.of(endToEnd.all()),
                costs.between(before, after, count * shape.recordBytes()),
                List.copyOf(intervals));
    }
}
