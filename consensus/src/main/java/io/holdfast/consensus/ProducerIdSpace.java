package io.holdfast.consensus;

/** Which producer ids are whose: the metadata group hands them out, partitions keep those of named producers longer. */
public final class ProducerIdSpace {
    /** Ids from here on belong to producers with a name; lower ones, from 1, to the others. */
    public static final long NAMED_FROM = 1L << 62;

    /** Ids from here on belong to partitions that write dead letters; they are never forgotten. */
    public static final long DEAD_LETTERS_FROM = 3L << 61;

    /** More partitions than a topic may have. */
    private static final int PARTITIONS_BITS = 16;

    /** Id under which a partition writes the dead letters of a queue group: of its own, the same on all nodes. */
    public static long deadLetters(long queueGroupId, int partition) {
        return DEAD_LETTERS_FROM + (queueGroupId << PARTITIONS_BITS) + partition;
    }

    private ProducerIdSpace() {}
}
