package io.holdfast.consensus.schedule;

import com.google.protobuf.ByteString;
import io.holdfast.consensus.raft.GroupId;
import io.holdfast.internal.v1.ScheduledRow;
import io.holdfast.storage.state.StateTables;
import io.holdfast.storage.state.StateTables.Table;
import io.holdfast.storage.state.StateTables.Update;
import java.io.IOException;
import java.nio.ByteBuffer;
import java.util.Collection;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import org.jspecify.annotations.Nullable;

/**
 * A partition's records that are kept for later, in the node's state tables, in the order of their time. Any thread.
 *
 * <p>Rows are written before the checkpoint that makes them count, and deleted by the checkpoint that no longer has them.
 * So there may be rows of the future here, and a replica that starts again from its checkpoint finds all that it needs.
 * Each copied checkpoint has a generation of rows of its own, beside the one that is in force.
 */
public final class ScheduleRows {
    private final StateTables tables;
    /** Group and generation. */
    private final byte[] prefix;

    public ScheduleRows(StateTables tables, GroupId group, long generation) {
        this.tables = tables;
        this.prefix = group.bytes(generation);
    }

    /** Takes rows in order. */
    public interface Visitor {
        /** Takes a row; false for no more. */
        boolean visit(SchedulePosition position, byte[] batch) throws IOException;
    }

    byte @Nullable [] get(SchedulePosition position) throws IOException {
        return tables.get(Table.SCHEDULED, key(position));
    }

    /** Calls back with the rows from this position on. */
    void scan(SchedulePosition from, Visitor visitor) throws IOException {
        tables.scan(Table.SCHEDULED, prefix, key(from), visitor(visitor));
    }

    /** Calls back with the rows that a view has. */
    public void scan(StateTables.View view, Visitor visitor) throws IOException {
        view.scan(Table.SCHEDULED, prefix, visitor(visitor));
    }

    private StateTables.Visitor visitor(Visitor visitor) {
        return (key, batch) -> {
            ByteBuffer at = ByteBuffer.wrap(key).position(prefix.length);
            return visitor.visit(new SchedulePosition(at.getLong(), at.getLong()), batch);
        };
    }

    /** Writes rows, ahead of the checkpoint. */
    void put(Map<SchedulePosition, ByteString> batches) throws IOException {
        Update update = new Update();
        batches.forEach((position, batch) -> update.put(Table.SCHEDULED, key(position), batch.toByteArray()));
        tables.writeAhead(update);
    }

    /** Takes over rows of another replica's checkpoint. */
    public void take(List<ScheduledRow> rows) throws IOException {
        Map<SchedulePosition, ByteString> batches = new HashMap<>();
        rows.forEach(row -> batches.put(SchedulePosition.of(row.getKey()), row.getBatch()));
        put(batches);
    }

    /** Has an update delete rows. */
    public void delete(Collection<SchedulePosition> positions, Update update) {
        positions.forEach(position -> update.delete(Table.SCHEDULED, key(position)));
    }

    private byte[] key(SchedulePosition position) {
        return ByteBuffer.allocate(prefix.length + 2 * Long.BYTES)
                .put(prefix)
                .putLong(position.dueMs())
                .putLong(position.number())
                .array();
    }
}
