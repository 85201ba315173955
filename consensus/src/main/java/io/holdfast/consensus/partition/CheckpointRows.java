package io.holdfast.consensus.partition;

import com.google.protobuf.InvalidProtocolBufferException;
import com.google.protobuf.MessageLite;
import io.holdfast.consensus.dedup.DedupRows;
import io.holdfast.consensus.dedup.DedupTable;
import io.holdfast.consensus.queue.QueueTable;
import io.holdfast.consensus.raft.GroupId;
import io.holdfast.consensus.schedule.ScheduleRows;
import io.holdfast.consensus.schedule.ScheduleTable;
import io.holdfast.consensus.stream.StreamGroupTable;
import io.holdfast.internal.v1.PartitionCheckpoint;
import io.holdfast.internal.v1.ProducerEntry;
import io.holdfast.internal.v1.ProducerRow;
import io.holdfast.internal.v1.QueueRow;
import io.holdfast.internal.v1.StreamGroupRow;
import io.holdfast.storage.log.LogCheckpoint;
import io.holdfast.storage.log.SegmentState;
import io.holdfast.storage.state.StateTables;
import io.holdfast.storage.state.StateTables.Table;
import io.holdfast.storage.state.StateTables.Update;
import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.charset.StandardCharsets;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import org.jspecify.annotations.Nullable;

/** A partition replica's rows in the state tables. */
final class CheckpointRows {
    private final StateTables tables;
    private final GroupId group;

    CheckpointRows(StateTables tables, GroupId group) {
        this.tables = tables;
        this.group = group;
    }

    /** The records that are kept for later, of one generation. */
    ScheduleRows scheduled(long generation) {
        return new ScheduleRows(tables, group, generation);
    }

    /** The message ids that are known, of one generation. */
    DedupRows messageIds(long generation) {
        return new DedupRows(tables, group, generation);
    }

    /** Deletes what is left of generations that are not in force, if there is anything. */
    void deleteAllBut(long generation) throws IOException {
        for (Table table : List.of(Table.SCHEDULED, Table.MESSAGE_IDS)) {
            byte[] kept = group.bytes(generation);
            byte[][] stale = new byte[1][];
            StateTables.Visitor first = (key, value) -> {
                stale[0] = Arrays.copyOf(key, kept.length);
                return false;
            };
            do {
                stale[0] = null;
                tables.scan(table, group.bytes(), group.bytes(), first);
                if (stale[0] != null && Arrays.equals(stale[0], kept)) {
                    stale[0] = null;
                    tables.scan(table, group.bytes(), group.bytes(generation + 1), first);
                }
                if (stale[0] != null) {
                    tables.write(new Update().deletePrefix(table, stale[0]));
                }
            } while (stale[0] != null);
        }
    }

    /** All rows as they are now, whatever becomes of them; to be closed. */
    StateTables.View view() throws IOException {
        return tables.view();
    }

    @Nullable
    PartitionCheckpoint checkpoint() throws IOException {
        byte[] row = tables.get(Table.CHECKPOINTS, group.bytes());
        return row == null ? null : PartitionCheckpoint.parseFrom(row);
    }

    /** Everything; null if there is no checkpoint. */
    @Nullable
    PartitionRows all() throws IOException {
        PartitionCheckpoint checkpoint = checkpoint();
        return checkpoint == null ? null : new PartitionRows(checkpoint, producers(), queues(), streamGroups());
    }

    private List<ProducerEntry> producers() throws IOException {
        return rows(
                Table.PRODUCERS,
                (key, value) -> ProducerEntry.newBuilder()
                        .setProducerId(ByteBuffer.wrap(key).getLong(16))
                        .setRow(ProducerRow.parseFrom(value))
                        .build());
    }

    List<QueueRow> queues() throws IOException {
        return rows(Table.QUEUES, (key, value) -> QueueRow.parseFrom(value));
    }

    private List<StreamGroupRow> streamGroups() throws IOException {
        return rows(Table.STREAM_GROUPS, (key, value) -> StreamGroupRow.parseFrom(value));
    }

    @Nullable
    QueueRow queue(long queueGroupId) throws IOException {
        byte[] row = tables.get(Table.QUEUES, group.bytes(queueGroupId));
        return row == null ? null : QueueRow.parseFrom(row);
    }

    private interface Parser<T> {
        T parse(byte[] key, byte[] value) throws InvalidProtocolBufferException;
    }

    private <T> List<T> rows(Table table, Parser<T> parser) throws IOException {
        List<T> rows = new ArrayList<>();
        List<InvalidProtocolBufferException> damaged = new ArrayList<>();
        tables.scan(table, group.bytes(), (key, value) -> {
            try {
                rows.add(parser.parse(key, value));
            } catch (InvalidProtocolBufferException e) {
                damaged.add(e);
            }
        });
        if (!damaged.isEmpty()) {
            throw new IOException("a row of " + group + " in " + table + " cannot be read", damaged.get(0));
        }
        return rows;
    }

    /** Stores a checkpoint with the producers, groups and schedule that changed since the last one. */
    void store(
            PartitionCheckpoint checkpoint,
            ProducerTable producers,
            QueueTable queues,
            StreamGroupTable streamGroups,
            ScheduleTable schedule,
            DedupTable dedup)
            throws IOException {
        Update update = new Update().put(Table.CHECKPOINTS, group.bytes(), checkpoint.toByteArray());
        producers.dirty().forEach(id -> put(update, Table.PRODUCERS, group.bytes(id), producers.row(id)));
        queues.dirty().forEach(id -> put(update, Table.QUEUES, group.bytes(id), queues.row(id)));
        streamGroups.dirty().forEach(name -> put(update, Table.STREAM_GROUPS, rowKey(name), streamGroups.row(name)));
        scheduled(checkpoint.getRowsGeneration()).delete(schedule.removed(), update);
        messageIds(checkpoint.getRowsGeneration()).deleteBelow(dedup.floor(), update);
        tables.write(update);
        producers.stored();
        queues.stored();
        streamGroups.stored();
        schedule.stored();
    }

    private static void put(Update update, Table table, byte[] key, @Nullable MessageLite row) {
        if (row == null) {
            update.delete(table, key);
        } else {
            update.put(table, key, row.toByteArray());
        }
    }

    /** Replaces everything by a copied checkpoint; what it has of schedule and message ids was written before. */
    void replace(PartitionRows rows) throws IOException {
        Update update = nothing(group)
                .put(Table.CHECKPOINTS, group.bytes(), rows.checkpoint().toByteArray());
        rows.producers()
                .forEach(entry -> put(update, Table.PRODUCERS, group.bytes(entry.getProducerId()), entry.getRow()));
        rows.queues().forEach(row -> put(update, Table.QUEUES, group.bytes(row.getGroupId()), row));
        rows.streamGroups().forEach(row -> put(update, Table.STREAM_GROUPS, rowKey(row.getName()), row));
        tables.write(update);
    }

    /** Of what is in memory as a whole. */
    private static Update nothing(GroupId group) {
        return new Update()
                .delete(Table.CHECKPOINTS, group.bytes())
                .deletePrefix(Table.PRODUCERS, group.bytes())
                .deletePrefix(Table.QUEUES, group.bytes())
                .deletePrefix(Table.STREAM_GROUPS, group.bytes());
    }

    /** Removes all rows of a group that is no longer here. */
    static void delete(StateTables tables, GroupId group) throws IOException {
        tables.write(nothing(group)
                .deletePrefix(Table.SCHEDULED, group.bytes())
                .deletePrefix(Table.MESSAGE_IDS, group.bytes()));
    }

    private byte[] rowKey(String name) {
        byte[] bytes = name.getBytes(StandardCharsets.UTF_8);
        return ByteBuffer.allocate(16 + bytes.length)
                .put(group.bytes())
                .put(bytes)
                .array();
    }

    static LogCheckpoint toLog(PartitionCheckpoint checkpoint) {
        List<SegmentState> segments = new ArrayList<>();
        checkpoint
                .getSegmentsList()
                .forEach(s -> segments.add(new SegmentState(
                        s.getId(),
                        s.getGeneration(),
                        s.getAppliedBytes(),
                        s.getIndexEntries(),
                        s.getRemovedRanges(),
                        s.getPayloadsFrom() - 1)));
        return new LogCheckpoint(checkpoint.getLogStartOffset(), checkpoint.getNextOffset(), segments);
    }

    static void addLog(PartitionCheckpoint.Builder to, LogCheckpoint log) {
        to.setLogStartOffset(log.startOffset()).setNextOffset(log.nextOffset());
        for (SegmentState segment : log.segments()) {
            to.addSegments(io.holdfast.internal.v1.SegmentState.newBuilder()
                    .setId(segment.id())
                    .setAppliedBytes(segment.appliedBytes())
                    .setIndexEntries(segment.indexEntries())
                    .setGeneration(segment.generation())
                    .setRemovedRanges(segment.removedRanges())
                    .setPayloadsFrom(segment.rewrittenTo() + 1));
        }
    }
}
