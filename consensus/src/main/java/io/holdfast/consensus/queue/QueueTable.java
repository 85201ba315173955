package io.holdfast.consensus.queue;

import io.holdfast.internal.v1.QueueCommand;
import io.holdfast.internal.v1.QueueOperation;
import io.holdfast.internal.v1.QueueResult;
import io.holdfast.internal.v1.QueueRow;
import java.util.Collection;
import java.util.Collections;
import java.util.HashSet;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.TreeMap;
import org.jspecify.annotations.Nullable;

/** The queue groups of a partition, and the clock that their leases are counted by. Replicated; not thread-safe. */
public final class QueueTable {
    private final Map<Long, QueueState> states = new TreeMap<>();
    private final Set<Long> dirty = new HashSet<>();
    private long clockMs;

    /**
     * @param nowMs append-time clock
     * @param startOfLog first offset that is kept
     * @param endOfLog first offset that does not exist yet
     * @return one result per operation
     */
    public List<QueueResult> apply(QueueCommand command, long nowMs, long startOfLog, long endOfLog) {
        clockMs = Math.max(clockMs, command.getClockMs());
        return command.getOperationsList().stream()
                .map(operation -> apply(operation, nowMs, startOfLog, endOfLog))
                .toList();
    }

    private QueueResult apply(QueueOperation operation, long nowMs, long startOfLog, long endOfLog) {
        long groupId = operation.getGroupId();
        QueueResult.Builder result = QueueResult.newBuilder();
        dirty.add(groupId);
        if (operation.hasOpen()) {
            long start =
                    Math.max(startOfLog, Math.min(endOfLog, operation.getOpen().getStartOffset()));
            states.computeIfAbsent(groupId, id -> new QueueState(id, start));
            return result.build();
        }
        QueueState state = states.get(groupId);
        if (state == null) {
            return result.setUnknownGroup(true).build();
        }
        switch (operation.getOperationCase()) {
            case ACQUIRE -> state.acquire(operation.getAcquire(), clockMs, endOfLog, result);
            case SETTLE -> state.settle(operation.getSettle(), clockMs, nowMs, result);
            case EXPIRE -> state.expire(operation.getExpire(), clockMs, nowMs);
            case DEAD_MOVED -> state.deadMoved(operation.getDeadMoved().getBelowNumber());
            case DEAD_TARGET -> state.deadTarget(operation.getDeadTarget().getTopicId());
            case REDRIVE ->
                result.setRedrive(state.redrive(
                        operation.getRedrive().getOffset(),
                        operation.getRedrive().getNumber(),
                        startOfLog));
            case SEEK ->
                state.seek(Math.max(
                        startOfLog, Math.min(endOfLog, operation.getSeek().getOffset())));
            case DECIDE -> state.decide(operation.getDecide(), result);
            case DISCARD -> state.discard(operation.getDiscard(), endOfLog);
            case CLOSE -> states.remove(groupId);
            default -> throw new IllegalArgumentException("an operation of a later version");
        }
        return result.build();
    }

    /** The log starts here now. */
    public void trimmed(long startOfLog) {
        states.forEach((id, state) -> {
            if (state.floor() < startOfLog) {
                state.trimmed(startOfLog);
                dirty.add(id);
            }
        });
    }

    public long clockMs() {
        return clockMs;
    }

    @Nullable
    QueueState state(long groupId) {
        return states.get(groupId);
    }

    Collection<QueueState> states() {
        return Collections.unmodifiableCollection(states.values());
    }

    /** Whether time alone will change something, or dead records are to be moved. */
    public boolean isActive() {
        for (QueueState state : states.values()) {
            if (state.runs().isTimed() || state.dead().pendingCount() > 0) {
                return true;
            }
        }
        return false;
    }

    // ---- rows

    public @Nullable QueueRow row(long groupId) {
        QueueState state = states.get(groupId);
        return state == null ? null : state.row();
    }

    public void load(long clock, List<QueueRow> rows) {
        states.clear();
        dirty.clear();
        clockMs = clock;
        rows.forEach(row -> states.put(row.getGroupId(), QueueState.of(row)));
    }

    /** Groups whose rows changed since {@link #stored}; a row that is gone was closed. */
    public Set<Long> dirty() {
        return dirty;
    }

    public void stored() {
        dirty.clear();
    }
}
