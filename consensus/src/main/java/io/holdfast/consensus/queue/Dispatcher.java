package io.holdfast.consensus.queue;

import io.holdfast.consensus.Refusal;
import io.holdfast.v1.ErrorReason;
import io.holdfast.v1.QueuePriority;
import io.holdfast.v1.Start;
import java.util.List;
import java.util.Map;
import java.util.concurrent.ConcurrentHashMap;
import org.jspecify.annotations.Nullable;

/** Decides, at a partition's leader, which member may have which records next. Any thread; reads from disk. */
final class Dispatcher {
    private final QueuePartition partition;
    private final QueuePolicies policies;
    private final RecordCache.View records;
    private final LeaderClock clock;
    private final Priorities priorities;
    private final ActiveMembers activeMembers = new ActiveMembers();
    /** What the priorities of weighted groups are owed, by group. */
    private final Map<Long, double[]> credits = new ConcurrentHashMap<>();

    Dispatcher(QueuePartition partition, QueuePolicies policies, RecordCache.View records, LeaderClock clock) {
        this.partition = partition;
        this.policies = policies;
        this.records = records;
        this.clock = clock;
        priorities = new Priorities(records);
    }

    /** A member has given a sign of life. */
    void seen(long groupId, String member) {
        activeMembers.seen(groupId, member, System.nanoTime());
    }

    void clear() {
        activeMembers.clear();
        credits.clear();
        priorities.forget();
    }

    @Nullable
    QueuePolicy policy(long groupId) {
        QueuePolicy policy = policies.of(groupId);
        return policy != null
                        && QueuePolicy.keepsOrder(policy.order())
                        && policies.isHeldBack(groupId, partition.group())
                ? policy.thatIsHeldBack()
                : policy;
    }

    static Refusal noSuchGroup() {
        return Refusal.of(ErrorReason.ERROR_REASON_GROUP_NOT_FOUND, "create the group first: it does not exist");
    }

    /** Looks at what there is for a group, in the order that it wants; null if it has not begun here. */
    @Nullable
    Choice look(long groupId, QueuePolicy policy, int max, long nowMs, long endOfLog) {
        PriorityOrder.Rule rule = policy.isPrioritized()
                ? new PriorityOrder.Rule(
                        priorities,
                        policy.priority() == QueuePriority.QUEUE_PRIORITY_WEIGHTED,
                        credits.computeIfAbsent(groupId, id -> new double[Priorities.LEVELS]))
                : null;
        return look(groupId, policy, rule, max, nowMs, endOfLog);
    }

    private @Nullable Choice look(
            long groupId, QueuePolicy policy, PriorityOrder.@Nullable Rule rule, int max, long nowMs, long endOfLog) {
        return partition.ask(table -> {
            QueueState state = table.state(groupId);
            return state == null ? null : Choice.look(state, policy, records, rule, max, nowMs, endOfLog);
        });
    }

    List<Choice.Chosen> take(Choice from, QueuePolicy policy, QueueRequest.Acquire acquire) {
        return hasTurn(policy, acquire.groupId(), acquire.member())
                ? from.take(
                        acquire.member(),
                        acquire.terms().recordsMax(),
                        acquire.terms().bytesMax())
                : List.of();
    }

    private boolean hasTurn(QueuePolicy policy, long groupId, String member) {
        if (!policy.isExclusive()) {
            return true;
        }
        List<String> holders = partition.ask(table -> {
            QueueState state = table.state(groupId);
            return state == null
                    ? List.of()
                    : List.copyOf(state.runs().leasedBy().keySet());
        });
        return activeMembers.isActive(groupId, member, holders, System.nanoTime());
    }

    /** Whether a member would get something now. */
    boolean canAcquire(long groupId, String member) {
        QueuePolicy policy = policy(groupId);
        if (policy == null) {
            return true; // whoever comes will be told
        }
        long now = clock.nowMs();
        long endOfLog = partition.highWatermark();
        boolean worthALook = partition.ask(table -> {
            QueueState state = table.state(groupId);
            return state == null || state.hasReady(now, endOfLog);
        });
        if (!worthALook) {
            return false;
        }
        Choice choice = look(groupId, policy, null, 1, now, endOfLog); // any record will do
        return choice == null
                || (hasTurn(policy, groupId, member)
                        && (!choice.take(member, 1, 1).isEmpty()
                                || !choice.expired().isEmpty()));
    }

    /** Where a group begins that has not begun here, within the log as it is. */
    long start(QueuePolicy policy) {
        Start start = policy.start();
        long offset = switch (start.getAtCase()) {
            case OFFSET -> start.getOffset();
            case TIME ->
                partition.offsetAt(
                        start.getTime().getSeconds() * 1000 + start.getTime().getNanos() / 1_000_000);
            case LATEST -> partition.offsetAt(policy.createdMs());
            default -> partition.startOffset();
        };
        return Math.max(partition.startOffset(), Math.min(partition.highWatermark(), offset));
    }
}
