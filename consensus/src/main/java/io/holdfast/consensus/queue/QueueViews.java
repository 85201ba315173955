package io.holdfast.consensus.queue;

import com.google.protobuf.util.Durations;
import io.holdfast.internal.v1.RunPhase;
import io.holdfast.record.LogRecord;
import io.holdfast.v1.ExplainRecordResponse;
import io.holdfast.v1.MemberLeases;
import io.holdfast.v1.RecordPhase;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.Collection;
import java.util.List;
import java.util.TreeMap;
import org.jspecify.annotations.Nullable;

/** Where groups and records stand in a partition, for people. Any thread. */
public final class QueueViews {
    private static final long RATE_SECONDS = 60;

    private final QueuePartition partition;
    private final Dispatcher dispatcher;
    private final RecordCache.View records;
    private final LeaderClock clock;
    private final ReadyWaiters waiters;
    private final SettleRates rates;

    QueueViews(
            QueuePartition partition,
            Dispatcher dispatcher,
            RecordCache.View records,
            LeaderClock clock,
            ReadyWaiters waiters,
            SettleRates rates) {
        this.partition = partition;
        this.dispatcher = dispatcher;
        this.records = records;
        this.clock = clock;
        this.waiters = waiters;
        this.rates = rates;
    }

    /** Where a group stands. */
    public io.holdfast.v1.QueuePartition describe(long groupId) {
        long now = clock.nowMs();
        long floor = floor(groupId);
        io.holdfast.v1.QueuePartition.Builder view =
                partition.ask(table -> describe(table.state(groupId), now, floor, partition.highWatermark()));
        RecordCache.Found oldest = view.getFloor() < view.getEnd() ? records.at(view.getFloor()) : null;
        if (oldest != null) {
            view.setOldestAge(duration(System.currentTimeMillis() - oldest.appendMs()));
        }
        addRates(groupId, view);
        return view.build();
    }

    private void addRates(long groupId, io.holdfast.v1.QueuePartition.Builder view) {
        long minuteAgo = partition.offsetAt(System.currentTimeMillis() - RATE_SECONDS * 1000);
        double settled = rates.perSecond(groupId);
        double produced = Math.max(0, view.getEnd() - minuteAgo) / (double) RATE_SECONDS;
        view.setSettledPerSecond(settled).setProducedPerSecond(produced);
        long left = view.getReady() + view.getLeased() + view.getWaiting();
        if (left == 0) {
            view.setDrain(Durations.ZERO);
        } else if (settled > produced) {
            view.setDrain(duration((long) (left / (settled - produced) * 1000)));
        }
    }

    /** A parked record; {@code record} is null if it cannot be read. */
    public record Parked(
            long offset,
            int delivered,
            int failed,
            String reason,
            long lastFailureMs,
            @Nullable LogRecord record) {}

    /** A group's parked records, the first so many. */
    public List<Parked> parked(long groupId, int most) {
        List<Run> runs = partition.ask(table -> {
            QueueState state = table.state(groupId);
            return state == null
                    ? List.of()
                    : state.runs().all().stream()
                            .filter(run -> run.status().phase() == RunPhase.RUN_PHASE_PARKED)
                            .limit(most)
                            .toList();
        });
        List<Parked> parked = new ArrayList<>();
        for (Run run : runs) {
            Status status = run.status();
            Status.Failure failure = status.failure();
            for (long offset = run.from(); offset < run.to() && parked.size() < most; offset++) {
                parked.add(new Parked(
                        offset,
                        status.delivered(),
                        status.failed(),
                        failure == null ? "" : failure.reason(),
                        failure == null ? 0 : failure.lastMs(),
                        record(offset)));
            }
        }
        return parked;
    }

    private @Nullable LogRecord record(long offset) {
        RecordCache.Found found = records.at(offset);
        return found == null ? null : found.record();
    }

    /** First offset that a group has not settled for good. */
    public long floor(long groupId) {
        Long floor = partition.ask(table -> {
            QueueState state = table.state(groupId);
            return state == null ? null : state.floor();
        });
        if (floor != null) {
            return floor;
        }
        QueuePolicy policy = dispatcher.policy(groupId);
        return policy == null ? partition.startOffset() : dispatcher.start(policy);
    }

    /** First offset that one of these groups has not settled for good; the most there is if there are none. */
    public long lowestFloor(Collection<Long> groupIds) {
        return groupIds.stream().mapToLong(this::floor).min().orElse(Long.MAX_VALUE);
    }

    /** Where a record is for a group, why, and what will happen next. */
    public ExplainRecordResponse explain(long groupId, long offset) {
        boolean isInLog = offset >= partition.startOffset() && offset < partition.highWatermark();
        if (isInLog && records.at(offset) == null && offset >= partition.startOffset()) {
            return ExplainRecordResponse.newBuilder()
                    .setPhase(RecordPhase.RECORD_PHASE_GONE)
                    .addExplanation("A later record of its key superseded it, and compaction has let it go.")
                    .build();
        }
        long now = clock.nowMs();
        QueuePolicy policy = dispatcher.policy(groupId);
        Long before = policy != null && policy.isKeyed() ? earlierOfItsKey(groupId, policy, offset) : null;
        return partition.ask(table -> Explanation.of(
                table.state(groupId),
                policy,
                offset,
                before,
                now,
                partition.startOffset(),
                partition.highWatermark(),
                waiters.count()));
    }

    /** @param begin where a group that has not begun here would */
    private static io.holdfast.v1.QueuePartition.Builder describe(
            @Nullable QueueState state, long clockMs, long begin, long endOfLog) {
        io.holdfast.v1.QueuePartition.Builder view =
                io.holdfast.v1.QueuePartition.newBuilder().setEnd(endOfLog);
        if (state == null) {
            return view.setFloor(begin).setNext(begin).setReady(endOfLog - begin);
        }
        RunMap runs = state.runs();
        long due = 0;
        for (Run run : runs.waited(clockMs)) {
            due += run.length();
        }
        view.setFloor(state.floor())
                .setNext(state.next())
                .setReady(runs.records(RunPhase.RUN_PHASE_READY) + due + Math.max(0, endOfLog - state.next()))
                .setLeased(runs.records(RunPhase.RUN_PHASE_LEASED))
                .setWaiting(runs.records(RunPhase.RUN_PHASE_WAITING) - due)
                .setParked(runs.records(RunPhase.RUN_PHASE_PARKED))
                .setDeadPending(state.dead().pendingCount())
                .setDead(state.dead().count());
        new TreeMap<>(runs.leasedBy())
                .forEach((member, leases) -> view.addMembers(
                        MemberLeases.newBuilder().setMember(member).setLeases(leases)));
        return view;
    }

    /** The first record that is not settled and has the key of this one, which it holds back. */
    private @Nullable Long earlierOfItsKey(long groupId, QueuePolicy policy, long offset) {
        RecordCache.Found found =
                offset >= partition.startOffset() && offset < partition.highWatermark() ? records.at(offset) : null;
        byte[] key = found == null ? null : found.record().key();
        if (key == null) {
            return null;
        }
        for (Run run : unsettledBefore(groupId, policy, offset)) {
            for (long earlier = run.from(); earlier < run.to(); earlier++) {
                RecordCache.Found other = records.at(earlier);
                if (other != null && Arrays.equals(key, other.record().key())) {
                    return earlier;
                }
            }
        }
        return null;
    }

    private List<Run> unsettledBefore(long groupId, QueuePolicy policy, long offset) {
        List<Run> runs = partition.ask(table -> {
            QueueState state = table.state(groupId);
            return state == null ? List.of() : Choice.unsettled(state, clock.nowMs(), offset);
        });
        return runs.stream()
                .filter(run -> run.from() < offset && !policy.letsPass(run.status()))
                .map(run -> new Run(run.from(), Math.min(run.to(), offset), run.status()))
                .toList();
    }

    private static com.google.protobuf.Duration duration(long ms) {
        return Durations.fromMillis(Math.max(0, ms));
    }
}
