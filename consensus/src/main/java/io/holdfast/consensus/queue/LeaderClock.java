package io.holdfast.consensus.queue;

import io.holdfast.consensus.AwakeClock;

/**
 * An {@link AwakeClock} that in each term starts where the replicated one is, whether or not news of the leadership has come
 * by then: what it showed when this replica led before may be later than what others have counted by since. Any thread.
 */
final class LeaderClock {
    private final QueuePartition partition;
    private final AwakeClock clock = new AwakeClock();
    private long startedTerm = -1;
    private long writtenMs;

    LeaderClock(QueuePartition partition) {
        this.partition = partition;
    }

    long nowMs() {
        start();
        synchronized (this) {
            return clock.now(System.nanoTime());
        }
    }

    void start() {
        long term = partition.term();
        synchronized (this) {
            if (startedTerm == term || !partition.leads()) {
                return;
            }
        }
        long replicated = partition.ask(QueueTable::clockMs);
        synchronized (this) {
            if (startedTerm != term) {
                startedTerm = term;
                clock.startAt(replicated, System.nanoTime());
                writtenMs = replicated;
            }
        }
    }

    /** This time is in the Raft log. */
    synchronized void written(long ms) {
        writtenMs = Math.max(writtenMs, ms);
    }

    /** How far the replicated clock is behind. */
    long lagMs() {
        long now = nowMs();
        synchronized (this) {
            return now - writtenMs;
        }
    }
}
