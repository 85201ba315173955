package io.holdfast.consensus.partition;

import java.util.Iterator;
import java.util.LinkedHashMap;
import java.util.Map;
import java.util.concurrent.TimeUnit;
import java.util.function.BooleanSupplier;
import java.util.function.LongSupplier;

/**
 * How long small appends should wait for the next queue command of their partition, to share its entry. An entry costs about
 * the same whatever its size. So where the processors of a node have no time to spare, and queue groups are busy in several of
 * its partitions, appends make no entries of their own if they need not; the more such partitions there are, the longer they
 * wait. Those of a partition that is alone do not, as its commands are frequent, and nobody does while there is time to
 * spare. Any thread.
 */
final class SharedEntries {
    static final long WAIT_NANOS_MAX = TimeUnit.MILLISECONDS.toNanos(250);
    /** For each other partition, on one processor. */
    private static final long WAIT_NANOS = TimeUnit.MILLISECONDS.toNanos(120);

    private static final long RECENT_NANOS = 2 * WAIT_NANOS_MAX;

    private final BooleanSupplier busy;
    private final long waitNanos;
    private final LongSupplier nanos;
    /** When each partition had its last command, if that is not long ago; the oldest first. */
    private final Map<Object, Long> commandedNanos = new LinkedHashMap<>();

    /** @param busy whether the processors have no time to spare */
    SharedEntries(int processors, BooleanSupplier busy, LongSupplier nanos) {
        this.busy = busy;
        this.waitNanos = WAIT_NANOS / processors;
        this.nanos = nanos;
    }

    /** A partition has a queue command. */
    synchronized void commanded(Object partition) {
        long now = nanos.getAsLong();
        commandedNanos.remove(partition);
        commandedNanos.put(partition, now);
        forgetBefore(now - RECENT_NANOS);
    }

    /** How long small appends of a partition should wait from now on; not at all if not positive. */
    long waitNanos(Object partition) {
        return busy.getAsBoolean() ? waitNanosWhenBusy(partition) : 0;
    }

    private synchronized long waitNanosWhenBusy(Object partition) {
        long now = nanos.getAsLong();
        forgetBefore(now - RECENT_NANOS);
        Long last = commandedNanos.get(partition);
        return last == null ? 0 : last - now + Math.min(WAIT_NANOS_MAX, (commandedNanos.size() - 1) * waitNanos);
    }

    private void forgetBefore(long before) {
        Iterator<Long> oldest = commandedNanos.values().iterator();
        while (oldest.hasNext() && oldest.next() - before < 0) {
            oldest.remove();
        }
    }

    /** Partitions that are remembered. */
    synchronized int size() {
        return commandedNanos.size();
    }
}
