package io.holdfast.consensus.queue;

import io.holdfast.internal.v1.DeadRecord;
import io.holdfast.internal.v1.GrantedRange;
import io.holdfast.internal.v1.LeasedRange;
import io.holdfast.internal.v1.OffsetRange;
import io.holdfast.internal.v1.QueueAcquire;
import io.holdfast.internal.v1.QueueDecide;
import io.holdfast.internal.v1.QueueDiscard;
import io.holdfast.internal.v1.QueueExpire;
import io.holdfast.internal.v1.QueueResult;
import io.holdfast.internal.v1.QueueRow;
import io.holdfast.internal.v1.QueueRun;
import io.holdfast.internal.v1.QueueSettle;
import io.holdfast.internal.v1.RunPhase;
import io.holdfast.v1.RedriveState;
import org.jspecify.annotations.Nullable;

/**
 * What one queue group has done with the records of one partition. Replicated: changed by {@link QueueTable#apply} only,
 * by rules that depend on nothing but the state and the command. Not thread-safe.
 *
 * <p>Below {@code floor} every record is settled for good. From {@code next} on none was ever handed out. In between
 * each is ready, leased, waiting for its retry, done, or dead and not yet in the dead-letter topic. A lease is live from
 * the acquire that made it to the settle or the expiry that ended it, in the order of the Raft log: so there is at most
 * one per record, and a settle is accepted if and only if its lease is live.
 */
final class QueueState {
    static final String LEASE_RAN_OUT = "the lease ran out";

    private final long groupId;
    private final RunMap runs = new RunMap();
    private final DeadLetters dead = new DeadLetters();
    private long floor;
    private long next;
    private long lastLeaseId;

    QueueState(long groupId, long startOffset) {
        this.groupId = groupId;
        floor = startOffset;
        next = startOffset;
    }

    // ---- commands

    /** Leases those of the ranges that may be leased: ready, or waiting and due. */
    void acquire(QueueAcquire acquire, long clockMs, long endOfLog, QueueResult.Builder result) {
        long lease = lastLeaseId + 1;
        boolean any = false;
        for (OffsetRange range : acquire.getRangesList()) {
            long to = Math.min(range.getTo(), endOfLog);
            reach(to);
            for (Run run : runs.within(range.getFrom(), to)) {
                if (isReady(run.status(), clockMs)) {
                    Status leased = run.status().leased(lease, acquire.getMember(), clockMs + acquire.getLeaseMs());
                    runs.set(run.from(), run.to(), leased);
                    result.addGranted(GrantedRange.newBuilder()
                            .setRange(range(run.from(), run.to()))
                            .setDelivered(leased.delivered())
                            .setFailed(leased.failed()));
                    any = true;
                }
            }
        }
        if (any) {
            lastLeaseId = lease;
            result.setLeaseId(lease);
        }
    }

    static boolean isReady(Status status, long clockMs) {
        return status.phase() == RunPhase.RUN_PHASE_READY
                || (status.phase() == RunPhase.RUN_PHASE_WAITING && status.dueMs() <= clockMs);
    }

    /** Records that were passed over, to be handed out later, are ready ones below next. */
    private void reach(long to) {
        if (to > next) {
            runs.set(next, to, Status.UNTOUCHED);
            next = to;
        }
    }

    void settle(QueueSettle settle, long clockMs, long nowMs, QueueResult.Builder result) {
        long done = settle.getRange().getFrom();
        for (Run run :
                runs.within(settle.getRange().getFrom(), settle.getRange().getTo())) {
            lost(done, run.from(), result);
            if (run.status().phase() == RunPhase.RUN_PHASE_LEASED
                    && run.status().leaseId() == settle.getLeaseId()) {
                settle(run, settle, clockMs, nowMs);
            } else {
                lost(run.from(), run.to(), result);
            }
            done = run.to();
        }
        lost(done, settle.getRange().getTo(), result);
        raiseFloor();
    }

    private static void lost(long from, long to, QueueResult.Builder result) {
        if (from < to) {
            result.addLost(range(from, to));
        }
    }

    private void settle(Run run, QueueSettle settle, long clockMs, long nowMs) {
        switch (settle.getOutcome()) {
            case OUTCOME_ACCEPT -> runs.set(run.from(), run.to(), Status.DONE);
            case OUTCOME_RELEASE -> runs.set(run.from(), run.to(), run.status().released());
            case OUTCOME_EXTEND -> runs.set(run.from(), run.to(), run.status().extended(clockMs + settle.getDelayMs()));
            case OUTCOME_REJECT ->
                fail(
                        run,
                        1,
                        giveUp(settle.getDiscardDead(), settle.getParkDead()),
                        RunPhase.RUN_PHASE_READY,
                        0,
                        nowMs,
                        settle.getReason());
            case OUTCOME_RETRY -> {
                boolean waits = settle.getDelayMs() > 0;
                fail(
                        run,
                        settle.getFailuresMax(),
                        giveUp(settle.getDiscardDead(), settle.getParkDead()),
                        waits ? RunPhase.RUN_PHASE_WAITING : RunPhase.RUN_PHASE_READY,
                        waits ? clockMs + settle.getDelayMs() : 0,
                        nowMs,
                        settle.getReason());
            }
            default -> throw new IllegalArgumentException("no outcome " + settle.getOutcomeValue());
        }
    }

    /** Ends leases that are still the ones named, and past their end. */
    void expire(QueueExpire expire, long clockMs, long nowMs) {
        for (LeasedRange lease : expire.getLeasesList()) {
            for (Run run :
                    runs.within(lease.getRange().getFrom(), lease.getRange().getTo())) {
                Status status = run.status();
                if (status.phase() == RunPhase.RUN_PHASE_LEASED
                        && status.leaseId() == lease.getLeaseId()
                        && status.dueMs() <= clockMs) {
                    fail(
                            run,
                            expire.getFailuresMax(),
                            giveUp(expire.getDiscardDead(), expire.getParkDead()),
                            RunPhase.RUN_PHASE_READY,
                            0,
                            nowMs,
                            LEASE_RAN_OUT);
                }
            }
        }
        raiseFloor();
    }

    /** What becomes of a record that the group gives up on. */
    private static RunPhase giveUp(boolean discard, boolean park) {
        return park ? RunPhase.RUN_PHASE_PARKED : discard ? RunPhase.RUN_PHASE_DONE : RunPhase.RUN_PHASE_DEAD;
    }

    private void fail(
            Run run, int failuresMax, RunPhase givenUp, RunPhase phase, long dueMs, long nowMs, String reason) {
        Status failed = run.status().failed(phase, dueMs, nowMs, reason);
        if (failed.failed() < failuresMax) {
            runs.set(run.from(), run.to(), failed);
        } else if (givenUp == RunPhase.RUN_PHASE_PARKED) {
            runs.set(run.from(), run.to(), run.status().failed(givenUp, 0, nowMs, reason));
        } else if (givenUp == RunPhase.RUN_PHASE_DONE) {
            runs.set(run.from(), run.to(), Status.DONE);
        } else {
            die(run, failed);
        }
    }

    /** @param failed what a failure has made of the run */
    private void die(Run run, Status failed) {
        Status.Failure failure = failed.failure();
        if (failure == null) {
            throw new IllegalStateException("nothing dies that has not failed");
        }
        for (long offset = run.from(); offset < run.to(); offset++) {
            dead.add(DeadRecord.newBuilder()
                    .setOffset(offset)
                    .setDelivered(failed.delivered())
                    .setFailed(failed.failed())
                    .setFirstFailureMs(failure.firstMs())
                    .setLastFailureMs(failure.lastMs())
                    .setReason(failure.reason())
                    .setMember(failed.member()));
        }
        runs.set(run.from(), run.to(), Status.DEAD);
    }

    /** Says what becomes of parked records; what is not parked stays as it is. */
    void decide(QueueDecide decide, QueueResult.Builder result) {
        for (OffsetRange range : decide.getRangesList()) {
            for (Run run : runs.within(range.getFrom(), range.getTo())) {
                if (run.status().phase() == RunPhase.RUN_PHASE_PARKED) {
                    switch (decide.getDecision()) {
                        case PARKED_DECISION_RETRY ->
                            runs.set(run.from(), run.to(), run.status().forgiven());
                        case PARKED_DECISION_DEAD -> die(run, run.status());
                        default -> runs.set(run.from(), run.to(), Status.DONE);
                    }
                    result.addDecided(range(run.from(), run.to()));
                }
            }
        }
        raiseFloor();
    }

    /** Dead records with lower numbers are in the dead-letter topic. */
    void deadMoved(long belowNumber) {
        for (DeadRecord moved : dead.moved(belowNumber)) {
            Run run = runs.at(moved.getOffset());
            if (run != null && run.status().phase() == RunPhase.RUN_PHASE_DEAD) {
                runs.set(moved.getOffset(), moved.getOffset() + 1, Status.DONE);
            }
        }
        raiseFloor();
    }

    void deadTarget(long topicId) {
        dead.target(topicId);
    }

    /** Makes a record ready that had died and was moved; once per death. */
    RedriveState redrive(long offset, long number, long startOfLog) {
        if (dead.wasRedriven(number)) {
            return RedriveState.REDRIVE_STATE_ALREADY;
        }
        if (!dead.wasMoved(number)) {
            return RedriveState.REDRIVE_STATE_UNKNOWN;
        }
        if (offset < startOfLog) {
            return RedriveState.REDRIVE_STATE_GONE;
        }
        if (!phase(offset).equals(RunPhase.RUN_PHASE_DONE)) {
            return RedriveState.REDRIVE_STATE_UNKNOWN; // a seek has made it ready again already
        }
        dead.redriven(number);
        if (offset < floor) {
            runs.set(offset, floor, Status.DONE);
            floor = offset;
        }
        runs.set(offset, offset + 1, Status.UNTOUCHED);
        return RedriveState.REDRIVE_STATE_REDRIVEN;
    }

    /** Settles what nobody holds, unseen. */
    void discard(QueueDiscard discard, long endOfLog) {
        for (OffsetRange range : discard.getRangesList()) {
            long to = Math.min(range.getTo(), endOfLog);
            reach(to);
            for (Run run : runs.within(range.getFrom(), to)) {
                RunPhase phase = run.status().phase();
                if (phase == RunPhase.RUN_PHASE_READY || phase == RunPhase.RUN_PHASE_WAITING) {
                    runs.set(run.from(), run.to(), Status.DONE);
                }
            }
        }
        raiseFloor();
    }

    /** Begins anew at this offset. All leases end; dead records that have not been moved still will be. */
    void seek(long offset) {
        runs.clear();
        floor = offset;
        next = offset;
    }

    /** The log starts here now: what is gone is settled. */
    void trimmed(long startOfLog) {
        if (startOfLog > floor) {
            runs.clear(floor, startOfLog);
            floor = startOfLog;
            next = Math.max(next, startOfLog);
            raiseFloor();
        }
    }

    private void raiseFloor() {
        Run first = runs.first();
        while (first != null && first.status().phase() == RunPhase.RUN_PHASE_DONE) {
            runs.clear(first.from(), first.to());
            floor = first.to();
            first = runs.first();
        }
    }

    // ---- questions

    long groupId() {
        return groupId;
    }

    long floor() {
        return floor;
    }

    long next() {
        return next;
    }

    RunMap runs() {
        return runs;
    }

    DeadLetters dead() {
        return dead;
    }

    RunPhase phase(long offset) {
        if (offset < floor) {
            return RunPhase.RUN_PHASE_DONE;
        }
        Run run = runs.at(offset);
        return run == null ? RunPhase.RUN_PHASE_READY : run.status().phase();
    }

    /** Whether something could be leased now. */
    boolean hasReady(long clockMs, long endOfLog) {
        return next < endOfLog || !runs.ready().isEmpty() || runs.hasWaited(clockMs);
    }

    // ---- rows

    QueueRow row() {
        QueueRow.Builder row = QueueRow.newBuilder()
                .setGroupId(groupId)
                .setFloor(floor)
                .setNext(next)
                .setLastLeaseId(lastLeaseId);
        for (Run run : runs.all()) {
            Status status = run.status();
            QueueRun.Builder one = row.addRunsBuilder()
                    .setRange(range(run.from(), run.to()))
                    .setPhase(status.phase())
                    .setLeaseId(status.leaseId())
                    .setMember(status.member())
                    .setDueMs(status.dueMs())
                    .setDelivered(status.delivered())
                    .setFailed(status.failed());
            Status.Failure failure = status.failure();
            if (failure != null) {
                one.setFirstFailureMs(failure.firstMs())
                        .setLastFailureMs(failure.lastMs())
                        .setReason(failure.reason());
            }
        }
        dead.addTo(row);
        return row.build();
    }

    static QueueState of(QueueRow row) {
        QueueState state = new QueueState(row.getGroupId(), row.getFloor());
        state.next = row.getNext();
        state.lastLeaseId = row.getLastLeaseId();
        for (QueueRun run : row.getRunsList()) {
            Status status = new Status(
                    run.getPhase(),
                    run.getLeaseId(),
                    run.getMember(),
                    run.getDueMs(),
                    run.getDelivered(),
                    run.getFailed(),
                    failure(run));
            state.runs.set(run.getRange().getFrom(), run.getRange().getTo(), status);
        }
        state.dead.load(row);
        return state;
    }

    private static Status.@Nullable Failure failure(QueueRun run) {
        return run.getLastFailureMs() == 0
                ? null
                : new Status.Failure(run.getFirstFailureMs(), run.getLastFailureMs(), run.getReason());
    }

    private static OffsetRange range(long from, long to) {
        return OffsetRange.newBuilder().setFrom(from).setTo(to).build();
    }
}
