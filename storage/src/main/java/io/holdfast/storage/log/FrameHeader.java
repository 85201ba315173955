package io.holdfast.storage.log;

import java.nio.ByteBuffer;
import java.util.zip.CRC32C;
import org.jspecify.annotations.Nullable;

/**
 * The 32 bytes before each payload in a segment, big-endian (docs/formats/segment.md).
 *
 * <pre>
 *  0  uint32  magic "HFM1"
 *  4  uint32  payload length
 *  8  uint64  Raft index
 * 16  uint64  Raft term
 * 24  uint32  CRC32C of the payload
 * 28  uint32  CRC32C of bytes 0 to 27
 * </pre>
 */
record FrameHeader(FrameId id, int length, int payloadCrc) {
    static final int BYTES = 32;
    private static final int MAGIC = 0x48464D31;
    private static final int CRC_AT = 28;

    static FrameHeader of(FrameId id, ByteBuffer payload) {
        return new FrameHeader(id, payload.remaining(), crc(payload));
    }

    ByteBuffer encode() {
        ByteBuffer header = ByteBuffer.allocate(BYTES);
        header.putInt(MAGIC)
                .putInt(length)
                .putLong(id.index())
                .putLong(id.term())
                .putInt(payloadCrc);
        header.putInt(crc(header.duplicate().flip()));
        return header.flip();
    }

    /** Null if these 32 bytes are not a header as it was written. */
    static @Nullable FrameHeader decode(ByteBuffer bytes) {
        ByteBuffer in = bytes.slice();
        if (in.remaining() < BYTES || in.getInt(0) != MAGIC) {
            return null;
        }
        if (crc(in.slice(0, CRC_AT)) != in.getInt(CRC_AT) || in.getInt(4) < 0) {
            return null;
        }
        return new FrameHeader(new FrameId(in.getLong(8), in.getLong(16)), in.getInt(4), in.getInt(24));
    }

    static int crc(ByteBuffer bytes) {
        CRC32C crc = new CRC32C();
        crc.update(bytes.duplicate());
        return (int) crc.getValue();
    }
}
