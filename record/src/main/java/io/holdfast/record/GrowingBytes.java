package io.holdfast.record;

import java.util.Arrays;

/** Bytes in the making. As {@link java.io.ByteArrayOutputStream}, without a lock for each byte. Not thread-safe. */
final class GrowingBytes {
    /** Not every virtual machine has larger arrays. */
    private static final int BYTES_MAX = Integer.MAX_VALUE - 8;

    private byte[] bytes;
    private int size;

    /**
     * @param size of what is filled in at the end; zeros until then
     * @param capacity bytes that fit without growing
     */
    GrowingBytes(int size, int capacity) {
        this.size = size;
        bytes = new byte[Math.max(size, capacity)];
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
