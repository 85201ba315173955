package io.holdfast.consensus.partition;

import java.util.Map;
import java.util.concurrent.ConcurrentSkipListMap;
import java.util.concurrent.atomic.AtomicLong;

/** The first offset not yet applied, and those who wait for it to pass theirs. Advanced by the apply thread. */
final class HighWatermark {
    private volatile long value;
    private final ConcurrentSkipListMap<Ticket, Runnable> waiting = new ConcurrentSkipListMap<>();
    private final AtomicLong tickets = new AtomicLong();

    private record Ticket(long offset, long number) implements Comparable<Ticket> {
        @Override
        public int compareTo(Ticket other) {
            int byOffset = Long.compare(offset, other.offset);
            return byOffset != 0 ? byOffset : Long.compare(number, other.number);
        }
    }

    long value() {
        return value;
    }

    void advance(long to) {
        if (to > value) {
            set(to);
        }
    }

    /** A copied log may end anywhere. */
    void set(long to) {
        value = to;
        wake();
    }

    private void wake() {
        Map.Entry<Ticket, Runnable> first = waiting.firstEntry();
        while (first != null && first.getKey().offset < value) {
            if (waiting.remove(first.getKey(), first.getValue())) {
                first.getValue().run();
            }
            first = waiting.firstEntry();
        }
    }

    /** Lets everyone look again, though nothing has come. */
    void wakeAll() {
        for (Map.Entry<Ticket, Runnable> waiter : waiting.entrySet()) {
            if (waiting.remove(waiter.getKey(), waiter.getValue())) {
                waiter.getValue().run();
            }
        }
    }

    /**
     * Runs {@code wake} once the record at this offset can be read: now, or later on the apply thread, so it must only
     * hand over.
     *
     * @return run it to wait no longer; harmless afterwards
     */
    Runnable whenPassed(long offset, Runnable wake) {
        Ticket ticket = new Ticket(offset, tickets.incrementAndGet());
        waiting.put(ticket, wake);
        if (value > offset) { // also if it advanced before we were in the map
            wake();
        }
        return () -> waiting.remove(ticket);
    }

    int waiters() {
        return waiting.size();
    }
}
