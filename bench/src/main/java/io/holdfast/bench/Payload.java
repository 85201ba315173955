package io.holdfast.bench;

import java.nio.ByteBuffer;
import java.util.Random;

/** Values that carry when they were due; the rest is text that compresses about as well as text does. */
final class Payload {
    private final byte[] filler;

    Payload(int bytes) {
        filler = new byte[bytes];
        Random random = new Random(7);
        for (int i = 0; i < bytes; i++) {
            filler[i] = (byte) ('a' + random.nextInt(26));
        }
    }

    byte[] of(long sequence, long dueNanos) {
        byte[] value = filler.clone();
        ByteBuffer.wrap(value).putLong(sequence).putLong(dueNanos);
        return value;
    }

    static long dueNanos(byte[] value) {
        return ByteBuffer.wrap(value).getLong(Long.BYTES);
    }
}
