package io.holdfast.consensus.partition;

import io.holdfast.consensus.raft.CheckpointSource;
import io.holdfast.consensus.raft.GroupId;
import io.holdfast.consensus.raft.GroupListener;
import io.holdfast.consensus.raft.Peer;
import io.holdfast.consensus.raft.RaftGroupHandle;
import io.holdfast.consensus.raft.RaftHost;
import io.holdfast.storage.log.DurableDirectory;
import io.holdfast.storage.log.LogSettings;
import io.holdfast.storage.state.StateTables;
import java.io.IOException;
import java.nio.file.Path;
import java.util.List;
import java.util.concurrent.Executor;
import java.util.concurrent.ScheduledExecutorService;
import java.util.concurrent.TimeUnit;
import java.util.function.IntFunction;
import java.util.function.LongSupplier;

/** Opens, closes and deletes the partition replicas of a node; holds what they share. */
public final class PartitionHost {
    /** Raft entries of all partitions under way at a time, on a small machine. */
    private static final int ENTRIES_MIN = 3;

    private final RaftHost raft;
    private final Path folder;
    private final StateTables tables;
    private final PayloadReaders payloadReaders;
    private final CheckpointSource source;
    private final GroupListener listener;
    private final Executor installer;
    private final IntFunction<String> addressOf;
    private final LongSupplier clockMs;
    private final PartitionSettings settings;
    private final ByteBudget nodeBudget;
    private final EntryPacing pacing;

    /**
     * @param folder of all partitions' logs
     * @param source where far-behind replicas copy from
     * @param installer runs the copying; blocks
     * @param addressOf API address of a node, for hints; empty if not known
     * @param timer for what may not wait for the others any longer; never blocked for long
     */
    public PartitionHost(
            RaftHost raft,
            Path folder,
            StateTables tables,
            PayloadReaders payloadReaders,
            CheckpointSource source,
            GroupListener listener,
            Executor installer,
            IntFunction<String> addressOf,
            LongSupplier clockMs,
            ScheduledExecutorService timer,
            PartitionSettings settings)
            throws IOException {
        this.raft = raft;
        this.folder = folder;
        this.tables = tables;
        this.payloadReaders = payloadReaders;
        this.source = source;
        this.listener = listener;
        this.installer = installer;
        this.addressOf = addressOf;
        this.clockMs = clockMs;
        this.settings = settings;
        this.nodeBudget = new ByteBudget(settings.nodeBytesInFlightMax());
        this.pacing = new EntryPacing(
                Math.max(ENTRIES_MIN, Runtime.getRuntime().availableProcessors() * 3 / 2),
                System::nanoTime,
                (task, delayNanos) -> timer.schedule(task, delayNanos, TimeUnit.NANOSECONDS));
        DurableDirectory.create(folder);
    }

    public ByteBudget nodeBudget() {
        return nodeBudget;
    }

    /** Opens a replica; see {@link RaftHost#open} for {@code peers}. */
    public PartitionReplica open(GroupId group, List<Peer> peers) throws IOException {
        PartitionPaths paths = paths(group);
        DurableDirectory.create(paths.root());
        PartitionMachine machine = new PartitionMachine(
                group,
                paths,
                new LogSettings(settings.segmentBytesMax()),
                payloadReaders,
                tables,
                source,
                listener,
                installer);
        RaftGroupHandle handle = raft.open(group, peers, machine);
        return new PartitionReplica(
                handle,
                machine,
                addressOf,
                clockMs,
                pacing,
                settings.entryBytesMax(),
                new ByteBudget(settings.partitionBytesInFlightMax()),
                nodeBudget);
    }

    /** Closes a replica and deletes everything it had. */
    public void delete(GroupId group) throws IOException {
        raft.close(group, true);
        CheckpointRows.delete(tables, group);
        PartitionPaths.deleteTree(paths(group).root());
    }

    private PartitionPaths paths(GroupId group) {
        return new PartitionPaths(folder.resolve(group.topicId() + "-" + group.partition()), raft.folder(group));
    }

    /**
     * @param segmentBytesMax size at which a segment is closed
     * @param entryBytesMax most batch bytes gathered into one Raft entry
     * @param partitionBytesInFlightMax batch bytes accepted and not yet answered, per partition
     * @param nodeBytesInFlightMax the same for all partitions of the node
     */
    public record PartitionSettings(
            long segmentBytesMax, int entryBytesMax, long partitionBytesInFlightMax, long nodeBytesInFlightMax) {}
}
