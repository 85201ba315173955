package io.holdfast.consensus.queue;

import io.holdfast.record.LogRecord;

/**
 * A record as it is handed out.
 *
 * @param delivered times, this one included
 * @param failed times
 */
public record LeasedRecord(
        long offset, long appendMs, LogRecord record, long leaseId, long leaseMs, int delivered, int failed) {}
