package io.holdfast.node.service;

import com.google.protobuf.ByteString;
import com.google.protobuf.UnsafeByteOperations;
import io.holdfast.consensus.Refusal;
import io.holdfast.record.HeaderNames;
import io.holdfast.record.InvalidBatchException;
import io.holdfast.record.LogRecord;
import io.holdfast.record.RecordBatch;
import io.holdfast.record.RecordHeader;
import io.holdfast.storage.log.BatchEntry;
import io.holdfast.storage.log.LogSlice;
import io.holdfast.v1.ErrorReason;
import io.holdfast.v1.Header;
import io.holdfast.v1.Record;
import io.holdfast.v1.StoredRecord;
import java.nio.ByteBuffer;
import java.nio.charset.StandardCharsets;
import java.util.ArrayList;
import java.util.List;

/** Between the API's records and the batches that hold them. */
public final class Records {
    /** Largest that a batch may inflate to here. */
    private static final int PLAIN_BYTES_MAX = 64 << 20;

    private static final int PRIORITY_MAX = 9;
    private static final long DELIVER_AHEAD_MS_MAX = 366L * 86_400_000;
    private static final long TTL_SECONDS_MAX = 100L * 366 * 86_400;

    private Records() {}

    static LogRecord toLog(Record record, long nowMs) {
        List<RecordHeader> headers = new ArrayList<>(record.getHeadersCount());
        for (Header header : record.getHeadersList()) {
            headers.add(new RecordHeader(header.getName(), header.getValue().toByteArray()));
        }
        if (record.hasTtl()) {
            headers.add(new RecordHeader(HeaderNames.TTL_MS, ttl(record).getBytes(StandardCharsets.US_ASCII)));
        }
        if (record.hasPriority()) {
            headers.add(new RecordHeader(HeaderNames.PRIORITY, priority(record).getBytes(StandardCharsets.US_ASCII)));
        }
        if (!record.getMessageId().isEmpty()) {
            headers.add(new RecordHeader(
                    HeaderNames.MESSAGE_ID, record.getMessageId().getBytes(StandardCharsets.UTF_8)));
        }
        if (record.hasDeliverAt()) {
            long due = checkDeliverAt(Headers.millis(record.getDeliverAt()), nowMs);
            headers.add(new RecordHeader(
                    HeaderNames.DELIVER_AT_MS, Long.toString(due).getBytes(StandardCharsets.US_ASCII)));
        }
        return new LogRecord(
                record.hasEventTime() ? Headers.millis(record.getEventTime()) : nowMs,
                record.hasKey() ? record.getKey().toByteArray() : null,
                record.hasValue() ? record.getValue().toByteArray() : null,
                headers);
    }

    private static String priority(Record record) {
        if (record.getPriority() < 0 || record.getPriority() > PRIORITY_MAX) {
            throw Refusal.invalid("choose a priority from 0 to " + PRIORITY_MAX + ", not "
                    + Integer.toUnsignedString(record.getPriority()));
        }
        return Integer.toString(record.getPriority());
    }

    /** The time that a record is to be kept until, if that is not too far ahead. */
    static long checkDeliverAt(long dueMs, long nowMs) {
        if (dueMs > nowMs + DELIVER_AHEAD_MS_MAX) {
            throw Refusal.invalid("schedule a record for a time within a year");
        }
        return dueMs;
    }

    private static String ttl(Record record) {
        long seconds = record.getTtl().getSeconds();
        if (seconds < 0 || seconds > TTL_SECONDS_MAX || record.getTtl().getNanos() < 0) {
            throw Refusal.invalid("let a record live between 0 s and 100 years, or for ever");
        }
        return Long.toString(seconds * 1000 + record.getTtl().getNanos() / 1_000_000);
    }

    /**
     * Records of a slice.
     *
     * @param nextOffset where a reader goes on: offset after the last of them, or after those that are not there
     */
    record Decoded(List<StoredRecord> records, long nextOffset) {}

    /** The records of a slice with offsets in [from, until), at most {@code max}. */
    static Decoded decode(LogSlice slice, int partition, long from, long until, int max) {
        List<StoredRecord> records = new ArrayList<>();
        ByteBuffer bytes = slice.bytes().duplicate();
        for (BatchEntry entry : slice.batches()) {
            RecordBatch batch = new RecordBatch(bytes.slice(bytes.position(), entry.batchBytes()));
            bytes.position(bytes.position() + entry.batchBytes());
            decode(batch, (offsetDelta, record) -> {
                long offset = batch.baseOffset() + offsetDelta;
                if (offset >= Math.max(from, entry.baseOffset()) && offset < until && records.size() < max) {
                    records.add(StoredRecord.newBuilder()
                            .setPartition(partition)
                            .setOffset(offset)
                            .setAppendTime(Headers.timestamp(entry.appendMs()))
                            .setRecord(toApi(record))
                            .build());
                }
            });
            if (records.size() == max) {
                return new Decoded(records, records.get(max - 1).getOffset() + 1);
            }
        }
        return new Decoded(records, Math.max(from, Math.min(until, slice.nextOffset())));
    }

    /** The records of a batch as it is appended, or was before any of them went. */
    public static List<LogRecord> decode(RecordBatch batch) {
        List<LogRecord> records = new ArrayList<>();
        decode(batch, (offsetDelta, record) -> records.add(record));
        return records;
    }

    private static void decode(RecordBatch batch, RecordBatch.Visitor visitor) {
        try {
            batch.forEach(PLAIN_BYTES_MAX, visitor);
        } catch (InvalidBatchException e) {
            // The checksum held: the producer sent it like this.
            throw Refusal.of(
                    ErrorReason.ERROR_REASON_INVALID_BATCH,
                    "read this one as a batch (READ_FORMAT_BATCHES) or skip it: the batch at offset "
                            + batch.baseOffset() + " was written with records that cannot be decoded: "
                            + e.getMessage());
        }
    }

    public static Record toApi(LogRecord record) {
        Record.Builder api = Record.newBuilder().setEventTime(Headers.timestamp(record.timestampMs()));
        byte[] key = record.key();
        if (key != null) {
            api.setKey(UnsafeByteOperations.unsafeWrap(key));
        }
        byte[] value = record.value();
        if (value != null) {
            api.setValue(UnsafeByteOperations.unsafeWrap(value));
        }
        for (RecordHeader header : record.headers()) {
            byte[] content = header.value();
            api.addHeaders(Header.newBuilder()
                    .setName(header.name())
                    .setValue(content == null ? ByteString.EMPTY : UnsafeByteOperations.unsafeWrap(content)));
        }
        return api.build();
    }
}
