package io.holdfast.record;

import java.util.Arrays;

/** Bytes in the making. As {@link java.io.ByteArrayOutputStream}, without a lock for each byte. Not thread-safe. */
final class GrowingBytes {
    /** Not every virtual machine has larger arrays. */
    private static final int BYTES_MAX = Integer.MAX_VALUE - 8;

    private byte[] bytes;
    private int size;

    /**
     * @param memory to be written to as far as it suffices; what is in it means nothing
     * @param size of what is filled in at the end; zeros until then
     */
    GrowingBytes(byte[] memory, int size) {
        this.size = size;
        bytes = memory.length < size ? new byte[size] : memory;
        Arrays.fill(bytes, 0, size, (byte) 0);
    }

    void write(byte one) {
        if (size == bytes.length) {
            grow(1);
        }
        bytes[size++] = one;
    }

    void write(byte[] more) {
        if (more.length > bytes.length - size) {
            grow(more.length);
        }
        System.arraycopy(more, 0, bytes, size, more.length);
        size += more.length;
    }

    private void grow(int more) {
        long needed = (long) size + more;
        if (needed > BYTES_MAX) {
            throw new OutOfMemoryError("an array cannot have " + needed + " bytes");
        }
        bytes = Arrays.copyOf(bytes, (int) Math.min(BYTES_MAX, Math.max(needed, 2L * bytes.length)));
    }

    int size() {
        return size;
    }

    /** Those from {@link #size} on mean nothing. No copy: to be left alone while this is still written to. */
    byte[] array() {
        return bytes;
    }
}
