package io.holdfast.consensus.partition;

import org.jspecify.annotations.Nullable;

/**
 * What became of a batch that is stored, or already was.
 *
 * @param firstOffset of its first record; of the first new one, if some leading records were stored before; the number in
 *     the schedule of a record that is kept for later
 * @param dueMs of a record that is kept for later, or was; null for what went into the log
 * @param highWatermark of the replica when it answered: a read that has seen this much has seen the batch
 */
public record AppendResult(
        long firstOffset,
        int recordCount,
        long appendTimeMs,
        boolean duplicate,
        boolean offsetUnknown,
        int alreadyStored,
        @Nullable Long dueMs,
        long highWatermark) {}
