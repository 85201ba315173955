package io.holdfast.storage.log;

import java.nio.ByteBuffer;

/**
 * One line of a batch index: a batch whose records exist, and where its bytes are. 64 bytes, big-endian
 * (docs/formats/batch-index.md).
 *
 * <pre>
 *  0  uint64  base offset: offset of the first record that counts
 *  8  uint32  number of records that count, those that have gone since included
 * 12  uint32  leading records of the batch that do not count: an earlier batch has them
 * 16  uint64  position of the batch in the segment
 * 24  uint32  bytes of the batch
 * 28  uint32  CRC32C out of the batch's own header
 * 32  uint64  Raft index
 * 40  uint64  Raft term
 * 48  int64   append time, ms; never decreases along the log
 * 56  uint32  bytes between the end of the batch and the end of its frame
 * 60  uint32  CRC32C of bytes 0 to 59
 * </pre>
 */
public record BatchEntry(
        long baseOffset,
        int recordCount,
        int skippedRecords,
        long position,
        int batchBytes,
        int batchCrc,
        long raftIndex,
        long term,
        long appendMs,
        int bytesToFrameEnd) {
    static final int BYTES = 64;
    private static final int CRC_AT = 60;

    /** The same records, or what is left of them, as other bytes. */
    BatchEntry with(int bytes, int crc) {
        return at(position, bytes, crc);
    }

    /** The same in another place, at the end of a frame of its own. */
    BatchEntry at(long newPosition, int bytes, int crc) {
        return new BatchEntry(
                baseOffset, recordCount, skippedRecords, newPosition, bytes, crc, raftIndex, term, appendMs, 0);
    }

    /** Position of the frame after the one that holds this batch. */
    long frameEnd() {
        return position + batchBytes + bytesToFrameEnd;
    }

    /** Offset after the last record. */
    public long nextOffset() {
        return baseOffset + recordCount;
    }

    ByteBuffer encode() {
        ByteBuffer out = ByteBuffer.allocate(BYTES);
        out.putLong(baseOffset).putInt(recordCount).putInt(skippedRecords);
        out.putLong(position).putInt(batchBytes).putInt(batchCrc);
        out.putLong(raftIndex).putLong(term).putLong(appendMs).putInt(bytesToFrameEnd);
        out.putInt(FrameHeader.crc(out.duplicate().flip()));
        return out.flip();
    }

    static BatchEntry decode(ByteBuffer in, String where) throws DamagedLogException {
        if (FrameHeader.crc(in.slice(in.position(), CRC_AT)) != in.getInt(in.position() + CRC_AT)) {
            throw new DamagedLogException(where + " does not match its checksum");
        }
        ByteBuffer b = in.slice();
        return new BatchEntry(
                b.getLong(),
                b.getInt(),
                b.getInt(),
                b.getLong(),
                b.getInt(),
                b.getInt(),
                b.getLong(),
                b.getLong(),
                b.getLong(),
                b.getInt());
    }
}
