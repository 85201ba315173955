package io.holdfast.consensus.queue;

import com.google.common.cache.Cache;
import com.google.common.cache.CacheBuilder;
import io.holdfast.record.HeaderNames;
import io.holdfast.record.InvalidBatchException;
import io.holdfast.record.LogRecord;
import io.holdfast.record.RecordBatch;
import io.holdfast.record.RecordHeader;
import io.holdfast.storage.log.BatchEntry;
import io.holdfast.storage.log.LogSlice;
import java.nio.ByteBuffer;
import java.nio.charset.StandardCharsets;
import java.util.Arrays;
import java.util.Collections;
import java.util.List;
import java.util.Map;
import java.util.TreeMap;
import org.jspecify.annotations.Nullable;

/**
 * Decoded batches of all partitions of a node that queue groups are busy with, so that a batch is not decoded again for
 * each record that is handed out. Any thread.
 */
public final class RecordCache {
    private static final int PLAIN_BYTES_MAX = 64 << 20;
    private static final int BATCH_OVERHEAD_BYTES = 200;
    /** About what an object per record costs besides its bytes. */
    private static final int RECORD_OVERHEAD_BYTES = 100;

    private final Cache<Key, Batch> batches;

    private record Key(Object partition, long firstOffset) {}

    /**
     * A decoded batch; its records have offsets from {@code baseOffset} on, those below {@code firstOffset} do not count,
     * and null stands for those that are gone.
     */
    private record Batch(
            long baseOffset, long firstOffset, List<@Nullable LogRecord> records, long appendMs, int bytes) {
        long nextOffset() {
            return baseOffset + records.size();
        }

        boolean holds(long offset) {
            return offset >= firstOffset && offset < nextOffset();
        }
    }

    /** A record and when it was appended. */
    record Found(LogRecord record, long appendMs) {}

    public RecordCache(long bytesMax) {
        batches = CacheBuilder.newBuilder()
                .maximumWeight(bytesMax)
                .<Key, Batch>weigher((key, batch) -> batch.bytes())
                .concurrencyLevel(1)
                .build();
    }

    /** Reads whole batches from an offset on; at least one if there is one. */
    interface Source {
        LogSlice read(long offset, long untilOffset, int bytesMax);
    }

    /** The records of one partition, through the cache. */
    static final class View {
        private static final int EXTENTS_MAX = 4096;
        private static final int READ_BYTES = 256 << 10;

        private final RecordCache cache;
        private final Source source;
        /** First offset of batches that were decoded, to the offset after them. */
        private final TreeMap<Long, Long> extents = new TreeMap<>();

        private @Nullable Batch last;
        /** Where the log was last found to have no records, which it never will have again. */
        private long goneFrom;

        private long goneUntil;

        View(RecordCache cache, Source source) {
            this.cache = cache;
            this.source = source;
        }

        /** The record at this offset; null if the log does not have it any more. */
        @Nullable
        synchronized Found at(long offset) {
            if (offset >= goneFrom && offset < goneUntil) {
                return null;
            }
            Batch batch = last;
            if (batch == null || !batch.holds(offset)) {
                batch = cached(offset);
                if (batch == null) {
                    batch = load(offset);
                }
                last = batch;
            }
            LogRecord record = batch == null ? null : batch.records().get((int) (offset - batch.baseOffset()));
            return batch == null || record == null ? null : new Found(record, batch.appendMs());
        }

        private @Nullable Batch cached(long offset) {
            Map.Entry<Long, Long> extent = extents.floorEntry(offset);
            return extent == null || extent.getValue() <= offset
                    ? null
                    : cache.batches.getIfPresent(new Key(this, extent.getKey()));
        }

        private @Nullable Batch load(long offset) {
            LogSlice slice = source.read(offset, Long.MAX_VALUE, READ_BYTES);
            ByteBuffer bytes = slice.bytes().duplicate();
            Batch wanted = null;
            goneFrom = offset;
            goneUntil = slice.batches().isEmpty()
                    ? slice.nextOffset()
                    : slice.batches().get(0).baseOffset();
            for (BatchEntry entry : slice.batches()) {
                Batch batch = decode(bytes.slice(bytes.position(), entry.batchBytes()), entry);
                bytes.position(bytes.position() + entry.batchBytes());
                cache.batches.put(new Key(this, batch.firstOffset()), batch);
                if (extents.size() == EXTENTS_MAX) {
                    extents.pollFirstEntry();
                }
                extents.put(batch.firstOffset(), batch.nextOffset());
                if (batch.holds(offset)) {
                    wanted = batch;
                }
            }
            return wanted;
        }

        synchronized void forget() {
            extents.keySet().forEach(first -> cache.batches.invalidate(new Key(this, first)));
            extents.clear();
            last = null;
        }
    }

    private static Batch decode(ByteBuffer bytes, BatchEntry entry) {
        RecordBatch batch = new RecordBatch(bytes);
        int cost = BATCH_OVERHEAD_BYTES + batch.offsetCount() * RECORD_OVERHEAD_BYTES;
        try {
            @Nullable LogRecord[] records = new LogRecord[batch.offsetCount()];
            batch.forEach(PLAIN_BYTES_MAX, (offsetDelta, record) -> records[offsetDelta] = record);
            for (LogRecord record : records) {
                cost += record == null ? 0 : size(record);
            }
            return new Batch(batch.baseOffset(), entry.baseOffset(), Arrays.asList(records), entry.appendMs(), cost);
        } catch (InvalidBatchException e) {
            // The checksum held: its producer sent it like this. Whoever gets it shall know, and decide.
            LogRecord stand = new LogRecord(
                    entry.appendMs(),
                    null,
                    null,
                    List.of(new RecordHeader(
                            HeaderNames.UNDECODABLE,
                            String.valueOf(e.getMessage()).getBytes(StandardCharsets.UTF_8))));
            return new Batch(
                    batch.baseOffset(),
                    entry.baseOffset(),
                    Collections.nCopies(entry.skippedRecords() + entry.recordCount(), stand),
                    entry.appendMs(),
                    cost);
        }
    }

    static int size(LogRecord record) {
        byte[] key = record.key();
        byte[] value = record.value();
        int size = (key == null ? 0 : key.length) + (value == null ? 0 : value.length);
        for (RecordHeader header : record.headers()) {
            byte[] content = header.value();
            size += header.name().length() + (content == null ? 0 : content.length);
        }
        return size;
    }
}
