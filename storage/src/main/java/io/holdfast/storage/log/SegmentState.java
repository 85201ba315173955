package io.holdfast.storage.log;

/**
 * What a checkpoint knows of a segment.
 *
 * @param id its name: segments of a log count up from 0
 * @param appliedBytes end of the last frame applied
 * @param indexEntries entries of its batch index
 */
public record SegmentState(long id, long appliedBytes, long indexEntries) {}
