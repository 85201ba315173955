package io.holdfast.storage.log;

/**
 * What a checkpoint knows of a segment.
 *
 * @param id its number: segments of a log count up from 0
 * @param generation how often it has been written anew
 * @param appliedBytes end of the last frame applied
 * @param indexEntries entries of its batch index
 * @param removedRanges ranges of offsets whose records have gone and whose bytes are still in it
 * @param rewrittenTo frames of Raft indexes up to this may be missing from it; -1 if none
 */
public record SegmentState(
        long id, int generation, long appliedBytes, long indexEntries, long removedRanges, long rewrittenTo) {
    /** One that has never been written anew, and has lost nothing. */
    public SegmentState(long id, long appliedBytes, long indexEntries) {
        this(id, 0, appliedBytes, indexEntries, 0, -1);
    }
}
