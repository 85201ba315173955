package io.holdfast.consensus;

import io.holdfast.v1.ErrorReason;
import java.time.Duration;
import java.util.ArrayDeque;
import java.util.ArrayList;
import java.util.Deque;
import java.util.List;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.Executor;

/**
 * Requests on their way into Raft entries, one of which is under way at a time: what arrives meanwhile goes into the next
 * one together. Any thread; entries are made on the executor.
 */
public final class EntryPipe<R extends EntryPipe.Request> {
    private static final int REQUESTS_PER_ENTRY_MAX = 1000;
    private static final Duration RETRY_AFTER = Duration.ofMillis(100);

    private final int waitingMax;
    private final String slowDown;
    private final Executor executor;
    private final Writer<R> writer;
    private final Runnable idle;
    private final Deque<R> waiting = new ArrayDeque<>();
    /** An entry is under way, or about to be made. */
    private boolean busy;

    /** Somebody waits for its result. */
    public interface Request {
        CompletableFuture<?> result();
    }

    /** Makes entries of requests. */
    public interface Writer<R> {
        /**
         * Answers all of the requests, now or when the entry is applied; whatever it throws refuses them.
         *
         * @return completes when the next entry may be made, with requests to be decided about first
         */
        CompletableFuture<List<R>> write(List<R> requests);
    }

    /**
     * @param waitingMax requests that wait; more are refused
     * @param slowDown what those are told
     */
    public EntryPipe(int waitingMax, String slowDown, Executor executor, Writer<R> writer) {
        this(waitingMax, slowDown, executor, writer, () -> {});
    }

    /** @param idle run whenever no entry is under way any more, and none is about to be made; it must not block */
    public EntryPipe(int waitingMax, String slowDown, Executor executor, Writer<R> writer, Runnable idle) {
        this.waitingMax = waitingMax;
        this.slowDown = slowDown;
        this.executor = executor;
        this.writer = writer;
        this.idle = idle;
    }

    public void offer(R request) {
        synchronized (this) {
            if (waiting.size() >= waitingMax) {
                request.result()
                        .completeExceptionally(
                                Refusal.later(ErrorReason.ERROR_REASON_OVERLOADED, slowDown, RETRY_AFTER));
                return;
            }
            waiting.add(request);
            if (busy) {
                return;
            }
            busy = true;
        }
        executor.execute(this::writeWaiting);
    }

    /** Takes the place of an entry that is made elsewhere, if none is under way; {@link #end} must follow. */
    public synchronized boolean tryBegin() {
        boolean begun = !busy;
        busy = true;
        return begun;
    }

    /** What {@link #tryBegin} began has been applied, or has failed. */
    public void end() {
        done(List.of());
    }

    public void refuseWaiting(Refusal refusal) {
        List<R> given;
        synchronized (this) {
            given = new ArrayList<>(waiting);
            waiting.clear();
        }
        given.forEach(request -> request.result().completeExceptionally(refusal));
    }

    public synchronized boolean isIdle() {
        return waiting.isEmpty() && !busy;
    }

    private void writeWaiting() {
        List<R> requests = new ArrayList<>();
        synchronized (this) {
            while (!waiting.isEmpty() && requests.size() < REQUESTS_PER_ENTRY_MAX) {
                requests.add(waiting.remove());
            }
            busy = !requests.isEmpty();
        }
        if (requests.isEmpty()) { // refused meanwhile
            idle.run();
            return;
        }
        CompletableFuture<List<R>> written;
        try {
            written = writer.write(requests);
        } catch (RuntimeException e) {
            requests.forEach(request -> request.result().completeExceptionally(e));
            done(List.of());
            return;
        }
        written.whenComplete((again, failure) -> done(failure == null ? again : List.of()));
    }

    private void done(List<R> again) {
        boolean more;
        synchronized (this) {
            again.forEach(waiting::addFirst);
            more = !waiting.isEmpty();
            busy = more;
        }
        if (more) {
            executor.execute(this::writeWaiting);
        } else {
            idle.run();
        }
    }
}
