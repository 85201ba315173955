package io.holdfast.record;

import com.google.common.hash.HashFunction;
import com.google.common.hash.Hashing;

/**
 * Places keys: a stable 32-bit hash and the equal ranges of it that partitions own. Clients in every language must
 * agree with it, so it never changes (docs/formats/key-hash.md).
 */
public final class KeyHash {
    private static final long SPACE = 1L << 32;
    private static final HashFunction MURMUR3 = Hashing.murmur3_32_fixed(0);

    private KeyHash() {}

    /** MurmurHash3 x86 32-bit, seed 0, as an unsigned number. */
    public static long of(byte[] key) {
        return Integer.toUnsignedLong(MURMUR3.hashBytes(key).asInt());
    }

    /** First hash of a partition's range. */
    public static long rangeFirst(int partition, int partitions) {
        return (partition * SPACE + partitions - 1) / partitions;
    }

    /** Last hash of a partition's range. */
    public static long rangeLast(int partition, int partitions) {
        return rangeFirst(partition + 1, partitions) - 1;
    }

    /** The partition whose range holds the hash, of this many equal ranges. */
    public static int partition(long hash, int partitions) {
        return (int) (hash * partitions >>> 32);
    }
}
