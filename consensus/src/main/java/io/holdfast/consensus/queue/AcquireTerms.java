package io.holdfast.consensus.queue;

/**
 * What a member acquires, or would, if it waits.
 *
 * @param recordsMax records at most; 0 if it only wants to know that there is something
 * @param bytesMax about as many bytes at most
 * @param leaseMs 0 for the group's
 */
public record AcquireTerms(int recordsMax, long bytesMax, long leaseMs) {
    /** Leases nothing. */
    public static final AcquireTerms NOTICE = new AcquireTerms(0, 0, 0);
}
