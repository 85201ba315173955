package io.holdfast.storage.log;

import static java.nio.charset.StandardCharsets.UTF_8;

import io.holdfast.record.Compression;
import io.holdfast.record.LogRecord;
import io.holdfast.record.RecordBatch;
import io.holdfast.record.RecordBatchBuilder;
import java.nio.ByteBuffer;
import java.util.ArrayList;
import java.util.List;

/** Batches of text records. */
final class Batches {
    private static final int PLAIN_MAX = 1 << 24;

    private Batches() {}

    static ByteBuffer of(String... values) {
        RecordBatchBuilder builder = new RecordBatchBuilder(Compression.NONE);
        for (String value : values) {
            builder.add(new LogRecord(1000, null, value.getBytes(UTF_8)));
        }
        return builder.build();
    }

    static AcceptedBatch whole(ByteBuffer batch) {
        RecordBatch view = new RecordBatch(batch);
        return new AcceptedBatch(0, view.sizeInBytes(), view.recordCount(), 0, view.crc());
    }

    /** Everything that a reader gets, as offset=value, reading from the log's start to its end. */
    static List<String> readAll(PartitionLog log, int bytesMax) throws Exception {
        List<String> all = new ArrayList<>();
        long offset = log.startOffset();
        while (true) {
            LogSlice slice = log.read(offset, Long.MAX_VALUE, bytesMax);
            if (slice.batches().isEmpty()) {
                return all;
            }
            ByteBuffer bytes = slice.bytes();
            while (bytes.hasRemaining()) {
                ByteBuffer one = bytes.slice(bytes.position(), RecordBatch.sizeAt(bytes));
                RecordBatch batch = new RecordBatch(one);
                batch.verify();
                long from = offset;
                batch.forEach(PLAIN_MAX, (delta, record) -> {
                    long at = batch.baseOffset() + delta;
                    if (at >= from) {
                        all.add(at + "=" + new String(record.value(), UTF_8));
                    }
                });
                offset = Math.max(offset, batch.baseOffset() + batch.offsetCount());
                bytes.position(bytes.position() + one.capacity());
            }
        }
    }
}
