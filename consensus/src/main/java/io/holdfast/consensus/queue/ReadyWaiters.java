package io.holdfast.consensus.queue;

import io.holdfast.consensus.Refusal;
import java.util.LinkedHashSet;
import java.util.List;
import java.util.Set;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.Executor;
import java.util.concurrent.TimeUnit;
import org.jspecify.annotations.Nullable;

/** Members that wait until there is something for them in a partition. Any thread. */
final class ReadyWaiters {
    /** Whether a member of a group would get something now. */
    interface Check {
        boolean canAcquire(long groupId, String member);
    }

    /** Waits until it is told, or is cancelled. */
    static final class Waiter {
        final long groupId;
        final String member;
        final AcquireTerms terms;
        /** Completes with records that were leased as they were appended; with none if there are others to acquire. */
        final CompletableFuture<List<LeasedRecord>> ready = new CompletableFuture<>();

        private final long sinceNanos = System.nanoTime();
        /** Records may be leased to it by an entry under way: it is not told of anything else meanwhile. */
        private boolean leasing;
        /** Why it is not to wait any longer once that entry is done with. */
        private @Nullable Refusal refusal;

        Waiter(long groupId, String member, AcquireTerms terms) {
            this.groupId = groupId;
            this.member = member;
            this.terms = terms;
        }

        synchronized void leasing() {
            leasing = true;
        }

        synchronized boolean isLeasing() {
            return leasing;
        }

        /** False if it waits no more; it waits on if there is nothing. */
        boolean leased(List<LeasedRecord> records) {
            Refusal why;
            synchronized (this) {
                leasing = false;
                why = refusal;
            }
            if (!records.isEmpty()) {
                return ready.complete(records);
            }
            if (why != null) {
                ready.completeExceptionally(why);
            }
            return true;
        }

        /** It waits on. */
        void notLeased(Throwable why) {
            leased(List.of());
        }

        /** What it may have been leased is its own, whoever leads now: that is waited for. */
        void fail(Refusal why) {
            synchronized (this) {
                if (leasing) {
                    refusal = why;
                    return;
                }
            }
            ready.completeExceptionally(why);
        }
    }

    /** Among more, nobody looks for those that wait alone. */
    private static final int LOOKED_AT_MAX = 16;
    /** Whoever is woken at all is woken long before. */
    private static final long STALL_NANOS = TimeUnit.SECONDS.toNanos(2);

    private final QueuePartition partition;
    private final Executor executor;
    private final Check check;
    private final Set<Waiter> waiters = new LinkedHashSet<>();
    private boolean waking;
    private boolean wakeAgain;
    private boolean watchingLog;

    ReadyWaiters(QueuePartition partition, Executor executor, Check check) {
        this.partition = partition;
        this.executor = executor;
        this.check = check;
    }

    CompletableFuture<List<LeasedRecord>> add(long groupId, String member, AcquireTerms terms) {
        Waiter waiter = new Waiter(groupId, member, terms);
        synchronized (this) {
            waiters.add(waiter);
        }
        waiter.ready.whenComplete((ok, failure) -> {
            synchronized (this) {
                waiters.remove(waiter);
            }
        });
        wake();
        return waiter.ready;
    }

    /** Something has changed: looks, on the executor, for whom. */
    void wake() {
        synchronized (this) {
            if (waiters.isEmpty()) {
                return;
            }
            if (waking) {
                wakeAgain = true;
                return;
            }
            waking = true;
        }
        executor.execute(this::look);
    }

    private void look() {
        watchLog(); // first: what is appended from here on wakes again
        List<Waiter> all = all();
        try {
            all.stream()
                    .filter(waiter -> !waiter.isLeasing() && check.canAcquire(waiter.groupId, waiter.member))
                    .toList()
                    .forEach(waiter -> waiter.ready.complete(List.of()));
        } catch (RuntimeException e) {
            all.forEach(waiter -> waiter.ready.completeExceptionally(e));
        }
        boolean again;
        synchronized (this) {
            waking = false;
            again = wakeAgain;
            wakeAgain = false;
        }
        if (again) {
            wake();
        }
    }

    private void watchLog() {
        synchronized (this) {
            if (watchingLog) {
                return;
            }
            watchingLog = true;
        }
        partition.whenReadable(partition.highWatermark(), () -> {
            synchronized (this) {
                watchingLog = false;
            }
            wake();
        });
    }

    /** Wakes those that should have been; returns how many. */
    int wakeStalled(long nanos) {
        int stalled = 0;
        for (Waiter waiter : all()) {
            if (nanos - waiter.sinceNanos > STALL_NANOS
                    && !waiter.isLeasing()
                    && check.canAcquire(waiter.groupId, waiter.member)
                    && waiter.ready.complete(List.of())) {
                stalled++;
            }
        }
        return stalled;
    }

    void fail(Refusal refusal) {
        all().forEach(waiter -> waiter.fail(refusal));
    }

    /** A copy: waiters leave as they are woken. */
    private synchronized List<Waiter> all() {
        return List.copyOf(waiters);
    }

    /** The waiters whose groups have no other, if they want records; where several wait they take turns, by acquiring. */
    synchronized List<Waiter> alone() {
        if (waiters.isEmpty() || waiters.size() > LOOKED_AT_MAX) {
            return List.of();
        }
        return waiters.stream()
                .filter(waiter -> waiter.terms.recordsMax() > 0
                        && waiters.stream().noneMatch(other -> other != waiter && other.groupId == waiter.groupId))
                .toList();
    }

    synchronized boolean isAwaited(long groupId) {
        return waiters.stream().anyMatch(waiter -> waiter.groupId == groupId);
    }

    synchronized boolean isEmpty() {
        return waiters.isEmpty();
    }

    synchronized int count() {
        return waiters.size();
    }
}
