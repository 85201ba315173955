package io.holdfast.consensus.raft;

import java.time.Duration;

/**
 * @param electionTimeoutMin a follower that hears nothing for a random time between this and the maximum stands for
 *     election; heartbeats go out at half of it
 * @param entryBytesMax largest Raft entry, its batches included; each group on the node holds a buffer of this size
 * @param checkpointEntries a replica writes a checkpoint after this many entries
 * @param logSegmentBytes a file of the Raft log is closed at this size; the log is purged by whole files
 * @param logEntriesKept entries behind the checkpoint that stay in the Raft log for followers that lag a little
 */
public record RaftSettings(
        Duration electionTimeoutMin,
        Duration electionTimeoutMax,
        int entryBytesMax,
        long checkpointEntries,
        long logSegmentBytes,
        long logEntriesKept) {
    public RaftSettings {
        if (electionTimeoutMin.compareTo(Duration.ofMillis(50)) < 0
                || electionTimeoutMax.compareTo(electionTimeoutMin) <= 0) {
            throw new IllegalArgumentException("election timeouts must be at least 50 ms and grow: "
                    + electionTimeoutMin + " to " + electionTimeoutMax);
        }
        if (entryBytesMax < 64 << 10 || entryBytesMax > 64 << 20) {
            throw new IllegalArgumentException("entryBytesMax must be 64 KiB to 64 MiB, not " + entryBytesMax);
        }
        if (logSegmentBytes < 1 << 10) {
            throw new IllegalArgumentException("logSegmentBytes must be at least 1 KiB, not " + logSegmentBytes);
        }
        if (checkpointEntries < 1 || logEntriesKept < 0) {
            throw new IllegalArgumentException("checkpointEntries must be positive and logEntriesKept not negative");
        }
    }
}
