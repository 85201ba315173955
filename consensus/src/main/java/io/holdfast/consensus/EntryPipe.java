package io.holdfast.consensus;

import io.holdfast.v1.ErrorReason;
import java.time.Duration;
import java.util.ArrayDeque;
import java.util.ArrayList;
import java.util.Deque;
import java.util.List;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.Executor;
import java.util.concurrent.TimeUnit;
import java.util.function.BooleanSupplier;
import org.jspecify.annotations.Nullable;

/**
 * Requests on their way into Raft entries, one of which is under way at a time: what arrives meanwhile goes into the next
 * one together. Those in no hurry are held back for a moment while something is expected that they can go along with. Any
 * thread; entries are made on the executor.
 */
public final class EntryPipe<R extends EntryPipe.Request> {
    private static final int REQUESTS_PER_ENTRY_MAX = 1000;
    private static final long PATIENCE_NANOS = TimeUnit.MILLISECONDS.toNanos(3);
    private static final Duration RETRY_AFTER = Duration.ofMillis(100);

    private final int waitingMax;
    private final String slowDown;
    private final Executor executor;
    private final Writer<R> writer;
    private final Runnable idle;
    private final Company company;
    private final Deque<R> waiting = new ArrayDeque<>();
    /** An entry is under way, or about to be made. */
    private boolean busy;
    /** Since when what waits is held back, if no entry is under way. */
    private long heldSinceNanos;
    /** Somebody will look after what is held back. */
    private boolean looks;

    /** Somebody waits for its result. */
    public interface Request {
        CompletableFuture<?> result();

        /** Whether it may wait for {@link Company}. */
        default boolean isPatient() {
            return false;
        }
    }

    /**
     * Entries made elsewhere, by {@link #tryBegin}, that patient requests go along with.
     *
     * @param isExpected whether the next is worth waiting for; quick
     * @param timer looks after those that wait in vain
     */
    public record Company(BooleanSupplier isExpected, Timer timer) {
        /** There are no such entries. */
        static final Company NONE = new Company(() -> false, (task, delayNanos) -> {});
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
        this(waitingMax, slowDown, executor, writer, () -> {}, Company.NONE);
    }

    /** @param idle run whenever no entry is under way any more, and none is about to be made; it must not block */
    public EntryPipe(
            int waitingMax, String slowDown, Executor executor, Writer<R> writer, Runnable idle, Company company) {
        this.waitingMax = waitingMax;
        this.slowDown = slowDown;
        this.executor = executor;
        this.writer = writer;
        this.idle = idle;
        this.company = company;
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
            if (busy || (request.isPatient() && holdsBack(waiting.size() == 1))) {
                return;
            }
            busy = true;
        }
        executor.execute(this::writeWaiting);
    }

    /**
     * Lets what waits, all of it patient, wait on, if that is worth it.
     *
     * @param anew whether nothing was held back before
     */
    private boolean holdsBack(boolean anew) {
        if (!company.isExpected.getAsBoolean()) {
            return false;
        }
        if (anew) {
            heldSinceNanos = System.nanoTime();
        }
        lookIn(PATIENCE_NANOS);
        return true;
    }

    private void lookIn(long nanos) {
        if (!looks) {
            looks = true;
            company.timer.schedule(this::look, nanos);
        }
    }

    private void look() {
        synchronized (this) {
            looks = false;
            if (busy || waiting.isEmpty()) {
                return;
            }
            long left = heldSinceNanos + PATIENCE_NANOS - System.nanoTime();
            if (left > 0 && company.isExpected.getAsBoolean()) {
                lookIn(left);
                return;
            }
            busy = true;
        }
        executor.execute(this::writeWaiting);
    }

    /** Whether there are requests that would go along with the next entry that is made elsewhere. */
    public synchronized boolean hasHeldBack() {
        return !busy && !waiting.isEmpty();
    }

    /**
     * Takes the place of an entry that is made elsewhere, if none is under way; {@link #end} must follow.
     *
     * @return requests that are to go along with it, and to be answered; null if an entry is under way
     */
    public synchronized @Nullable List<R> tryBegin() {
        if (busy) {
            return null;
        }
        busy = true;
        return takeWaiting();
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
        List<R> requests;
        synchronized (this) {
            requests = takeWaiting();
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

    private List<R> takeWaiting() {
        List<R> requests = new ArrayList<>();
        while (!waiting.isEmpty() && requests.size() < REQUESTS_PER_ENTRY_MAX) {
            requests.add(waiting.remove());
        }
        return requests;
    }

    private void done(List<R> again) {
        boolean more;
        synchronized (this) {
            again.forEach(waiting::addFirst);
            more = !waiting.isEmpty() && !(waiting.stream().allMatch(Request::isPatient) && holdsBack(true));
            busy = more;
        }
        if (more) {
            executor.execute(this::writeWaiting);
        } else {
            idle.run();
        }
    }
}
