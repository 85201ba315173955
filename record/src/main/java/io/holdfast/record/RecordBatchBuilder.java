package io.holdfast.record;

import java.nio.ByteBuffer;
import java.nio.charset.StandardCharsets;
import java.util.Arrays;
import org.jspecify.annotations.Nullable;

/**
 * Encodes records into one batch: add them, then {@link #build} once. Not thread-safe.
 *
 * <p>Sizes are known before compression only; {@link #sizeInBytes} is exact for {@link Compression#NONE} and an upper
 * bound, for data that compresses at all, otherwise.
 */
public final class RecordBatchBuilder {
    private static final int BYTES_AT_FIRST = 1024;

    private final Compression compression;
    /** Before the records: room for the header, unless they are compressed. */
    private final int reserved;

    private final GrowingBytes body;
    private long baseTimestamp;
    private long maxTimestamp = Long.MIN_VALUE;
    private int count;
    private int lastDelta = -1;
    private long producerId = RecordBatch.NO_PRODUCER;
    private short producerEpoch = -1;
    private int baseSequence = -1;

    public RecordBatchBuilder(Compression compression) {
        this(compression, BYTES_AT_FIRST);
    }

    /** @param bytesExpected of the batch before compression: if it comes to about as many nothing is copied */
    public RecordBatchBuilder(Compression compression, int bytesExpected) {
        this(compression, new byte[Math.max(BYTES_AT_FIRST, bytesExpected)]);
    }

    /**
     * @param memory what the batch is written to, as far as it suffices; the built batch may be a view of it. Whatever was
     *     in it is overwritten
     */
    public RecordBatchBuilder(Compression compression, byte[] memory) {
        this.compression = compression;
        reserved = compression == Compression.NONE ? RecordBatch.HEADER_BYTES : 0;
        body = new GrowingBytes(memory, reserved);
    }

    /** Bytes that a record adds to an uncompressed batch, at most. */
    public static int sizeInBytesMax(LogRecord record) {
        long size = 5L + 1 + 10 + 5 + 5 + 5 + 5;
        size += length(record.key()) + (long) length(record.value());
        for (RecordHeader header : record.headers()) {
            size += 10L + header.name().length() * 3L + length(header.value());
        }
        return (int) Math.min(Integer.MAX_VALUE, size);
    }

    public void add(LogRecord record) {
        add(lastDelta + 1, record);
    }

    /** Adds a record with this offset delta, which must be above that of the one before. */
    void add(int offsetDelta, LogRecord record) {
        if (count == 0) {
            baseTimestamp = record.timestampMs();
        }
        long timestampDelta = record.timestampMs() - baseTimestamp;
        int length = 1 + Varints.size(timestampDelta) + Varints.size(offsetDelta);
        length += fieldSize(record.key())
                + fieldSize(record.value())
                + Varints.size(record.headers().size());
        byte[][] names = new byte[record.headers().size()][];
        for (int i = 0; i < names.length; i++) {
            RecordHeader header = record.headers().get(i);
            names[i] = header.name().getBytes(StandardCharsets.UTF_8);
            length += fieldSize(names[i]) + fieldSize(header.value());
        }
        Varints.write(body, length);
        body.write((byte) 0);
        Varints.write(body, timestampDelta);
        Varints.write(body, offsetDelta);
        writeField(record.key());
        writeField(record.value());
        Varints.write(body, names.length);
        for (int i = 0; i < names.length; i++) {
            writeField(names[i]);
            writeField(record.headers().get(i).value());
        }
        maxTimestamp = Math.max(maxTimestamp, record.timestampMs());
        lastDelta = offsetDelta;
        count++;
    }

    public int recordCount() {
        return count;
    }

    public int sizeInBytes() {
        return RecordBatch.HEADER_BYTES - reserved + body.size();
    }

    /** Makes the batch an idempotent producer's; sequence and epoch are cut to the header's widths. */
    public RecordBatchBuilder producer(long id, int epoch, long firstSequence) {
        producerId = id;
        producerEpoch = headerEpoch(epoch);
        baseSequence = headerSequence(firstSequence);
        return this;
    }

    /** What the header's producer epoch holds of an epoch. */
    public static short headerEpoch(int epoch) {
        return (short) (epoch & 0x7FFF);
    }

    /** What the header's base sequence holds of a sequence. */
    public static int headerSequence(long sequence) {
        return (int) (sequence & 0x7FFF_FFFFL);
    }

    /** The finished batch, its base offset and leader epoch 0. Nothing may be added any more. */
    public ByteBuffer build() {
        if (count == 0) {
            throw new IllegalStateException("a batch needs at least one record");
        }
        ByteBuffer batch = compression == Compression.NONE ? plain() : compressed();
        batch.putInt(RecordBatch.LENGTH_AT, batch.capacity() - RecordBatch.LENGTH_OVERHEAD);
        batch.put(RecordBatch.MAGIC_AT, RecordBatch.MAGIC);
        batch.putShort(RecordBatch.ATTRIBUTES_AT, (short) compression.code());
        batch.putInt(RecordBatch.LAST_OFFSET_DELTA_AT, lastDelta);
        batch.putLong(RecordBatch.BASE_TIMESTAMP_AT, baseTimestamp);
        batch.putLong(RecordBatch.MAX_TIMESTAMP_AT, maxTimestamp);
        batch.putLong(RecordBatch.PRODUCER_ID_AT, producerId);
        batch.putShort(RecordBatch.PRODUCER_EPOCH_AT, producerEpoch);
        batch.putInt(RecordBatch.BASE_SEQUENCE_AT, baseSequence);
        batch.putInt(RecordBatch.RECORD_COUNT_AT, count);
        batch.putInt(RecordBatch.CRC_AT, RecordBatch.computeCrc(batch));
        return batch;
    }

    /** The array that the records were written to, unless much of it was not needed. */
    private ByteBuffer plain() {
        byte[] bytes = body.array();
        int size = body.size();
        boolean fits = bytes.length - size <= size / 4;
        return ByteBuffer.wrap(fits ? bytes : Arrays.copyOf(bytes, size), 0, size)
                .slice();
    }

    private ByteBuffer compressed() {
        byte[] records = compression.compress(body.array(), body.size());
        return ByteBuffer.allocate(RecordBatch.HEADER_BYTES + records.length)
                .put(RecordBatch.HEADER_BYTES, records, 0, records.length);
    }

    private static int length(byte @Nullable [] field) {
        return field == null ? 0 : field.length;
    }

    private static int fieldSize(byte @Nullable [] field) {
        return field == null ? 1 : Varints.size(field.length) + field.length;
    }

    private void writeField(byte @Nullable [] field) {
        if (field == null) {
            Varints.write(body, -1);
        } else {
            Varints.write(body, field.length);
            body.write(field);
        }
    }
}
