package io.holdfast.consensus.queue;

import io.holdfast.consensus.Refusal;
import java.util.LinkedHashSet;
import java.util.List;
import java.util.Set;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.Executor;
import java.util.concurrent.TimeUnit;

/** Members that wait until there is something for them in a partition. Any thread. */
final class ReadyWaiters {
    /** Whether a member of a group would get something now. */
    interface Check {
        boolean canAcquire(long groupId, String member);
    }

    private record Waiter(long groupId, String member, long sinceNanos, CompletableFuture<Void> ready) {}

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

    CompletableFuture<Void> add(long groupId, String member) {
        Waiter waiter = new Waiter(groupId, member, System.nanoTime(), new CompletableFuture<>());
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
                    .filter(waiter -> check.canAcquire(waiter.groupId, waiter.member))
                    .toList()
                    .forEach(waiter -> waiter.ready.complete(null));
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
                    && check.canAcquire(waiter.groupId, waiter.member)
                    && waiter.ready.complete(null)) {
                stalled++;
            }
        }
        return stalled;
    }

    void fail(Refusal refusal) {
        all().forEach(waiter -> waiter.ready.completeExceptionally(refusal));
    }

    /** A copy: waiters leave as they are woken. */
    private synchronized List<Waiter> all() {
        return List.copyOf(waiters);
    }

    synchronized int count() {
        return waiters.size();
    }
}
