package io.holdfast.consensus.queue;

import io.holdfast.internal.v1.DeadRecord;
import io.holdfast.internal.v1.QueueDeadMoved;
import io.holdfast.internal.v1.QueueDeadTarget;
import io.holdfast.internal.v1.QueueOperation;
import io.holdfast.internal.v1.QueueResult;
import io.holdfast.record.LogRecord;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.Executor;
import org.jspecify.annotations.Nullable;

/** Dead records of a partition's groups, for whoever moves them to their dead-letter topics. Any thread. */
public final class DeadLetterSource {
    private final QueuePartition partition;
    private final QueueLane lane;
    private final RecordCache.View records;
    private final Executor executor;

    DeadLetterSource(QueuePartition partition, QueueLane lane, RecordCache.View records, Executor executor) {
        this.partition = partition;
        this.lane = lane;
        this.records = records;
        this.executor = executor;
    }

    /**
     * A record on its way to the dead-letter topic.
     *
     * @param sequence there
     * @param content null if it was trimmed before it could be moved
     */
    public record DeadLetter(
            DeadRecord dead, long sequence, @Nullable LogRecord content) {}

    /** Groups that have dead records to be moved. */
    public List<Long> groups() {
        return partition.ask(table -> table.states().stream()
                .filter(state -> state.dead().pendingCount() > 0)
                .map(QueueState::groupId)
                .toList());
    }

    /** The oldest dead records of a group, with sequences in the dead-letter topic that has this id. */
    public CompletableFuture<List<DeadLetter>> oldest(long groupId, long topicId, int max) {
        boolean targeted = partition.ask(table -> {
            QueueState state = table.state(groupId);
            return state == null || state.dead().topicId() >= topicId;
        });
        CompletableFuture<?> ready = targeted
                ? CompletableFuture.completedFuture(null)
                : lane.change(table -> QueueOperation.newBuilder()
                        .setGroupId(groupId)
                        .setDeadTarget(QueueDeadTarget.newBuilder().setTopicId(topicId))
                        .build());
        return ready.thenApplyAsync(ok -> read(groupId, topicId, max), executor);
    }

    private List<DeadLetter> read(long groupId, long topicId, int max) {
        long[] base = new long[1];
        List<DeadRecord> oldest = partition.ask(table -> {
            QueueState state = table.state(groupId);
            if (state == null || state.dead().topicId() != topicId) {
                return List.<DeadRecord>of();
            }
            base[0] = state.dead().base();
            return state.dead().oldest(max);
        });
        List<DeadLetter> letters = new ArrayList<>();
        for (DeadRecord record : oldest) {
            RecordCache.Found found =
                    record.getOffset() < partition.startOffset() ? null : records.at(record.getOffset());
            letters.add(new DeadLetter(record, record.getNumber() - base[0], found == null ? null : found.record()));
        }
        return letters;
    }

    /** Those with lower numbers are in the dead-letter topic. */
    public CompletableFuture<QueueResult> moved(long groupId, long belowNumber) {
        return lane.change(table -> QueueOperation.newBuilder()
                .setGroupId(groupId)
                .setDeadMoved(QueueDeadMoved.newBuilder().setBelowNumber(belowNumber))
                .build());
    }
}
