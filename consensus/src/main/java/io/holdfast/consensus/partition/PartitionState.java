package io.holdfast.consensus.partition;

import io.holdfast.consensus.compaction.Compactions;
import io.holdfast.consensus.dedup.DedupTable;
import io.holdfast.consensus.dedup.MessageId;
import io.holdfast.consensus.queue.QueueTable;
import io.holdfast.consensus.schedule.SchedulePosition;
import io.holdfast.consensus.schedule.ScheduleTable;
import io.holdfast.consensus.stream.StreamGroupTable;
import io.holdfast.internal.v1.AppendCommand;
import io.holdfast.internal.v1.BatchHeader;
import io.holdfast.internal.v1.BatchReply;
import io.holdfast.internal.v1.BatchResult;
import io.holdfast.internal.v1.CompactionState;
import io.holdfast.internal.v1.PartitionCheckpoint;
import io.holdfast.internal.v1.PartitionCommand;
import io.holdfast.internal.v1.PartitionReply;
import io.holdfast.internal.v1.ScheduleKey;
import io.holdfast.internal.v1.SplitState;
import io.holdfast.storage.log.AcceptedBatch;
import io.holdfast.storage.log.FrameId;
import io.holdfast.storage.log.PartitionLog;
import java.io.IOException;
import java.util.ArrayList;
import java.util.List;

/**
 * What a partition's replicas agree on besides the records in its log: producers, queue and stream groups, what is kept for
 * later, message ids, the clock, splits and compaction. Commands change it, each the same on every replica, and nothing else
 * does. Guarded by the machine's state lock, but for {@link #schedule}.
 */
final class PartitionState {
    private final CheckpointRows rows;
    private final ProducerTable producers = new ProducerTable();
    private final QueueTable queues = new QueueTable();
    private final StreamGroupTable streamGroups = new StreamGroupTable();
    private final ScheduleTable schedule;
    private final DedupTable dedup;
    private final Admission admission;
    private long rowsGeneration;
    private long nowMs;
    private SplitState split = SplitState.getDefaultInstance();
    private CompactionState compaction = CompactionState.getDefaultInstance();

    /** Of a partition that has seen no command. */
    PartitionState(CheckpointRows rows) {
        this.rows = rows;
        schedule = new ScheduleTable(rows.scheduled(rowsGeneration));
        dedup = new DedupTable(rows.messageIds(rowsGeneration));
        admission = new Admission(producers, schedule, dedup);
    }

    /** A question to the state. */
    @FunctionalInterface
    interface Question<T> {
        T of(PartitionState state) throws IOException;
    }

    // ---- load, store

    /** Replaces everything by what was stored. */
    void load(PartitionRows stored) {
        PartitionCheckpoint checkpoint = stored.checkpoint();
        nowMs = checkpoint.getNowMs();
        producers.clear();
        stored.producers().forEach(entry -> producers.put(entry.getProducerId(), entry.getRow()));
        queues.load(checkpoint.getQueueClockMs(), stored.queues());
        streamGroups.load(stored.streamGroups());
        rowsGeneration = checkpoint.getRowsGeneration();
        schedule.load(checkpoint.getSchedule(), rows.scheduled(rowsGeneration));
        dedup.load(checkpoint.getDedup(), rows.messageIds(rowsGeneration));
        split = checkpoint.getSplit();
        compaction = checkpoint.getCompaction();
        admission.setKeysVersion(split.getVersion());
    }

    /** Stores it as it is now, with what the checkpoint says of the log already. */
    void store(PartitionCheckpoint.Builder checkpoint) throws IOException {
        checkpoint
                .setNowMs(nowMs)
                .setQueueClockMs(queues.clockMs())
                .setSchedule(schedule.state())
                .setDedup(dedup.state())
                .setRowsGeneration(rowsGeneration)
                .setSplit(split)
                .setCompaction(compaction);
        rows.store(checkpoint.build(), producers, queues, streamGroups, schedule, dedup);
    }

    /** Of its rows, for what is not in memory as a whole. */
    long rowsGeneration() {
        return rowsGeneration;
    }

    // ---- apply

    /**
     * Applies an entry's command, to the log too.
     *
     * @param id of the entry, and of its payload if it has one
     */
    PartitionReply apply(PartitionCommand command, FrameId id, PartitionLog log) throws IOException {
        nowMs = Math.max(nowMs, command.getNowMs());
        PartitionReply.Builder reply = PartitionReply.newBuilder().setAppendTimeMs(nowMs);
        switch (command.getCommandCase()) {
            case APPEND -> append(id, command.getAppend(), log, reply);
            case TRIM -> {
                log.trim(command.getTrim().getBeforeOffset());
                queues.trimmed(log.startOffset());
            }
            case STREAM -> reply.addAllStream(streamGroups.apply(command.getStream(), id.term(), nowMs));
            case CANCEL -> {
                for (ScheduleKey key : command.getCancel().getKeysList()) {
                    reply.addCancelled(schedule.remove(SchedulePosition.of(key)));
                }
            }
            case SPLIT -> {
                if (command.getSplit().getVersion() > split.getVersion()) {
                    split = SplitState.newBuilder()
                            .setVersion(command.getSplit().getVersion())
                            .setOffset(log.nextOffset())
                            .build();
                    admission.setKeysVersion(split.getVersion());
                }
                reply.setSplitOffset(split.getOffset());
            }
            case COMPACT -> {
                log.remove(Compactions.removed(command.getCompact()));
                compaction = Compactions.after(compaction, command.getCompact(), nowMs);
            }
            case EVICT_PRODUCERS ->
                command.getEvictProducers().getProducerIdsList().forEach(producers::evict);
            default -> {
                if (!command.hasQueue()) {
                    throw new IOException("entry " + id.index() + " holds a command of a later version");
                }
            }
        }
        if (command.hasQueue()) {
            reply.addAllQueue(queues.apply(command.getQueue(), nowMs, log.startOffset(), log.nextOffset()));
        }
        return reply.setLogStartOffset(log.startOffset())
                .setHighWatermark(log.nextOffset())
                .build();
    }

    private void append(FrameId id, AppendCommand append, PartitionLog log, PartitionReply.Builder reply)
            throws IOException {
        if (append.hasSkipFrom()) {
            log.skip(append.getSkipFrom(), append.getBeginOffset());
        } else if (append.hasBeginOffset()) {
            log.begin(append.getBeginOffset());
        }
        List<AcceptedBatch> accepted = new ArrayList<>();
        long offset = log.nextOffset();
        int position = 0;
        for (BatchHeader batch : append.getBatchesList()) {
            BatchReply result = admission.admit(batch, offset, nowMs);
            if (result.getResult() == BatchResult.BATCH_RESULT_APPENDED) {
                int skip = result.getAlreadyStored();
                int count = batch.getRecordCount() - skip;
                accepted.add(new AcceptedBatch(position, batch.getSize(), count, skip, batch.getCrc()));
                offset += count;
            }
            position += batch.hasScheduled() ? 0 : batch.getSize();
            reply.addBatches(result);
        }
        admission.flush(nowMs);
        if (position > 0) {
            log.apply(id, nowMs, accepted);
        }
    }

    // ---- what it holds

    ProducerTable producers() {
        return producers;
    }

    QueueTable queues() {
        return queues;
    }

    StreamGroupTable streamGroups() {
        return streamGroups;
    }

    /** What is kept for later. */
    ScheduleTable schedule() {
        return schedule;
    }

    /** Whether one of these message ids is known now. */
    boolean isAnyKnown(List<MessageId> ids, long windowMs) throws IOException {
        for (MessageId id : ids) {
            if (dedup.find(id, nowMs, windowMs) != null) {
                return true;
            }
        }
        return false;
    }

    /** How far the log is compacted. */
    CompactionState compaction() {
        return compaction;
    }
}
