package io.holdfast.client;

import java.util.ArrayDeque;
import java.util.Deque;
import org.jspecify.annotations.Nullable;

/**
 * Arrays that batches are filled in, used again once a batch is acknowledged. What waits for an acknowledgement outlives
 * several young collections; anew each time, it would be copied by each of them. Guarded by the producer's lock.
 */
final class BatchMemory {
    private final int arrayBytes;
    /** Last returned, first taken: it is the most likely to be in a processor's cache. */
    private final Deque<byte[]> free = new ArrayDeque<>();
    /** The fewest that were free since the last trim. */
    private int leastFree;

    /** @param arrayBytes of each: what a full batch comes to */
    BatchMemory(int arrayBytes) {
        this.arrayBytes = arrayBytes;
    }

    /** What is in it means nothing. Null for a batch that will need less than half of it. */
    byte @Nullable [] take(int bytesExpected) {
        if (bytesExpected < arrayBytes / 2) {
            return null;
        }
        byte[] array = free.poll();
        leastFree = Math.min(leastFree, free.size());
        return array == null ? new byte[arrayBytes] : array;
    }

    /** Nobody may read it any more. */
    void giveBack(byte[] array) {
        free.push(array);
    }

    /** Lets go of half of those that were not needed since the last call. */
    void trim() {
        for (int i = (leastFree + 1) / 2; i > 0; i--) {
            free.removeLast();
        }
        leastFree = free.size();
    }
}
