package io.holdfast.consensus.partition;

import io.holdfast.consensus.Timer;
import io.holdfast.consensus.queue.QueueResources;
import io.holdfast.consensus.raft.CheckpointSource;
import io.holdfast.consensus.raft.GroupId;
import io.holdfast.consensus.raft.GroupListener;
import io.holdfast.consensus.raft.Peer;
import io.holdfast.consensus.raft.RaftGroupHandle;
import io.holdfast.consensus.raft.RaftGroupHandle.LogEnd;
import io.holdfast.consensus.raft.RaftGroupHandle.Rest;
import io.holdfast.consensus.raft.RaftHost;
import io.holdfast.consensus.schedule.ScheduleResources;
import io.holdfast.consensus.stream.StreamResources;
import io.holdfast.internal.v1.PartitionCheckpoint;
import io.holdfast.storage.log.DurableDirectory;
import io.holdfast.storage.log.LogIdentity;
import io.holdfast.storage.log.LogSettings;
import io.holdfast.storage.state.StateTables;
import java.io.IOException;
import java.io.InterruptedIOException;
import java.nio.file.Path;
import java.util.List;
import java.util.concurrent.ExecutionException;
import java.util.concurrent.Executor;
import java.util.concurrent.ScheduledExecutorService;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.TimeoutException;
import java.util.function.BooleanSupplier;
import java.util.function.IntFunction;
import java.util.function.LongSupplier;

/** Opens, closes and deletes the partition replicas of a node; holds what they share. */
public final class PartitionHost {
    private static final long CHECKPOINT_SECONDS = 10;

    private final RaftHost raft;
    private final Path folder;
    private final StateTables tables;
    private final PayloadReaders payloadReaders;
    private final CheckpointSource source;
    private final GroupListener listener;
    private final Executor installer;
    private final IntFunction<String> addressOf;
    private final LongSupplier clockMs;
    private final QueueResources queueResources;
    private final StreamResources streamResources;
    private final ScheduleResources scheduleResources;
    private final PartitionSettings settings;
    private final LogSettings logSettings;
    private final ByteBudget nodeBudget;
    private final DamagedLogs damagedLogs;
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
            QueueResources queueResources,
            StreamResources streamResources,
            ScheduleResources scheduleResources,
            PartitionSettings settings)
            throws IOException {
        this.queueResources = queueResources;
        this.streamResources = streamResources;
        this.scheduleResources = scheduleResources;
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
        this.logSettings = new LogSettings(settings.segmentBytesMax());
        this.nodeBudget = new ByteBudget(settings.nodeBytesInFlightMax());
        this.pacing = EntryPacing.ofThisMachine(Timer.of(timer));
        DurableDirectory.create(folder);
        this.damagedLogs = new DamagedLogs(folder.resolveSibling("damaged"), clockMs);
    }

    public ByteBudget nodeBudget() {
        return nodeBudget;
    }

    /** A replica that is at rest, with what its last checkpoint says. */
    public PartitionReplica atRest(GroupId group, Rest rest, PartitionReplica.Waker waker) throws IOException {
        return new PartitionReplica(
                raft.atRest(group, rest),
                restingLog(group),
                addressOf,
                clockMs,
                waker,
                pacing,
                settings.keepsPayloads(),
                settings.entryBytesMax(),
                new ByteBudget(settings.partitionBytesInFlightMax()),
                nodeBudget,
                queueResources,
                streamResources,
                scheduleResources,
                reason -> listener.onDamage(group, reason));
    }

    private RestingLog restingLog(GroupId group) throws IOException {
        return new RestingLog(
                paths(group),
                new LogIdentity(group.topicId(), group.partition()),
                logSettings,
                new CheckpointRows(tables, group));
    }

    /** Opens a replica that is at rest; see {@link RaftHost#open} for {@code peers}. One thread at a time per replica. */
    public void open(PartitionReplica replica, List<Peer> peers) throws IOException {
        GroupId group = replica.group().group();
        replica.opening();
        try {
            PartitionPaths paths = paths(group);
            DurableDirectory.create(paths.root());
            PartitionMachine machine = new PartitionMachine(
                    group,
                    paths,
                    logSettings,
                    replica.waterMark(),
                    payloadReaders,
                    tables,
                    source,
                    listener,
                    installer);
            raft.open(replica.group(), peers, machine);
            replica.opened(machine);
        } catch (IOException | RuntimeException e) {
            replica.closed(restingLog(group));
            replica.failed(e.getMessage() == null ? e.toString() : e.getMessage());
            throw e;
        }
    }

    /**
     * Closes a replica of which everything is applied, and checkpoints it first. One thread at a time per replica.
     *
     * @return what is known of it now
     */
    public Rest rest(PartitionReplica replica) throws IOException {
        RaftGroupHandle handle = replica.group();
        if (handle.logEnd().equals(LogEnd.NONE)) {
            return close(replica); // nothing has come yet
        }
        try {
            handle.checkpoint().get(CHECKPOINT_SECONDS, TimeUnit.SECONDS);
        } catch (InterruptedException e) {
            Thread.currentThread().interrupt();
            throw new InterruptedIOException("interrupted while a checkpoint was taken");
        } catch (ExecutionException | TimeoutException e) {
            throw new IOException("no checkpoint of " + handle.group() + ": " + e.getMessage(), e);
        }
        PartitionCheckpoint checkpoint = new CheckpointRows(tables, handle.group()).checkpoint();
        if (checkpoint == null
                || checkpoint.getAppliedIndex() != handle.logEnd().index()) {
            throw new IOException("the checkpoint of " + handle.group() + " does not hold all there is");
        }
        return close(replica);
    }

    /** Closes an open replica as it is, as if the node had stopped. One thread at a time per replica. */
    public Rest close(PartitionReplica replica) throws IOException {
        RaftGroupHandle handle = replica.group();
        Rest facts = new Rest(handle.term(), handle.logEnd(), List.copyOf(handle.members()));
        RestingLog meanwhile = restingLog(handle.group());
        meanwhile.freeze();
        replica.closing(meanwhile);
        raft.rest(handle, facts);
        replica.closed(restingLog(handle.group()));
        return facts;
    }

    /**
     * Closes a replica and deletes everything it had.
     *
     * @param keepFiles sets its log aside, in the folder {@code damaged} beside the partitions, for somebody to look at;
     *     the latest few are kept
     */
    public void delete(PartitionReplica replica, boolean keepFiles) throws IOException {
        GroupId group = replica.group().group();
        if (replica.isOpen()) {
            raft.close(group, true);
        }
        replica.gone();
        PartitionPaths.deleteTree(raft.folder(group));
        CheckpointRows.delete(tables, group);
        if (keepFiles) {
            damagedLogs.take(paths(group).root());
        }
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
     * @param keepsPayloads whether all nodes understand entries with small payloads in the Raft log
     */
    public record PartitionSettings(
            long segmentBytesMax,
            int entryBytesMax,
            long partitionBytesInFlightMax,
            long nodeBytesInFlightMax,
            BooleanSupplier keepsPayloads) {}
}
