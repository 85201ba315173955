package io.holdfast.client;

import org.jspecify.annotations.Nullable;

/**
 * Told once what became of a record. Calls come on one thread for all of a client's producers, in order per partition:
 * what takes longer belongs elsewhere, and waiting there for another record never ends.
 */
@FunctionalInterface
public interface SendCallback {
    /**
     * @param position where the record is, on the disks of a majority; null if it failed
     * @param failure null if it did not; its outcome says whether the record may have been stored
     */
    void onCompletion(@Nullable RecordPosition position, @Nullable HoldfastException failure);
}
