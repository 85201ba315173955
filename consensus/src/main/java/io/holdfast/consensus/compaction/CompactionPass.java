package io.holdfast.consensus.compaction;

import io.holdfast.internal.v1.CompactCommand;
import io.holdfast.record.InvalidBatchException;
import io.holdfast.record.LogRecord;
import io.holdfast.record.RecordBatch;
import io.holdfast.storage.log.BatchEntry;
import io.holdfast.storage.log.LogSlice;
import io.holdfast.storage.log.OffsetRange;
import java.io.IOException;
import java.nio.ByteBuffer;
import java.util.ArrayList;
import java.util.List;

/**
 * Finds the records of a partition that later ones of their keys have superseded. First it reads what is new and notes the
 * last offset of each key, then everything up to there, and tells what may go, oldest first; so it may end at any point.
 * The idea is that of Kafka's log cleaner; what is new is that its findings are replicated instead of made by each replica.
 *
 * <p>A batch that cannot be decoded stays as it is, and so does a record without a key.
 */
public final class CompactionPass {
    private static final int READ_BYTES = 1 << 20;
    private static final int PLAIN_BYTES_MAX = 64 << 20;
    /** In one entry. */
    private static final int RANGES_MAX = 20_000;

    /** Reads as {@link io.holdfast.storage.log.PartitionLog#read}. */
    public interface Source {
        LogSlice read(long offset, long untilOffset, int bytesMax) throws IOException;
    }

    /** Where entries go, one at a time; fails if they cannot be written. */
    public interface Sink {
        void write(CompactCommand command) throws IOException, InterruptedException;
    }

    /**
     * What to look at.
     *
     * @param start where the log begins
     * @param compactedTo below this offset no key has two records
     * @param to before which offset to end
     * @param tombstonesMayGoTo below this offset a record without a value may go
     */
    public record Scope(long start, long compactedTo, long to, long tombstonesMayGoTo) {}

    private final Source source;
    private final LastOffsets last;
    private final int rangesMax;
    private final List<OffsetRange> removed = new ArrayList<>();
    private long records;

    /** @param last is cleared first */
    public CompactionPass(Source source, LastOffsets last) {
        this(source, last, RANGES_MAX);
    }

    CompactionPass(Source source, LastOffsets last, int rangesMax) {
        this.source = source;
        this.last = last;
        this.rangesMax = rangesMax;
    }

    /** Records that have been let go. */
    public long records() {
        return records;
    }

    /** Runs; blocks. */
    public void run(Scope scope, Sink sink) throws IOException, InterruptedException {
        last.clear();
        records = 0;
        long to = survey(Math.max(scope.start, scope.compactedTo), scope.to);
        long at = scope.start;
        while (at < to) {
            LogSlice slice = source.read(at, to, READ_BYTES);
            forEach(slice, at, to, (offset, record) -> {
                if (isOver(offset, record, scope.tombstonesMayGoTo)) {
                    remove(offset);
                }
            });
            if (removed.size() >= rangesMax) {
                sink.write(Compactions.command(removed).build());
                removed.clear();
            }
            at = next(slice, at);
        }
        sink.write(Compactions.command(removed)
                .setCompactedTo(to)
                .setTombstonesGoneTo(Math.min(scope.tombstonesMayGoTo, to))
                .build());
        removed.clear();
    }

    private static long next(LogSlice slice, long at) throws IOException {
        if (slice.nextOffset() <= at) {
            throw new IOException("the log does not go on at offset " + at + " any more");
        }
        return slice.nextOffset();
    }

    /** Notes the last offsets of keys; returns before which offset it ended. */
    private long survey(long from, long to) throws IOException {
        long[] full = {Long.MAX_VALUE};
        long at = from;
        while (at < to && full[0] == Long.MAX_VALUE) {
            LogSlice slice = source.read(at, to, READ_BYTES);
            forEach(slice, at, to, (offset, record) -> {
                byte[] key = record.key();
                if (key != null && full[0] == Long.MAX_VALUE && !last.put(key, offset)) {
                    full[0] = offset;
                }
            });
            at = next(slice, at);
        }
        return Math.max(from, Math.min(full[0], to));
    }

    private boolean isOver(long offset, LogRecord record, long tombstonesMayGoTo) {
        byte[] key = record.key();
        if (key == null) {
            return false;
        }
        boolean superseded = last.get(key) > offset;
        return superseded || (record.value() == null && offset < tombstonesMayGoTo);
    }

    private void remove(long offset) {
        records++;
        int newest = removed.size() - 1;
        if (newest >= 0 && removed.get(newest).until() == offset) {
            removed.set(newest, new OffsetRange(removed.get(newest).from(), offset + 1));
        } else {
            removed.add(new OffsetRange(offset, offset + 1));
        }
    }

    private interface Visitor {
        void visit(long offset, LogRecord record);
    }

    private static void forEach(LogSlice slice, long from, long until, Visitor visitor) {
        ByteBuffer bytes = slice.bytes().duplicate();
        for (BatchEntry entry : slice.batches()) {
            RecordBatch batch = new RecordBatch(bytes.slice(bytes.position(), entry.batchBytes()));
            bytes.position(bytes.position() + entry.batchBytes());
            long first = Math.max(from, entry.baseOffset());
            List<Runnable> visits = new ArrayList<>();
            try {
                batch.forEach(PLAIN_BYTES_MAX, (delta, record) -> {
                    long offset = batch.baseOffset() + delta;
                    if (offset >= first && offset < until) {
                        visits.add(() -> visitor.visit(offset, record));
                    }
                });
            } catch (InvalidBatchException e) {
                continue; // whatever it holds, its producer meant it
            }
            visits.forEach(Runnable::run);
        }
    }
}
