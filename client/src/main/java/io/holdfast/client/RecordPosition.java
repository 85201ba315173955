package io.holdfast.client;

/**
 * Where a record is.
 *
 * @param offset -1 if it was stored by an attempt so long ago that the partition no longer knows where, or is kept for later
 * @param appendTimeMs leader's clock
 * @param duplicate an earlier attempt of the same producer had stored it
 * @param scheduleId of a record that is kept for later: what to cancel it by; empty if it is in the log, or as unknown as
 *     an offset may be
 */
public record RecordPosition(
        String topic, int partition, long offset, long appendTimeMs, boolean duplicate, String scheduleId) {}
