package io.holdfast.record;

import java.nio.ByteBuffer;

/** Zigzag variable-length integers as in Protocol Buffers' sint32 and sint64. */
final class Varints {
    private static final int LONG_BYTES_MAX = 10;

    private Varints() {}

    static void write(GrowingBytes out, long value) {
        long rest = (value << 1) ^ (value >> 63);
        while ((rest & ~0x7FL) != 0) {
            out.write((byte) ((rest & 0x7F) | 0x80));
            rest >>>= 7;
        }
        out.write((byte) rest);
    }

    static int size(long value) {
        long zigzag = (value << 1) ^ (value >> 63);
        return (70 - Long.numberOfLeadingZeros(zigzag | 1)) / 7;
    }

    static long readLong(ByteBuffer in) throws InvalidBatchException {
        long zigzag = 0;
        for (int i = 0; i < LONG_BYTES_MAX; i++) {
            if (!in.hasRemaining()) {
                throw new InvalidBatchException("batch ends inside a number");
            }
            byte b = in.get();
            zigzag |= (long) (b & 0x7F) << (7 * i);
            if (b >= 0) {
                return (zigzag >>> 1) ^ -(zigzag & 1);
            }
        }
        throw new InvalidBatchException("number of more than " + LONG_BYTES_MAX + " bytes");
    }

    static int readInt(ByteBuffer in) throws InvalidBatchException {
        long value = readLong(in);
        if (value != (int) value) {
            throw new InvalidBatchException("number " + value + " does not fit 32 bits");
        }
        return (int) value;
    }
}
