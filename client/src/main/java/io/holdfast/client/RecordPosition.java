package io.holdfast.client;

/**
 * Where a record is.
 *
 * @param offset -1 if it was stored by an attempt so long ago that the partition no longer knows where
 * @param appendTimeMs leader's clock
 * @param duplicate an earlier attempt of the same producer had stored it
 */
public record RecordPosition(String topic, int partition, long offset, long appendTimeMs, boolean duplicate) {}
