package io.holdfast.consensus.queue;

import com.google.protobuf.util.Durations;
import io.holdfast.internal.v1.DeadRecord;
import io.holdfast.internal.v1.RunPhase;
import io.holdfast.v1.ExplainRecordResponse;
import io.holdfast.v1.RecordPhase;
import java.time.Duration;
import org.jspecify.annotations.Nullable;

/** Says where a record is for a group, why, and what will happen next. */
final class Explanation {
    private Explanation() {}

    /**
     * @param before an earlier record of the same key that holds it back, if the group is keyed and there is one
     * @param waiters members that wait for records here
     */
    static ExplainRecordResponse of(
            @Nullable QueueState state,
            @Nullable QueuePolicy policy,
            long offset,
            @Nullable Long before,
            long clockMs,
            long startOfLog,
            long endOfLog,
            int waiters) {
        ExplainRecordResponse.Builder answer = ExplainRecordResponse.newBuilder();
        if (offset >= endOfLog) {
            return answer.setPhase(RecordPhase.RECORD_PHASE_NOT_WRITTEN)
                    .addExplanation("The log ends at " + endOfLog + ": there is no such record yet.")
                    .build();
        }
        if (offset < startOfLog) {
            return answer.setPhase(RecordPhase.RECORD_PHASE_GONE)
                    .addExplanation("The log starts at " + startOfLog + ": the record has been trimmed.")
                    .build();
        }
        if (state == null) {
            return answer.setPhase(RecordPhase.RECORD_PHASE_READY)
                    .addExplanation("The group has not begun in this partition: no member has asked for records.")
                    .addExplanation("It begins with the first poll.")
                    .build();
        }
        Run run = state.runs().at(offset);
        if (run == null && offset < state.floor()) {
            return answer.setPhase(RecordPhase.RECORD_PHASE_SETTLED)
                    .addExplanation("It is settled for good, or the group began after it: everything below "
                            + state.floor() + " is.")
                    .build();
        }
        if (run == null) {
            answer.setPhase(RecordPhase.RECORD_PHASE_READY)
                    .addExplanation("It was never handed out: " + (offset - state.next())
                            + " records that were not either come before it.");
            return whyNotNow(state, policy, before, waiters, answer).build();
        }
        Status status = run.status();
        answer.setDeliveryCount(status.delivered())
                .setFailureCount(status.failed())
                .setMember(status.member());
        Status.Failure failure = status.failure();
        if (failure != null) {
            answer.setLastFailure(failure.reason());
        }
        switch (status.phase()) {
            case RUN_PHASE_LEASED -> {
                answer.setPhase(RecordPhase.RECORD_PHASE_LEASED)
                        .setRemaining(duration(status.dueMs() - clockMs))
                        .addExplanation("Member '" + status.member() + "' holds it under lease " + status.leaseId()
                                + ", its delivery number " + status.delivered() + ".")
                        .addExplanation("If it is not settled or extended within "
                                + text(status.dueMs() - clockMs)
                                + ", that counts as a failure and it is handed out again"
                                + (policy != null && status.failed() + 1 >= policy.failuresMax()
                                        ? ", or rather dead-lettered: it would be failure number "
                                                + (status.failed() + 1) + " of " + policy.failuresMax()
                                        : "")
                                + ".");
            }
            case RUN_PHASE_WAITING -> {
                boolean due = status.dueMs() <= clockMs;
                answer.setPhase(due ? RecordPhase.RECORD_PHASE_READY : RecordPhase.RECORD_PHASE_WAITING)
                        .setRemaining(duration(status.dueMs() - clockMs))
                        .addExplanation("It failed " + status.failed() + " times"
                                + (failure == null ? "" : ", the last time because: " + failure.reason()) + ".")
                        .addExplanation(
                                due
                                        ? "Its retry is due."
                                        : "It is handed out again in " + text(status.dueMs() - clockMs) + ".");
                if (due) {
                    whyNotNow(state, policy, before, waiters, answer);
                }
            }
            case RUN_PHASE_READY -> {
                answer.setPhase(RecordPhase.RECORD_PHASE_READY)
                        .addExplanation(
                                status.delivered() == 0
                                        ? "It was passed over so far, or redriven, and is next in line."
                                        : "It was handed out " + status.delivered() + " times and came back.");
                whyNotNow(state, policy, before, waiters, answer);
            }
            case RUN_PHASE_PARKED ->
                answer.setPhase(RecordPhase.RECORD_PHASE_PARKED)
                        .addExplanation("It failed " + status.failed() + " times"
                                + (failure == null || failure.reason().isEmpty()
                                        ? ""
                                        : ", the last time because: " + failure.reason())
                                + ", and the group does not go on with its key without it.")
                        .addExplanation("It waits for a decision: retry, dead, or done (holdfast queue decide).");
            case RUN_PHASE_DEAD ->
                answer.setPhase(RecordPhase.RECORD_PHASE_DEAD)
                        .addExplanation("The group has given up on it: " + reason(state, offset) + ".")
                        .addExplanation("It is on its way to the dead-letter topic.");
            default ->
                answer.setPhase(RecordPhase.RECORD_PHASE_SETTLED)
                        .addExplanation("It is settled for good; earlier records are not.");
        }
        return answer.build();
    }

    private static String reason(QueueState state, long offset) {
        for (DeadRecord record : state.dead().oldest(Integer.MAX_VALUE)) {
            if (record.getOffset() == offset) {
                return record.getReason().isEmpty() ? "it was rejected" : record.getReason();
            }
        }
        return "it is dead";
    }

    private static ExplainRecordResponse.Builder whyNotNow(
            QueueState state,
            @Nullable QueuePolicy policy,
            @Nullable Long before,
            int waiters,
            ExplainRecordResponse.Builder answer) {
        RunMap runs = state.runs();
        long leased = runs.records(RunPhase.RUN_PHASE_LEASED);
        if (policy == null) {
            return answer.addExplanation("The group has been deleted.");
        }
        if (policy.paused()) {
            return answer.addExplanation("The group is paused: nothing is handed out until it is resumed.");
        }
        if (policy.heldBack()) {
            return answer.addExplanation(
                    "The partition was split off from another, in which earlier records of its keys"
                            + " are not settled: it goes on when they are.");
        }
        if (leased >= policy.inFlightMax()) {
            return answer.addExplanation("The group holds as many records of this partition as it may, "
                    + policy.inFlightMax() + ": it goes on when some are settled.");
        }
        if (before != null) {
            answer.addExplanation("The group keeps the order of keys, and record " + before
                    + ", which has the same key, is not settled: explain that one.");
        }
        if (policy.isExclusive()) {
            answer.addExplanation("The group is exclusive: only the member whose turn it is gets records"
                    + (leased == 0
                            ? "."
                            : ", now " + String.join(", ", runs.leasedBy().keySet()) + "."));
        }
        return answer.addExplanation(
                waiters == 0
                        ? "No member waits for records of this partition: it is handed out when one asks."
                        : waiters + " members wait here: it is handed out at once when nothing above holds it back.");
    }

    private static com.google.protobuf.Duration duration(long ms) {
        return Durations.fromMillis(Math.max(0, ms));
    }

    private static String text(long ms) {
        return Duration.ofMillis(Math.max(0, ms)).toString().substring(2).toLowerCase(java.util.Locale.ROOT);
    }
}
