package io.holdfast.consensus.partition;

import com.google.protobuf.InvalidProtocolBufferException;
import io.holdfast.consensus.raft.GroupId;
import io.holdfast.internal.v1.PartitionCheckpoint;
import io.holdfast.internal.v1.ProducerEntry;
import io.holdfast.internal.v1.ProducerRow;
import io.holdfast.storage.log.LogCheckpoint;
import io.holdfast.storage.log.SegmentState;
import io.holdfast.storage.state.StateTables;
import io.holdfast.storage.state.StateTables.Table;
import io.holdfast.storage.state.StateTables.Update;
import java.io.IOException;
import java.nio.ByteBuffer;
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
        List<ProducerEntry> producers = new ArrayList<>();
        List<InvalidProtocolBufferException> damaged = new ArrayList<>();
        tables.scan(Table.PRODUCERS, group.bytes(), (key, value) -> {
            try {
                producers.add(ProducerEntry.newBuilder()
                        .setProducerId(ByteBuffer.wrap(key).getLong(16))
                        .setRow(ProducerRow.parseFrom(value))
                        .build());
            } catch (InvalidProtocolBufferException e) {
                damaged.add(e);
            }
        });
        if (!damaged.isEmpty()) {
            throw new IOException("a producer row of " + group + " cannot be read", damaged.get(0));
        }
        return producers;
    }

    /** Stores a checkpoint with the producers that changed since the last one. */
    void store(PartitionCheckpoint checkpoint, ProducerTable producers) throws IOException {
        Update update = new Update().put(Table.CHECKPOINTS, group.bytes(), checkpoint.toByteArray());
        for (long id : producers.dirty()) {
            ProducerRow row = producers.row(id);
            if (row == null) {
                update.delete(Table.PRODUCERS, producerKey(id));
            } else {
                update.put(Table.PRODUCERS, producerKey(id), row.toByteArray());
            }
        }
        tables.write(update);
        producers.stored();
    }

    /** Replaces everything by a copied checkpoint. */
    void replace(PartitionCheckpoint checkpoint, List<ProducerEntry> producers) throws IOException {
        Update update = new Update()
                .put(Table.CHECKPOINTS, group.bytes(), checkpoint.toByteArray())
                .deletePrefix(Table.PRODUCERS, group.bytes());
        for (ProducerEntry entry : producers) {
            update.put(
                    Table.PRODUCERS,
                    producerKey(entry.getProducerId()),
                    entry.getRow().toByteArray());
        }
        tables.write(update);
    }

    /** Removes all rows of a group that is no longer here. */
    static void delete(StateTables tables, GroupId group) throws IOException {
        tables.write(
                new Update().delete(Table.CHECKPOINTS, group.bytes()).deletePrefix(Table.PRODUCERS, group.bytes()));
    }

    private byte[] producerKey(long producerId) {
        return ByteBuffer.allocate(24).put(group.bytes()).putLong(producerId).array();
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
