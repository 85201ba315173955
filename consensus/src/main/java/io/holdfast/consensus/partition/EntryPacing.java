package io.holdfast.consensus.partition;

import io.holdfast.consensus.Timer;
import java.util.ArrayDeque;
import java.util.ArrayList;
import java.util.Deque;
import java.util.Iterator;
import java.util.LinkedHashSet;
import java.util.List;
import java.util.concurrent.TimeUnit;
import java.util.function.IntSupplier;
import java.util.function.LongSupplier;
import org.jspecify.annotations.Nullable;

/**
 * Paces the Raft entries of all partitions of a node. An entry costs about the same whatever its size, so when many
 * partitions are busy, fewer and larger entries are better: beyond a few at a time, partitions wait their turn and
 * gather meanwhile.
 *
 * <p>An entry that takes longer than {@link #PATIENCE_NANOS} no longer counts: neither a partition without a majority
 * nor a slow disk holds up the others. How many may be under way can change at any time. Any thread; turns are run on the
 * thread that gave up its place, or on the timer.
 */
final class EntryPacing {
    static final long PATIENCE_NANOS = TimeUnit.MILLISECONDS.toNanos(50);

    private final IntSupplier entriesMax;
    private final SharedEntries sharedEntries;
    private final LongSupplier nanos;
    private final Timer timer;
    /** Oldest first. */
    private final LinkedHashSet<Permit> underWay = new LinkedHashSet<>();

    private final Deque<Runnable> waiting = new ArrayDeque<>();
    private boolean timerSet;

    /** A place among the entries under way. */
    static final class Permit {
        private final long sinceNanos;

        private Permit(long sinceNanos) {
            this.sinceNanos = sinceNanos;
        }
    }

    EntryPacing(IntSupplier entriesMax, SharedEntries sharedEntries, LongSupplier nanos, Timer timer) {
        this.entriesMax = entriesMax;
        this.sharedEntries = sharedEntries;
        this.nanos = nanos;
        this.timer = timer;
    }

    static EntryPacing ofThisMachine(Timer timer) {
        int processors = Runtime.getRuntime().availableProcessors();
        BusyProcessors busy = BusyProcessors.ofThisMachine();
        return new EntryPacing(
                new EntriesUnderWay(processors, busy),
                new SharedEntries(processors, busy, System::nanoTime),
                System::nanoTime,
                timer);
    }

    /** A partition makes an entry for a queue command. */
    void commanded(Object partition) {
        sharedEntries.commanded(partition);
    }

    /** Whether small appends should wait for the partition's next queue command; if so, the turn is run when that is over. */
    boolean waitsForCommand(Object partition, Runnable turn) {
        long wait = sharedEntries.waitNanos(partition);
        if (wait <= 0) {
            return false;
        }
        timer.schedule(turn, wait);
        return true;
    }

    /** A permit at once, or null; then the turn is run, once, when it is worth asking again. */
    synchronized @Nullable Permit tryAcquire(Runnable turn) {
        if (!hasRoom()) {
            waiting.add(turn);
            setTimer();
            return null;
        }
        Permit permit = new Permit(nanos.getAsLong());
        underWay.add(permit);
        return permit;
    }

    /** The entry is done; runs the next turn on this thread. */
    void release(Permit permit) {
        Runnable next;
        synchronized (this) {
            underWay.remove(permit);
            next = hasRoom() ? waiting.poll() : null;
        }
        if (next != null) {
            next.run();
        }
    }

    /** The entry was refused before it got anywhere; the next turn is run by the timer, lest refusals nest. */
    synchronized void releaseUnused(Permit permit) {
        underWay.remove(permit);
        passTurn();
    }

    /** A turn that was run had no use for it. */
    synchronized void passTurn() {
        if (!waiting.isEmpty()) {
            timer.schedule(this::wake, 0);
        }
    }

    private boolean hasRoom() {
        long now = nanos.getAsLong();
        Iterator<Permit> oldest = underWay.iterator();
        while (oldest.hasNext() && now - oldest.next().sinceNanos >= PATIENCE_NANOS) {
            oldest.remove();
        }
        return underWay.size() < entriesMax.getAsInt();
    }

    private void setTimer() {
        if (!timerSet) {
            timerSet = true;
            Permit oldest = underWay.iterator().next();
            timer.schedule(
                    () -> {
                        synchronized (this) {
                            timerSet = false;
                        }
                        wake();
                    },
                    Math.max(0, oldest.sinceNanos + PATIENCE_NANOS - nanos.getAsLong()));
        }
    }

    private void wake() {
        List<Runnable> turns = new ArrayList<>();
        synchronized (this) {
            while (hasRoom() && turns.size() < entriesMax.getAsInt() - underWay.size() && !waiting.isEmpty()) {
                turns.add(waiting.remove());
            }
            if (!waiting.isEmpty() && !underWay.isEmpty()) {
                setTimer();
            }
        }
        turns.forEach(Runnable::run);
    }
}
