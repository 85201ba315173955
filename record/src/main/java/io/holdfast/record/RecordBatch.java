package io.holdfast.record;

import java.nio.ByteBuffer;
import java.util.ArrayList;
import java.util.List;
import java.util.function.IntPredicate;
import java.util.zip.CRC32C;
import org.jspecify.annotations.Nullable;

/**
 * View of one encoded record batch, format version ("magic") 2 as Apache Kafka documents it. All numbers are
 * big-endian.
 *
 * <pre>
 *  0  int64   base offset            assigned by the log, outside the CRC
 *  8  int32   length                 of what follows this field
 * 12  int32   leader epoch           assigned by the log, outside the CRC: the Raft term
 * 16  int8    magic                  2
 * 17  uint32  CRC32C                 of everything from position 21 to the end
 * 21  int16   attributes             bits 0-2 compression; all others must be 0
 * 23  int32   last offset delta      record count - 1, or more if the log has let some of the records go
 * 27  int64   base timestamp         ms
 * 35  int64   max timestamp          ms
 * 43  int64   producer id            -1: none
 * 51  int16   producer epoch         low 15 bits
 * 53  int32   base sequence          low 31 bits
 * 57  int32   record count
 * 61  records, compressed together
 * </pre>
 *
 * The view neither copies nor checks on construction; {@link #verify} does the checking. Not thread-safe only in that
 * the underlying bytes may change; reads are absolute and share no position.
 */
public final class RecordBatch {
    public static final int HEADER_BYTES = 61;
    /** Bytes before the part that the length field counts. */
    public static final int LENGTH_OVERHEAD = 12;

    public static final byte MAGIC = 2;
    public static final long NO_PRODUCER = -1;

    static final int LENGTH_AT = 8;
    static final int LEADER_EPOCH_AT = 12;
    static final int MAGIC_AT = 16;
    static final int CRC_AT = 17;
    static final int ATTRIBUTES_AT = 21;
    static final int LAST_OFFSET_DELTA_AT = 23;
    static final int BASE_TIMESTAMP_AT = 27;
    static final int MAX_TIMESTAMP_AT = 35;
    static final int PRODUCER_ID_AT = 43;
    static final int PRODUCER_EPOCH_AT = 51;
    static final int BASE_SEQUENCE_AT = 53;
    static final int RECORD_COUNT_AT = 57;

    /** Smallest record: seven one-byte fields. Bounds what a record count may claim. */
    private static final int RECORD_BYTES_MIN = 7;

    private final ByteBuffer bytes;

    /** @param bytes one batch, from position to limit; not copied */
    public RecordBatch(ByteBuffer bytes) {
        this.bytes = bytes.slice();
    }

    /** Bytes of the batch that starts at the buffer's position, or -1 if fewer than a length field are left. */
    public static int sizeAt(ByteBuffer buffer) {
        if (buffer.remaining() < LENGTH_OVERHEAD) {
            return -1;
        }
        return buffer.getInt(buffer.position() + LENGTH_AT) + LENGTH_OVERHEAD;
    }

    public int sizeInBytes() {
        return bytes.remaining();
    }

    public ByteBuffer bytes() {
        return bytes.duplicate();
    }

    public long baseOffset() {
        return bytes.getLong(0);
    }

    public int crc() {
        return bytes.getInt(CRC_AT);
    }

    public int recordCount() {
        return bytes.getInt(RECORD_COUNT_AT);
    }

    /** Offsets that the batch takes: as many as it had records when it was appended. */
    public int offsetCount() {
        return bytes.getInt(LAST_OFFSET_DELTA_AT) + 1;
    }

    public long maxTimestampMs() {
        return bytes.getLong(MAX_TIMESTAMP_AT);
    }

    public long producerId() {
        return bytes.getLong(PRODUCER_ID_AT);
    }

    public short producerEpoch() {
        return bytes.getShort(PRODUCER_EPOCH_AT);
    }

    public int baseSequence() {
        return bytes.getInt(BASE_SEQUENCE_AT);
    }

    public Compression compression() throws InvalidBatchException {
        return Compression.of(bytes.getShort(ATTRIBUTES_AT));
    }

    /** Writes what the log assigns; the CRC does not cover it. */
    public static void stamp(ByteBuffer batch, long baseOffset, long term) {
        batch.putLong(batch.position(), baseOffset);
        batch.putInt(batch.position() + LEADER_EPOCH_AT, (int) term);
    }

    /** Makes a finished batch another producer's, or gives it another place in its order; computes the CRC again. */
    public static void assign(ByteBuffer batch, long producerId, int epoch, long firstSequence) {
        int at = batch.position();
        batch.putLong(at + PRODUCER_ID_AT, producerId);
        batch.putShort(at + PRODUCER_EPOCH_AT, RecordBatchBuilder.headerEpoch(epoch));
        batch.putInt(at + BASE_SEQUENCE_AT, RecordBatchBuilder.headerSequence(firstSequence));
        batch.putInt(at + CRC_AT, computeCrc(batch));
    }

    /** CRC32C of everything after the CRC field. */
    public static int computeCrc(ByteBuffer batch) {
        CRC32C crc = new CRC32C();
        ByteBuffer covered = batch.slice();
        covered.position(ATTRIBUTES_AT);
        crc.update(covered);
        return (int) crc.getValue();
    }

    /**
     * Checks that this is a batch as it may be appended: as {@link #verify}, and none of its records is missing.
     *
     * @throws InvalidBatchException with a message that names the field
     */
    public void verifyComplete() throws InvalidBatchException {
        verify();
        if (offsetCount() != recordCount()) {
            throw new InvalidBatchException("last offset delta " + bytes.getInt(LAST_OFFSET_DELTA_AT)
                    + " does not go with " + recordCount() + " records");
        }
    }

    /**
     * Checks that this is exactly one batch, untouched, whose header makes sense. Does not decompress.
     *
     * @throws InvalidBatchException with a message that names the field
     */
    public void verify() throws InvalidBatchException {
        int size = bytes.remaining();
        if (size < HEADER_BYTES) {
            throw new InvalidBatchException(
                    "batch of " + size + " bytes is shorter than a header (" + HEADER_BYTES + ")");
        }
        long claimed = (long) bytes.getInt(LENGTH_AT) + LENGTH_OVERHEAD;
        if (claimed != size) {
            throw new InvalidBatchException("batch says " + claimed + " bytes but has " + size);
        }
        if (bytes.get(MAGIC_AT) != MAGIC) {
            throw new InvalidBatchException("batch format " + bytes.get(MAGIC_AT) + " is not " + MAGIC);
        }
        if (computeCrc(bytes) != crc()) {
            throw new InvalidBatchException("batch does not match its checksum: it was damaged on the way");
        }
        int attributes = bytes.getShort(ATTRIBUTES_AT);
        if ((attributes & ~Compression.CODE_MASK) != 0) {
            throw new InvalidBatchException("batch attributes 0x" + Integer.toHexString(attributes & 0xFFFF)
                    + " set bits that are not allowed here");
        }
        Compression compression = compression();
        int count = recordCount();
        if (count <= 0) {
            throw new InvalidBatchException("batch of " + count + " records");
        }
        if (bytes.getInt(LAST_OFFSET_DELTA_AT) < count - 1 || offsetCount() < 0) {
            throw new InvalidBatchException("last offset delta " + bytes.getInt(LAST_OFFSET_DELTA_AT)
                    + " does not go with " + count + " records");
        }
        if (compression == Compression.NONE && (long) count * RECORD_BYTES_MIN > size - HEADER_BYTES) {
            throw new InvalidBatchException(count + " records do not fit " + (size - HEADER_BYTES) + " bytes");
        }
    }

    /** What {@link #forEach} shows records to. */
    @FunctionalInterface
    public interface Visitor {
        /** @param offsetDelta the record's offset is {@code baseOffset() + offsetDelta} */
        void visit(int offsetDelta, LogRecord record);
    }

    /**
     * Decodes the records of a batch none of which is missing, in order. Offsets are {@code baseOffset() + position in the
     * list}.
     *
     * @param plainBytesMax most that the records may inflate to
     */
    public List<LogRecord> records(int plainBytesMax) throws InvalidBatchException {
        List<LogRecord> records = new ArrayList<>(Math.max(0, Math.min(recordCount(), 1024)));
        forEach(plainBytesMax, (offsetDelta, record) -> records.add(record));
        return records;
    }

    /**
     * Decodes the records, in order; some of them have been shown when it fails.
     *
     * @param plainBytesMax most that the records may inflate to
     */
    public void forEach(int plainBytesMax, Visitor visitor) throws InvalidBatchException {
        ByteBuffer body = bytes.duplicate();
        body.position(HEADER_BYTES);
        Compression compression = compression();
        if (compression != Compression.NONE) {
            body = ByteBuffer.wrap(compression.decompress(body, plainBytesMax));
        }
        int count = recordCount();
        if ((long) count * RECORD_BYTES_MIN > body.remaining()) {
            throw new InvalidBatchException(count + " records do not fit " + body.remaining() + " bytes");
        }
        long baseTimestamp = bytes.getLong(BASE_TIMESTAMP_AT);
        int last = bytes.getInt(LAST_OFFSET_DELTA_AT);
        int delta = -1;
        for (int i = 0; i < count; i++) {
            delta = readRecord(body, baseTimestamp, i, delta, last, visitor);
        }
        if (body.hasRemaining()) {
            throw new InvalidBatchException(body.remaining() + " bytes are left after " + count + " records");
        }
    }

    /** Returns the record's offset delta, which is above that of the one before. */
    private static int readRecord(
            ByteBuffer in, long baseTimestamp, int index, int deltaBefore, int lastDelta, Visitor visitor)
            throws InvalidBatchException {
        int length = Varints.readInt(in);
        if (length < 0 || length > in.remaining()) {
            throw new InvalidBatchException(
                    "record " + index + " says " + length + " bytes, " + in.remaining() + " are left");
        }
        int end = in.position() + length;
        if (length > 0) {
            in.get(); // attributes, unused
        }
        long timestamp = baseTimestamp + Varints.readLong(in);
        int offsetDelta = Varints.readInt(in);
        if (offsetDelta <= deltaBefore || offsetDelta > lastDelta) {
            throw new InvalidBatchException("record " + index + " has offset delta " + offsetDelta);
        }
        byte[] key = readBytes(in);
        byte[] value = readBytes(in);
        int headerCount = Varints.readInt(in);
        if (headerCount < 0 || headerCount > in.remaining()) {
            throw new InvalidBatchException("record " + index + " says " + headerCount + " headers");
        }
        List<RecordHeader> headers = headerCount == 0 ? List.of() : new ArrayList<>(headerCount);
        for (int h = 0; h < headerCount; h++) {
            byte[] name = readBytes(in);
            if (name == null) {
                throw new InvalidBatchException("header without a name in record " + index);
            }
            headers.add(new RecordHeader(new String(name, java.nio.charset.StandardCharsets.UTF_8), readBytes(in)));
        }
        if (in.position() != end) {
            throw new InvalidBatchException("record " + index + " is not as long as it says");
        }
        visitor.visit(offsetDelta, new LogRecord(timestamp, key, value, headers));
        return offsetDelta;
    }

    /**
     * A batch of some of the records only, with as many offsets as there were and the same header otherwise; what the log
     * has assigned is 0.
     *
     * @param from offset delta of what is to be the first offset
     * @param until before which offset delta it ends
     * @param kept of an offset delta, whether its record stays
     * @return null if none stays
     */
    public @Nullable ByteBuffer keeping(int from, int until, IntPredicate kept, int plainBytesMax)
            throws InvalidBatchException {
        RecordBatchBuilder part = new RecordBatchBuilder(compression());
        forEach(plainBytesMax, (offsetDelta, record) -> {
            if (offsetDelta >= from && offsetDelta < until && kept.test(offsetDelta)) {
                part.add(offsetDelta - from, record);
            }
        });
        if (part.recordCount() == 0) {
            return null;
        }
        ByteBuffer batch = part.build();
        batch.putInt(LAST_OFFSET_DELTA_AT, until - from - 1);
        batch.putLong(PRODUCER_ID_AT, producerId());
        batch.putShort(PRODUCER_EPOCH_AT, producerEpoch());
        batch.putInt(BASE_SEQUENCE_AT, baseSequence());
        batch.putInt(CRC_AT, computeCrc(batch));
        return batch;
    }

    private static byte @Nullable [] readBytes(ByteBuffer in) throws InvalidBatchException {
        int length = Varints.readInt(in);
        if (length < 0) {
            return null;
        }
        if (length > in.remaining()) {
            throw new InvalidBatchException("field of " + length + " bytes, " + in.remaining() + " are left");
        }
        byte[] field = new byte[length];
        in.get(field);
        return field;
    }
}
