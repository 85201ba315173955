package io.holdfast.consensus.queue;

import io.holdfast.internal.v1.RunPhase;
import org.jspecify.annotations.Nullable;

/**
 * Where a record is for a queue group. Neighbours with equal statuses are stored as one {@link Run}.
 *
 * @param leaseId of the live lease; 0 if there is none
 * @param member who holds it, or held it last; empty if nobody did
 * @param dueMs on the queue clock: when the lease ends, or the retry is due
 * @param delivered how often it was handed out
 * @param failed how often it was retried or its lease ran out
 * @param failure the failures in the past; null if there are none
 */
record Status(
        RunPhase phase,
        long leaseId,
        String member,
        long dueMs,
        int delivered,
        int failed,
        @Nullable Failure failure) {

    /** @param firstMs append-time clock, as is {@code lastMs} */
    record Failure(long firstMs, long lastMs, String reason) {}

    static final Status UNTOUCHED = new Status(RunPhase.RUN_PHASE_READY, 0, "", 0, 0, 0, null);
    static final Status DONE = new Status(RunPhase.RUN_PHASE_DONE, 0, "", 0, 0, 0, null);
    static final Status DEAD = new Status(RunPhase.RUN_PHASE_DEAD, 0, "", 0, 0, 0, null);

    Status leased(long lease, String to, long untilMs) {
        return new Status(RunPhase.RUN_PHASE_LEASED, lease, to, untilMs, delivered + 1, failed, failure);
    }

    Status extended(long untilMs) {
        return new Status(phase, leaseId, member, untilMs, delivered, failed, failure);
    }

    Status released() {
        return new Status(RunPhase.RUN_PHASE_READY, 0, member, 0, delivered, failed, failure);
    }

    /** Ready, as if it had not failed, though it did. */
    Status forgiven() {
        return new Status(RunPhase.RUN_PHASE_READY, 0, member, 0, delivered, 0, failure);
    }

    /** One failure more; ready, or waiting until {@code dueMs}. */
    Status failed(RunPhase next, long dueAtMs, long nowMs, String reason) {
        long first = failure == null ? nowMs : failure.firstMs;
        return new Status(next, 0, member, dueAtMs, delivered, failed + 1, new Failure(first, nowMs, reason));
    }
}
