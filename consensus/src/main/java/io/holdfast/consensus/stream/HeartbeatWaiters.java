package io.holdfast.consensus.stream;

import io.holdfast.consensus.Refusal;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.HashSet;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.TimeUnit;

/** Heartbeats that wait for a change in their group. Any thread. */
final class HeartbeatWaiters {
    private final Map<String, Set<CompletableFuture<Void>>> waiting = new HashMap<>();

    /** Completes at the group's next change, or when the heartbeat's wait is over. */
    CompletableFuture<Void> await(Heartbeat heartbeat) {
        CompletableFuture<Void> changed = new CompletableFuture<>();
        String group = heartbeat.request().getGroup();
        synchronized (this) {
            waiting.computeIfAbsent(group, g -> new HashSet<>()).add(changed);
        }
        changed.whenComplete((ok, failure) -> forget(group, changed));
        return changed.completeOnTimeout(
                null, Math.max(0, heartbeat.deadlineNanos() - System.nanoTime()), TimeUnit.NANOSECONDS);
    }

    private synchronized void forget(String group, CompletableFuture<Void> one) {
        Set<CompletableFuture<Void>> others = waiting.get(group);
        if (others != null && others.remove(one) && others.isEmpty()) {
            waiting.remove(group);
        }
    }

    void wake(String group) {
        List<CompletableFuture<Void>> woken;
        synchronized (this) {
            woken = new ArrayList<>(waiting.getOrDefault(group, Set.of()));
        }
        woken.forEach(one -> one.complete(null));
    }

    void fail(Refusal refusal) {
        List<CompletableFuture<Void>> all = new ArrayList<>();
        synchronized (this) {
            waiting.values().forEach(all::addAll);
        }
        all.forEach(one -> one.completeExceptionally(refusal));
    }
}
