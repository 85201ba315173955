package io.holdfast.consensus.raft;

import java.io.File;
import java.nio.file.Path;
import java.util.List;
import java.util.concurrent.TimeUnit;
import org.apache.ratis.conf.RaftProperties;
import org.apache.ratis.server.RaftServerConfigKeys;
import org.apache.ratis.server.RaftServerConfigKeys.Log;
import org.apache.ratis.server.RaftServerConfigKeys.Snapshot;
import org.apache.ratis.util.SizeInBytes;
import org.apache.ratis.util.TimeDuration;

/** What we tell Ratis, and why where it is not plain. */
final class RaftProps {
    private static final int ENTRY_OVERHEAD_BYTES = 64 << 10;

    private RaftProps() {}

    static RaftProperties of(RaftSettings settings, Path storage) {
        RaftProperties p = new RaftProperties();
        setStorage(p, storage);

        TimeDuration min = millis(settings.electionTimeoutMin().toMillis());
        TimeDuration max = millis(settings.electionTimeoutMax().toMillis());
        RaftServerConfigKeys.Rpc.setTimeoutMin(p, min);
        RaftServerConfigKeys.Rpc.setTimeoutMax(p, max);
        RaftServerConfigKeys.Rpc.setFirstElectionTimeoutMin(p, min);
        RaftServerConfigKeys.Rpc.setFirstElectionTimeoutMax(p, max);
        RaftServerConfigKeys.LeaderElection.setPreVote(p, true);
        // A paused process must come back as a follower, never shut itself down.
        RaftServerConfigKeys.setCloseThreshold(p, TimeDuration.valueOf(365, TimeUnit.DAYS));
        RaftServerConfigKeys.Read.setOption(p, RaftServerConfigKeys.Read.Option.LINEARIZABLE);
        // Ratis' check is not enough, and ours is: see LeaderConfirmation.
        RaftServerConfigKeys.Read.setLeaderHeartbeatCheckEnabled(p, false);
        // Retries are answered by the state machine's producer table; this cache only costs memory.
        RaftServerConfigKeys.RetryCache.setExpiryTime(p, TimeDuration.valueOf(2, TimeUnit.SECONDS));
        RaftServerConfigKeys.Read.ReadAfterWriteConsistent.setWriteIndexCacheExpiryTime(
                p, TimeDuration.valueOf(2, TimeUnit.SECONDS));

        SizeInBytes entry = SizeInBytes.valueOf(settings.entryBytesMax() + ENTRY_OVERHEAD_BYTES);
        Log.Appender.setBufferByteLimit(p, entry);
        // Ratis insists that the write buffer of each group holds the largest entry, batches included.
        Log.setWriteBufferSize(p, SizeInBytes.valueOf(entry.getSize() + 8));
        Log.setSegmentSizeMax(p, SizeInBytes.valueOf(settings.logSegmentBytes()));
        Log.setPreallocatedSize(p, SizeInBytes.valueOf(Math.min(16 << 10, settings.logSegmentBytes())));
        Log.setSegmentCacheNumMax(p, 2);
        Log.setSegmentCacheSizeMax(p, SizeInBytes.valueOf(2 * settings.logSegmentBytes()));
        RaftServerConfigKeys.setStagingTimeout(p, TimeDuration.valueOf(30, TimeUnit.SECONDS));
        // An entry enters the Raft log only when its batches are on disk: recovery relies on it.
        Log.StateMachineData.setSync(p, true);
        // Off, an append runs on the thread that received it; on, it crosses two more threads, in the same order.
        Log.setAppendEntriesComposeEnabled(p, false);
        // "Caching" means that the state machine keeps the payload and Ratis' own cache does not: else that cache,
        // bounded by the size of the headers, would hold gigabytes of batches.
        Log.StateMachineData.setCachingEnabled(p, true);
        Log.setLogMetadataEnabled(p, false);
        // Damage stops a replica; nothing is cut on the evidence of a bad checksum.
        Log.setCorruptionPolicy(p, Log.CorruptionPolicy.EXCEPTION);
        Log.Appender.setInstallSnapshotEnabled(p, false);
        Log.setPurgeGap(p, 1);
        Log.setPurgeUptoSnapshotIndex(p, true);
        Log.setPurgePreservationLogNum(p, settings.logEntriesKept());
        Snapshot.setAutoTriggerEnabled(p, true);
        Snapshot.setAutoTriggerThreshold(p, settings.checkpointEntries());
        Snapshot.setTriggerWhenStopEnabled(p, true);
        Snapshot.setTriggerWhenRemoveEnabled(p, false);
        return p;
    }

    /**
     * Where groups live. Ratis opens every group that it finds there when the server is built; the host opens them one
     * by one instead, and so sets the real folder after building.
     */
    static void setStorage(RaftProperties p, Path storage) {
        RaftServerConfigKeys.setStorageDir(p, List.of(new File(storage.toString())));
    }

    private static TimeDuration millis(long millis) {
        return TimeDuration.valueOf(millis, TimeUnit.MILLISECONDS);
    }
}
