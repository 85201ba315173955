package io.holdfast.consensus.dedup;

import java.nio.ByteBuffer;
import java.security.MessageDigest;
import java.security.NoSuchAlgorithmException;

/**
 * A message id, as the first 128 bits of its SHA-256: nobody can make up an id that is taken for another's.
 *
 * @param high of no id zero, and then low too
 */
public record MessageId(long high, long low) {
    public static final int BYTES = 2 * Long.BYTES;

    /** Of a record without one. */
    public static final MessageId NONE = new MessageId(0, 0);

    public static MessageId of(byte[] id) {
        try {
            ByteBuffer hash =
                    ByteBuffer.wrap(MessageDigest.getInstance("SHA-256").digest(id));
            return new MessageId(hash.getLong(), hash.getLong());
        } catch (NoSuchAlgorithmException e) {
            throw new IllegalStateException("every Java platform has SHA-256", e);
        }
    }

    public static MessageId read(ByteBuffer from) {
        return new MessageId(from.getLong(), from.getLong());
    }

    public void write(ByteBuffer to) {
        to.putLong(high).putLong(low);
    }

    public boolean isNone() {
        return high == 0 && low == 0;
    }
}
