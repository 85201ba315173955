package io.holdfast.bench;

import java.util.concurrent.TimeUnit;
import org.HdrHistogram.Histogram;
import org.HdrHistogram.Recorder;

/** Latencies, recorded by any thread, in microseconds with three digits. */
final class Latency {
    private static final long MAX_US = TimeUnit.MINUTES.toMicros(10);

    private final Recorder recorder = new Recorder(MAX_US, 3);
    private final Histogram all = new Histogram(MAX_US, 3);

    void record(long nanos) {
        recorder.recordValue(Math.max(0, Math.min(MAX_US, TimeUnit.NANOSECONDS.toMicros(nanos))));
    }

    /** What was recorded since this was last asked; it is part of the whole too. One thread at a time. */
    Histogram interval() {
        Histogram interval = recorder.getIntervalHistogram();
        all.add(interval);
        return interval;
    }

    Histogram all() {
        interval();
        return all;
    }
}
