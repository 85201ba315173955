package io.holdfast.consensus.partition;

import com.google.protobuf.InvalidProtocolBufferException;
import io.holdfast.consensus.queue.QueueTable;
import io.holdfast.consensus.raft.GroupId;
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

    @Nullable
    PartitionCheckpoint checkpoint() throws IOException {
        byte[] row = tables.get(Table.CHECKPOINTS, group.bytes());
        return row == null ? null : PartitionCheckpoint.parseFrom(row);
    }

    List<ProducerEntry> producers() throws IOException {
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

    List<StreamGroupRow> streamGroups() throws IOException {
        return rows(Table.STREAM_GROUPS, (key, value) -> StreamGroupRow.parseFrom(value));
    }

    @Nullable
    QueueRow queue(long queueGroupId) throws IOException {
        byte[] row = tables.get(Table.QUEUES, rowKey(queueGroupId));
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

    /** Stores a checkpoint with the producers and groups that changed since the last one. */
    void store(
            PartitionCheckpoint checkpoint, ProducerTable producers, QueueTable queues, StreamGroupTable streamGroups)
            throws IOException {
        Update update = new Update().put(Table.CHECKPOINTS, group.bytes(), checkpoint.toByteArray());
        for (long id : producers.dirty()) {
            ProducerRow row = producers.row(id);
            if (row == null) {
                update.delete(Table.PRODUCERS, rowKey(id));
            } else {
                update.put(Table.PRODUCERS, rowKey(id), row.toByteArray());
            }
        }
        for (long id : queues.dirty()) {
            QueueRow row = queues.row(id);
            if (row == null) {
                update.delete(Table.QUEUES, rowKey(id));
            } else {
                update.put(Table.QUEUES, rowKey(id), row.toByteArray());
            }
        }
        for (String name : streamGroups.dirty()) {
            StreamGroupRow row = streamGroups.row(name);
            if (row == null) {
                update.delete(Table.STREAM_GROUPS, rowKey(name));
            } else {
                update.put(Table.STREAM_GROUPS, rowKey(name), row.toByteArray());
            }
        }
        tables.write(update);
        producers.stored();
        queues.stored();
        streamGroups.stored();
    }

    /** Replaces everything by a copied checkpoint. */
    void replace(
            PartitionCheckpoint checkpoint,
            List<ProducerEntry> producers,
            List<QueueRow> queues,
            List<StreamGroupRow> streamGroups)
            throws IOException {
        Update update = new Update()
                .put(Table.CHECKPOINTS, group.bytes(), checkpoint.toByteArray())
                .deletePrefix(Table.PRODUCERS, group.bytes())
                .deletePrefix(Table.QUEUES, group.bytes())
                .deletePrefix(Table.STREAM_GROUPS, group.bytes());
        for (ProducerEntry entry : producers) {
            update.put(
                    Table.PRODUCERS,
                    rowKey(entry.getProducerId()),
                    entry.getRow().toByteArray());
        }
        for (QueueRow row : queues) {
            update.put(Table.QUEUES, rowKey(row.getGroupId()), row.toByteArray());
        }
        for (StreamGroupRow row : streamGroups) {
            update.put(Table.STREAM_GROUPS, rowKey(row.getName()), row.toByteArray());
        }
        tables.write(update);
    }

    /** Removes all rows of a group that is no longer here. */
    static void delete(StateTables tables, GroupId group) throws IOException {
        tables.write(new Update()
                .delete(Table.CHECKPOINTS, group.bytes())
                .deletePrefix(Table.PRODUCERS, group.bytes())
                .deletePrefix(Table.QUEUES, group.bytes())
                .deletePrefix(Table.STREAM_GROUPS, group.bytes()));
    }

    private byte[] rowKey(long id) {
        return ByteBuffer.allocate(24).put(group.bytes()).putLong(id).array();
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
                .forEach(s -> segments.add(new SegmentState(s.getId(), s.getAppliedBytes(), s.getIndexEntries())));
        return new LogCheckpoint(checkpoint.getLogStartOffset(), checkpoint.getNextOffset(), segments);
    }

    static void addLog(PartitionCheckpoint.Builder to, LogCheckpoint log) {
        to.setLogStartOffset(log.startOffset()).setNextOffset(log.nextOffset());
        for (SegmentState segment : log.segments()) {
            to.addSegments(io.holdfast.internal.v1.SegmentState.newBuilder()
                    .setId(segment.id())
                    .setAppliedBytes(segment.appliedBytes())
                    .setIndexEntries(segment.indexEntries()));
        }
    }
}
