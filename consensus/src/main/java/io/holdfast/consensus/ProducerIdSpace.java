package io.holdfast.consensus;

/** Which producer ids are whose: the metadata group hands them out, partitions keep those of named producers longer. */
public final class ProducerIdSpace {
    /** Ids from here on belong to producers with a name; lower ones, from 1, to the others. */
    public static final long NAMED_FROM = 1L << 62;

    private ProducerIdSpace() {}
}
