package io.holdfast.consensus.queue;

import com.google.protobuf.util.Durations;
import io.holdfast.internal.v1.OffsetRange;
import io.holdfast.internal.v1.QueueOperation;
import io.holdfast.internal.v1.QueueSettle;
import io.holdfast.v1.Outcome;
import io.holdfast.v1.Settlement;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.concurrent.CompletableFuture;

/** Settlements of one member as operations: neighbours that say the same become one. */
final class Settlements {
    private static final int REASON_CHARACTERS_MAX = 200;
    /** With fewer leases at a time a group, or a member, is kept waiting by them. */
    private static final int ROOM_MIN = 100;

    private Settlements() {}

    /** @return for each whether its lease was live */
    static CompletableFuture<List<Boolean>> write(
            QueueLane lane, long groupId, QueuePolicy policy, List<Settlement> settlements) {
        boolean[] accepted = new boolean[settlements.size()];
        Arrays.fill(accepted, true);
        List<CompletableFuture<?>> parts = new ArrayList<>();
        for (int first = 0; first < settlements.size(); ) {
            int end = first + 1;
            while (end < settlements.size() && continues(settlements.get(end - 1), settlements.get(end))) {
                end++;
            }
            int from = first;
            Settlement start = settlements.get(first);
            OffsetRange range = OffsetRange.newBuilder()
                    .setFrom(start.getOffset())
                    .setTo(start.getOffset() + end - first)
                    .build();
            parts.add(lane.change(table -> operation(table, groupId, policy, start, range), isPatient(policy, start))
                    .thenAccept(result -> {
                        if (result.getUnknownGroup()) {
                            Arrays.fill(accepted, from, from + (int) (range.getTo() - range.getFrom()), false);
                        }
                        for (OffsetRange lost : result.getLostList()) {
                            for (long offset = lost.getFrom(); offset < lost.getTo(); offset++) {
                                accepted[from + (int) (offset - range.getFrom())] = false;
                            }
                        }
                    }));
            first = end;
        }
        return CompletableFuture.allOf(parts.toArray(CompletableFuture[]::new)).thenApply(ok -> {
            List<Boolean> all = new ArrayList<>(accepted.length);
            for (boolean one : accepted) {
                all.add(one);
            }
            return all;
        });
    }

    /** Nobody waits for its outcome, but whoever has settled: no later record of its key, and none that has no room yet. */
    private static boolean isPatient(QueuePolicy policy, Settlement settlement) {
        return settlement.getOutcome() == Outcome.OUTCOME_ACCEPT
                && !QueuePolicy.keepsOrder(policy.order())
                && Math.min(policy.inFlightMax(), policy.memberInFlightMax()) >= ROOM_MIN;
    }

    private static boolean continues(Settlement before, Settlement next) {
        return next.getOffset() == before.getOffset() + 1
                && next.getLeaseId() == before.getLeaseId()
                && next.getOutcome() == before.getOutcome()
                && next.getDelay().equals(before.getDelay())
                && next.hasDelay() == before.hasDelay()
                && next.getReason().equals(before.getReason());
    }

    private static QueueOperation operation(
            QueueTable table, long groupId, QueuePolicy policy, Settlement settlement, OffsetRange range) {
        String reason = settlement.getReason();
        QueueSettle.Builder settle = QueueSettle.newBuilder()
                .setRange(range)
                .setLeaseId(settlement.getLeaseId())
                .setOutcome(settlement.getOutcome())
                .setReason(
                        reason.length() <= REASON_CHARACTERS_MAX ? reason : reason.substring(0, REASON_CHARACTERS_MAX))
                .setFailuresMax(policy.failuresMax())
                .setDiscardDead(policy.discardDead())
                .setParkDead(policy.parksDead());
        if (settlement.hasDelay()) {
            settle.setDelayMs(Durations.toMillis(settlement.getDelay()));
        } else if (settlement.getOutcome() == Outcome.OUTCOME_EXTEND) {
            settle.setDelayMs(policy.leaseMs());
        } else if (settlement.getOutcome() == Outcome.OUTCOME_RETRY) {
            settle.setDelayMs(policy.retryDelay(failed(table, groupId, range.getFrom())));
        }
        return QueueOperation.newBuilder().setGroupId(groupId).setSettle(settle).build();
    }

    private static int failed(QueueTable table, long groupId, long offset) {
        QueueState state = table.state(groupId);
        Run run = state == null ? null : state.runs().at(offset);
        return run == null ? 0 : run.status().failed();
    }
}
