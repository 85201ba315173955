package io.holdfast.consensus;

import java.util.concurrent.CompletableFuture;
import java.util.function.Supplier;
import org.jspecify.annotations.Nullable;

/**
 * A call that finds out what is the case from some moment on. Whoever asks while one is under way shares the next, which
 * begins after he asked; so there are never more than two, however many ask. Any thread.
 */
public final class SharedCall<T> {
    private final Supplier<CompletableFuture<T>> call;
    /** Guarded by this, as is the next. */
    private @Nullable CompletableFuture<T> running;

    private @Nullable CompletableFuture<T> next;

    public SharedCall(Supplier<CompletableFuture<T>> call) {
        this.call = call;
    }

    /** What a call comes to that begins now or later. */
    public CompletableFuture<T> ask() {
        CompletableFuture<T> mine;
        synchronized (this) {
            if (running != null) {
                if (next == null) {
                    next = new CompletableFuture<>();
                }
                return next;
            }
            mine = new CompletableFuture<>();
            running = mine;
        }
        start(mine);
        return mine;
    }

    private CompletableFuture<T> attempt() {
        try {
            return call.get();
        } catch (RuntimeException e) { // or whoever asks would wait for ever
            return CompletableFuture.failedFuture(e);
        }
    }

    private void start(CompletableFuture<T> asked) {
        attempt().whenComplete((answer, failure) -> {
            CompletableFuture<T> waiting;
            synchronized (this) {
                waiting = next;
                running = waiting;
                next = null;
            }
            if (waiting != null) {
                start(waiting);
            }
            if (failure == null) {
                asked.complete(answer);
            } else {
                asked.completeExceptionally(failure);
            }
        });
    }
}
