package io.holdfast.consensus;

import java.util.HashMap;
import java.util.Map;
import java.util.concurrent.TimeUnit;

/**
 * How fast things get on, from what this leader has seen of them in the last minute. Any thread.
 *
 * @param <K> what gets on
 */
public final class Rates<K> {
    private static final long WINDOW_NANOS = TimeUnit.SECONDS.toNanos(30);
    private static final int KEYS_MAX = 100_000;

    private final Map<K, Progress> progress = new HashMap<>();

    private record Sample(long nanos, long position) {}

    /** From the start of the window before the present one to the last sample. */
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

    /** It has come to this position; a lower one than before means that it began anew. */
    public synchronized void reached(K key, long position, long nanos) {
        if (progress.size() >= KEYS_MAX) {
            progress.clear(); // figures for operators; they come back within a minute
        }
        Sample sample = new Sample(nanos, position);
        Progress known = progress.computeIfAbsent(key, k -> new Progress(sample));
        if (position < known.last.position) {
            known.before = sample;
            known.start = sample;
        } else if (nanos - known.start.nanos > WINDOW_NANOS) {
            known.before = known.start;
            known.start = sample;
        }
        known.last = sample;
    }

    /** Positions per second; 0 if nothing was heard lately. */
    public synchronized double perSecond(K key, long nanos) {
        Progress known = progress.get(key);
        if (known == null || nanos - known.last.nanos > 2 * WINDOW_NANOS || nanos == known.before.nanos) {
            return 0;
        }
        return (known.last.position - known.before.position) * 1e9 / (nanos - known.before.nanos);
    }

    public synchronized void clear() {
        progress.clear();
    }
}
