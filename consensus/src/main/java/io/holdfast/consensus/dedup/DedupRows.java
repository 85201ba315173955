package io.holdfast.consensus.dedup;

import io.holdfast.consensus.raft.GroupId;
import io.holdfast.internal.v1.MessageIdRow;
import io.holdfast.storage.state.StateTables;
import io.holdfast.storage.state.StateTables.Table;
import io.holdfast.storage.state.StateTables.Update;
import java.io.IOException;
import java.nio.ByteBuffer;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import org.jspecify.annotations.Nullable;

/**
 * The message ids that a partition knows, in the node's state tables: a row for each number, and for each hash the newest
 * number. A row says which number its id had before, so that there is a way back from what is newest here to what counts.
 * Written by one thread at a time.
 *
 * <p>Rows are written before the checkpoint that makes them count and never change, so there may be rows of the future
 * here; a number means the same id on every replica. Each copied checkpoint has a generation of rows of its own.
 */
public final class DedupRows {
    private static final byte BY_NUMBER = 0;
    private static final byte BY_HASH = 1;

    private final StateTables tables;
    /** Group and generation. */
    private final byte[] prefix;

    public DedupRows(StateTables tables, GroupId group, long generation) {
        this.tables = tables;
        this.prefix = group.bytes(generation);
    }

    interface Visitor {
        /** Takes a row; false for no more. */
        boolean visit(KnownId known) throws IOException;
    }

    /** The newest record with this id of those with numbers in [from, until). */
    @Nullable
    KnownId newest(MessageId id, long from, long until) throws IOException {
        long number = newest(id);
        while (number >= from) {
            MessageIdRow row = row(number);
            if (row == null || number < until) {
                return row == null ? null : KnownId.of(row);
            }
            number = previous(row);
        }
        return null;
    }

    private @Nullable MessageIdRow row(long number) throws IOException {
        byte[] row = tables.get(Table.MESSAGE_IDS, byNumber(number));
        return row == null ? null : MessageIdRow.parseFrom(row);
    }

    private static long previous(MessageIdRow row) {
        return row.hasPrevious() ? row.getPrevious() : -1;
    }

    private long newest(MessageId id) throws IOException {
        byte[] number = tables.get(Table.MESSAGE_IDS, byHash(id));
        return number == null ? -1 : ByteBuffer.wrap(number).getLong();
    }

    /** Calls back with the rows from this number on. */
    void scan(long from, Visitor visitor) throws IOException {
        tables.scan(
                Table.MESSAGE_IDS,
                numbers(),
                byNumber(from),
                (key, value) -> visitor.visit(KnownId.of(MessageIdRow.parseFrom(value))));
    }

    /** Writes rows, ahead of the checkpoint, in the order of their numbers; those that are there stay. */
    void put(List<KnownId> inOrder) throws IOException {
        Update update = new Update();
        Map<MessageId, Long> newest = new HashMap<>();
        for (KnownId one : inOrder) {
            Long before = newest.get(one.id());
            long previous = before == null ? newest(one.id()) : before;
            if (previous < one.number()) {
                MessageIdRow.Builder row = one.toRow();
                if (previous >= 0) {
                    row.setPrevious(previous);
                }
                update.put(
                        Table.MESSAGE_IDS, byNumber(one.number()), row.build().toByteArray());
                update.put(Table.MESSAGE_IDS, byHash(one.id()), bytes(one.number()));
                newest.put(one.id(), one.number());
            }
        }
        tables.writeAhead(update);
    }

    /** Has an update delete the rows below this number. */
    public void deleteBelow(long floor, Update update) throws IOException {
        scan(0, known -> {
            if (known.number() >= floor) {
                return false;
            }
            update.delete(Table.MESSAGE_IDS, byNumber(known.number()));
            if (newest(known.id()) == known.number()) {
                update.delete(Table.MESSAGE_IDS, byHash(known.id()));
            }
            return true;
        });
    }

    // ---- copies of checkpoints

    /** Takes a row of a view; never asks for no more. */
    public interface RowVisitor {
        void visit(MessageIdRow row) throws IOException;
    }

    /** Calls back with the rows that a view has with numbers in [from, until). */
    public void scan(StateTables.View view, long from, long until, RowVisitor visitor) throws IOException {
        view.scan(Table.MESSAGE_IDS, numbers(), (key, value) -> {
            MessageIdRow row = MessageIdRow.parseFrom(value);
            if (row.getNumber() >= from && row.getNumber() < until) {
                visitor.visit(row);
            }
            return row.getNumber() < until;
        });
    }

    /** Takes over the next rows of another replica's checkpoint. */
    public void take(List<MessageIdRow> rows) throws IOException {
        put(rows.stream().map(KnownId::of).toList());
    }

    // ---- keys

    private byte[] numbers() {
        return key(BY_NUMBER, 0).array();
    }

    private byte[] byNumber(long number) {
        return key(BY_NUMBER, Long.BYTES).putLong(number).array();
    }

    private byte[] byHash(MessageId id) {
        ByteBuffer key = key(BY_HASH, MessageId.BYTES);
        id.write(key);
        return key.array();
    }

    private ByteBuffer key(byte kind, int more) {
        return ByteBuffer.allocate(prefix.length + 1 + more).put(prefix).put(kind);
    }

    private static byte[] bytes(long number) {
        return ByteBuffer.allocate(Long.BYTES).putLong(number).array();
    }
}
