package io.holdfast.consensus.raft.transport;

import java.util.ArrayDeque;
import java.util.HashMap;
import java.util.Map;
import java.util.Queue;
import java.util.concurrent.Executor;
import org.apache.ratis.protocol.RaftGroupId;
import org.jspecify.annotations.Nullable;

/** Runs tasks on an executor, those of one group one after the other and in order. Any thread. */
final class GroupLanes {
    private final Executor executor;
    /** Groups with a task that runs, and what waits behind it. */
    private final Map<RaftGroupId, Queue<Runnable>> busy = new HashMap<>();

    GroupLanes(Executor executor) {
        this.executor = executor;
    }

    synchronized boolean isBusy(RaftGroupId group) {
        return busy.containsKey(group);
    }

    /** @throws java.util.concurrent.RejectedExecutionException if the executor has stopped; nothing runs any more then */
    void run(RaftGroupId group, Runnable task) {
        synchronized (this) {
            Queue<Runnable> waiting = busy.get(group);
            if (waiting != null) {
                waiting.add(task);
                return;
            }
            busy.put(group, new ArrayDeque<>());
        }
        executor.execute(() -> runAll(group, task));
    }

    private void runAll(RaftGroupId group, Runnable first) {
        for (Runnable next = first; next != null; next = next(group)) {
            next.run();
        }
    }

    private synchronized @Nullable Runnable next(RaftGroupId group) {
        Queue<Runnable> waiting = busy.get(group);
        Runnable next = waiting == null ? null : waiting.poll();
        if (next == null) {
            busy.remove(group);
        }
        return next;
    }
}
