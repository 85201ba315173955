package io.holdfast.consensus.schedule;

import com.google.protobuf.ByteString;
import io.holdfast.internal.v1.ScheduleState;
import java.io.IOException;
import java.nio.ByteBuffer;
import java.util.ArrayList;
import java.util.HashSet;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.TreeMap;

/**
 * What a partition keeps for later. Replicated state, changed in apply only; not thread-safe, except where it says so.
 *
 * <p>The records are on disk ({@link ScheduleRows}); in memory are three numbers and the positions that left since the
 * last checkpoint. So it costs the same whether ten records wait or a million.
 */
public final class ScheduleTable {
    private ScheduleRows rows;
    /** Added by the entry that is being applied. */
    private final Map<SchedulePosition, ByteString> added = new TreeMap<>();
    /** Left since the last checkpoint; their rows are there still. */
    private final Set<SchedulePosition> removed = new HashSet<>();

    private long nextNumber;
    /** Written in apply only. */
    private volatile long records;

    private volatile long bytes;
    /** Nothing is kept before this. */
    private SchedulePosition lowerBound = SchedulePosition.FIRST;

    private volatile long earliestMs = Long.MAX_VALUE;

    /** @param rows of a replica that has no checkpoint yet */
    public ScheduleTable(ScheduleRows rows) {
        this.rows = rows;
    }

    // ---- checkpoints

    public void load(ScheduleState state, ScheduleRows ofGeneration) {
        rows = ofGeneration;
        added.clear();
        removed.clear();
        nextNumber = state.getNextNumber();
        records = state.getRecords();
        bytes = state.getBytes();
        bound(SchedulePosition.FIRST);
    }

    public ScheduleState state() {
        return ScheduleState.newBuilder()
                .setNextNumber(nextNumber)
                .setRecords(records)
                .setBytes(bytes)
                .build();
    }

    /** Positions whose rows the next checkpoint deletes. */
    public Set<SchedulePosition> removed() {
        return removed;
    }

    public void stored() {
        removed.clear();
    }

    // ---- apply

    /** Keeps a record; its row is written by {@link #flush}. */
    public SchedulePosition add(long dueMs, ByteString batch) {
        SchedulePosition position = new SchedulePosition(Math.max(0, dueMs), nextNumber++);
        added.put(position, batch);
        records = records + 1;
        bytes = bytes + batch.size();
        if (records == 1 || position.compareTo(lowerBound) < 0) {
            bound(position);
        }
        return position;
    }

    /** Forgets a record; false if it is not kept. */
    public boolean remove(SchedulePosition position) throws IOException {
        if (!mayBeKept(position)) {
            return false;
        }
        byte[] row = rows.get(position);
        if (row == null) {
            return false;
        }
        removed.add(position);
        records = records - 1;
        bytes = bytes - row.length;
        if (records == 0) {
            bound(position);
        }
        return true;
    }

    private boolean mayBeKept(SchedulePosition position) {
        return Long.compareUnsigned(position.number(), nextNumber) < 0 && !removed.contains(position);
    }

    /** Ends an entry: what it added is written. */
    public void flush() throws IOException {
        if (!added.isEmpty()) {
            rows.put(added);
            added.clear();
        }
    }

    // ---- questions

    /** How many are kept. Any thread. */
    public long records() {
        return records;
    }

    /** Of the batches that are kept. Any thread. */
    public long bytes() {
        return bytes;
    }

    /** Nothing is due before this time; {@link Long#MAX_VALUE} if nothing is kept. May be too early. Any thread. */
    public long earliestMs() {
        return earliestMs;
    }

    /** The records that are due by then, the first so many of them. */
    public List<ScheduledRecord> due(long untilMs, int recordsMax, long bytesMax) throws IOException {
        List<ScheduledRecord> due = new ArrayList<>();
        if (records == 0) {
            return due;
        }
        boolean[] first = {true};
        long[] room = {bytesMax};
        scan(lowerBound, record -> {
            if (first[0]) {
                first[0] = false;
                bound(record.position());
            }
            room[0] -= record.batch().remaining();
            boolean fits = due.isEmpty() || (due.size() < recordsMax && room[0] >= 0);
            if (record.position().dueMs() > untilMs || !fits) {
                return false;
            }
            due.add(record);
            return true;
        });
        return due;
    }

    /** The records from this position on, the first so many of them; at least one if there is one. */
    public List<ScheduledRecord> list(SchedulePosition from, int recordsMax, long bytesMax) throws IOException {
        List<ScheduledRecord> list = new ArrayList<>();
        long[] room = {bytesMax};
        scan(from.compareTo(lowerBound) < 0 ? lowerBound : from, record -> {
            room[0] -= record.batch().remaining();
            if (!list.isEmpty() && (list.size() >= recordsMax || room[0] < 0)) {
                return false;
            }
            list.add(record);
            return true;
        });
        return list;
    }

    private interface Visitor {
        boolean visit(ScheduledRecord record);
    }

    private void scan(SchedulePosition from, Visitor visitor) throws IOException {
        rows.scan(
                from,
                (position, batch) ->
                        !mayBeKept(position) || visitor.visit(new ScheduledRecord(position, ByteBuffer.wrap(batch))));
    }

    private void bound(SchedulePosition bound) {
        lowerBound = bound;
        earliestMs = records == 0 ? Long.MAX_VALUE : bound.dueMs();
    }
}
