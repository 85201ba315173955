package io.holdfast.storage.log;

import java.nio.ByteBuffer;
import java.util.List;

/**
 * Consecutive batches as read from a log.
 *
 * @param batches where each came from, in offset order; empty at the end of the log
 * @param bytes the batches back to back, base offset and leader epoch stamped; the caller's to keep
 * @param nextOffset offset after the last record
 */
public record LogSlice(List<BatchEntry> batches, ByteBuffer bytes, long nextOffset) {}
