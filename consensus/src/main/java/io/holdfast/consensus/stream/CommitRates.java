package io.holdfast.consensus.stream;

import java.util.HashMap;
import java.util.Map;
import java.util.concurrent.TimeUnit;

/** How fast groups get on, from the commits that this leader has seen in the last minute. Any thread. */
final class CommitRates {
    private static final long WINDOW_NANOS = TimeUnit.SECONDS.toNanos(30);
    private static final int PARTITIONS_MAX = 100_000;

    private final Map<Key, Progress> progress = new HashMap<>();

    private record Key(String group, PartitionName partition) {}

    private record Sample(long nanos, long offset) {}

    /** From the start of the window before the present one to the last commit. */
    private static final class Progress {
        Sample before;
        Sample start;
        Sample last;

        Progress(Sample first) {
            before = first;
            start = first;
            last = first;
        }
    }

    synchronized void committed(String group, PartitionName partition, long offset, long nanos) {
        if (progress.size() >= PARTITIONS_MAX) {
            progress.clear(); // figures for operators; they come back within a minute
        }
        Sample sample = new Sample(nanos, offset);
        Progress known = progress.computeIfAbsent(new Key(group, partition), key -> new Progress(sample));
        if (offset < known.last.offset) { // sought
            known.before = sample;
            known.start = sample;
        } else if (nanos - known.start.nanos > WINDOW_NANOS) {
            known.before = known.start;
            known.start = sample;
        }
        known.last = sample;
    }

    /** Records per second; 0 if nothing was committed lately. */
    synchronized double perSecond(String group, PartitionName partition, long nanos) {
        Progress known = progress.get(new Key(group, partition));
        if (known == null || nanos - known.last.nanos > 2 * WINDOW_NANOS || nanos == known.before.nanos) {
            return 0;
        }
        return (known.last.offset - known.before.offset) * 1e9 / (nanos - known.before.nanos);
    }

    synchronized void clear() {
        progress.clear();
    }
}
