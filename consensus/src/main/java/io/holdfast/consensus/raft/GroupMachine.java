package io.holdfast.consensus.raft;

import io.holdfast.consensus.Causes;
import io.holdfast.storage.log.DamagedLogException;
import io.holdfast.storage.log.PayloadGoneException;
import java.io.IOException;
import java.nio.channels.ClosedChannelException;
import java.nio.file.Path;
import java.util.List;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.CompletionException;
import java.util.concurrent.Executor;
import org.apache.ratis.proto.RaftProtos.InstallSnapshotResult;
import org.apache.ratis.proto.RaftProtos.LogEntryProto;
import org.apache.ratis.proto.RaftProtos.RoleInfoProto;
import org.apache.ratis.protocol.Message;
import org.apache.ratis.protocol.RaftGroupId;
import org.apache.ratis.protocol.RaftGroupMemberId;
import org.apache.ratis.protocol.RaftPeer;
import org.apache.ratis.protocol.RaftPeerId;
import org.apache.ratis.server.RaftServer;
import org.apache.ratis.server.protocol.TermIndex;
import org.apache.ratis.server.raftlog.RaftLog;
import org.apache.ratis.server.storage.RaftStorage;
import org.apache.ratis.statemachine.SnapshotInfo;
import org.apache.ratis.statemachine.SnapshotRetentionPolicy;
import org.apache.ratis.statemachine.StateMachineStorage;
import org.apache.ratis.statemachine.TransactionContext;
import org.apache.ratis.statemachine.impl.BaseStateMachine;
import org.apache.ratis.statemachine.impl.FileListSnapshotInfo;
import org.apache.ratis.util.LifeCycle;
import org.jspecify.annotations.Nullable;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * What our state machines have in common: where they stand, checkpoints as snapshots, catching up by copying a peer's
 * checkpoint.
 *
 * <p>Apply, checkpoint and install exclude each other under {@link #stateLock}. The applied index moves after the
 * effect is in place, never before. After an install, entries that the copied state already holds are skipped.
 */
public abstract class GroupMachine extends BaseStateMachine {
    private static final Logger LOG = LoggerFactory.getLogger(GroupMachine.class);

    private final GroupId groupId;
    private final GroupListener listener;
    private final Executor installer;
    private final Object stateLock = new Object();
    private final Object fetchLock = new Object();
    private volatile @Nullable TermIndex checkpointed;
    /** Between the copying of a checkpoint and the moment that Ratis has taken notice. */
    private volatile boolean installed;

    /** Set while a copy is under way, and until a leader has asked how it went. */
    private volatile @Nullable TermIndex toldToInstall;

    private volatile boolean closed;
    private volatile @Nullable String damage;

    protected GroupMachine(GroupId groupId, GroupListener listener, Executor installer) {
        this.groupId = groupId;
        this.listener = listener;
        this.installer = installer;
    }

    public GroupId groupId() {
        return groupId;
    }

    /** Why this replica withdrew, or null. */
    public @Nullable String damage() {
        return damage;
    }

    // ---- for the concrete machine

    /** Loads the state of the last checkpoint; null if there is none. */
    protected abstract @Nullable TermIndex load() throws IOException;

    /** Applies one command; the result goes to the caller that proposed it. */
    protected abstract Message apply(FrameOfEntry frame, LogEntryProto entry) throws IOException;

    /** Makes the present state durable as of this index. */
    protected abstract void store(TermIndex appliedUpTo) throws IOException;

    /** False while a checkpoint would pull the Raft log away under a peer that is catching up. */
    protected boolean mayCheckpoint() {
        return true;
    }

    /**
     * Copies a checkpoint of the leader, of at least this Raft index, to disk; runs beside everything else.
     *
     * @return what {@link #adopt} needs
     */
    protected abstract Object fetch(int leaderNode, long minIndex) throws IOException;

    /** The last entry that a fetched checkpoint holds. */
    protected abstract TermIndex endOf(Object fetched);

    /** Replaces the state, on disk and in memory, by the copy. Under the state lock. */
    protected abstract TermIndex adopt(Object fetched) throws IOException;

    /** Frees what {@link #load} and {@link #adopt} opened. */
    protected abstract void release() throws IOException;

    /** Index and term of the entry that is applied. */
    public record FrameOfEntry(long index, long term) {}

    protected final Object stateLock() {
        return stateLock;
    }

    /** A step of {@link #fetch}. */
    protected interface FetchStep {
        void run() throws IOException;
    }

    /**
     * Runs a step of {@link #fetch} that touches what another machine of this group would find here; not under the state
     * lock. When {@link #close} has returned, none is running and none will.
     *
     * @throws IOException if this machine is closed
     */
    protected final void whileOpen(FetchStep step) throws IOException {
        synchronized (fetchLock) {
            checkOpen();
            step.run();
        }
    }

    private void checkOpen() throws IOException {
        if (closed) {
            throw new IOException(groupId + " was closed here while it was copied");
        }
    }

    protected final void withdraw(Throwable cause) {
        String reason = cause.getMessage() == null ? cause.toString() : cause.getMessage();
        if (damage == null) {
            damage = reason;
            LOG.error("{} withdraws: {}", groupId, reason, cause);
            listener.onDamage(groupId, reason);
        }
    }

    // ---- Ratis' side

    @Override
    public void initialize(RaftServer raftServer, RaftGroupId raftGroupId, RaftStorage storage) throws IOException {
        super.initialize(raftServer, raftGroupId, storage);
        getLifeCycle()
                .startAndTransition(
                        () -> {
                            synchronized (stateLock) {
                                TermIndex loaded = load();
                                checkpointed = loaded;
                                if (loaded != null) {
                                    setLastAppliedTermIndex(loaded);
                                }
                                prepareLog(storage.getStorageDir().getRoot().toPath(), loaded);
                            }
                        },
                        IOException.class);
    }

    /** Ratis opens its log only after this machine. */
    private void prepareLog(Path group, @Nullable TermIndex loaded) throws IOException {
        if (RaftLogFiles.prepare(group, loaded == null ? -1 : loaded.getIndex())) {
            LOG.warn("{}: its Raft log ended before its checkpoint at {}, and begins anew there", groupId, loaded);
        }
    }

    @Override
    public CompletableFuture<Message> applyTransaction(TransactionContext trx) {
        LogEntryProto entry = trx.getLogEntry();
        if (entry == null) {
            throw new IllegalStateException("a committed transaction without its entry");
        }
        synchronized (stateLock) {
            if (entry.getIndex() <= getLastAppliedTermIndex().getIndex()) {
                return CompletableFuture.completedFuture(Message.EMPTY);
            }
            try {
                Message reply = apply(new FrameOfEntry(entry.getIndex(), entry.getTerm()), entry);
                updateLastAppliedTermIndex(entry.getTerm(), entry.getIndex());
                applied();
                return CompletableFuture.completedFuture(reply);
            } catch (IOException | RuntimeException e) {
                withdraw(e);
                throw new IllegalStateException(groupId + " cannot apply entry " + entry.getIndex(), e);
            }
        }
    }

    /** Called after each applied entry, effect and index in place. */
    protected void applied() {}

    @Override
    public void notifyTermIndexUpdated(long term, long index) {
        synchronized (stateLock) {
            if (index > getLastAppliedTermIndex().getIndex()) {
                super.notifyTermIndexUpdated(term, index);
                applied();
            }
        }
    }

    @Override
    public long takeSnapshot() throws IOException {
        synchronized (stateLock) {
            TermIndex now = getLastAppliedTermIndex();
            if (installed || damage != null || now.getIndex() < 0 || !mayCheckpoint()) {
                return RaftLog.INVALID_LOG_INDEX;
            }
            checkpoint(now);
            return now.getIndex();
        }
    }

    /** Makes sure that there is a checkpoint of at least this index, for a peer that asks. Under the state lock. */
    protected final void ensureCheckpoint(long minIndex) throws IOException {
        TermIndex last = checkpointed;
        TermIndex now = getLastAppliedTermIndex();
        if (now.getIndex() < Math.max(0, minIndex) || damage != null) {
            throw new IOException(
                    groupId + " has applied up to " + now.getIndex() + " here, " + minIndex + " was asked for");
        }
        if (last == null || last.getIndex() < minIndex) {
            checkpoint(now);
        }
    }

    private void checkpoint(TermIndex now) throws IOException {
        if (!now.equals(checkpointed)) {
            checkpointAnew(now);
        }
    }

    private void checkpointAnew(TermIndex now) throws IOException {
        try {
            store(now);
        } catch (IOException e) {
            withdraw(e);
            throw e;
        }
        checkpointed = now;
    }

    /** Stores what has changed though no entry was applied. Under the state lock. */
    protected final void checkpointAnew() throws IOException {
        checkpointAnew(getLastAppliedTermIndex());
    }

    /** Whether anything was ever stored beside the Raft log: then it cannot be new, even if the Raft log is empty. */
    public boolean hasPayloads() {
        return false;
    }

    /** The payloads of entries before this index may be gone here: a follower that wants them needs a checkpoint. */
    public long payloadsFrom() {
        return 0;
    }

    @Override
    public @Nullable SnapshotInfo getLatestSnapshot() {
        TermIndex last = checkpointed;
        return last == null ? null : new FileListSnapshotInfo(List.of(), last);
    }

    @Override
    public StateMachineStorage getStateMachineStorage() {
        return new StateMachineStorage() {
            @Override
            public void init(RaftStorage raftStorage) {}

            @Override
            public @Nullable SnapshotInfo getLatestSnapshot() {
                return GroupMachine.this.getLatestSnapshot();
            }

            @Override
            public void format() {}

            @Override
            public void cleanupOldSnapshots(SnapshotRetentionPolicy policy) {}
        };
    }

    @Override
    public CompletableFuture<TermIndex> notifyInstallSnapshotFromLeader(RoleInfoProto roleInfo, TermIndex firstInLog) {
        RaftPeerId leader = RaftPeerId.valueOf(
                roleInfo.getFollowerInfo().getLeaderInfo().getId().getId());
        toldToInstall = firstInLog;
        CompletableFuture<TermIndex> copied = CompletableFuture.supplyAsync(
                () -> {
                    try {
                        long minIndex = firstInLog.getIndex() - 1;
                        synchronized (stateLock) {
                            if (hasApplied(Math.max(0, minIndex)) || hasInLog(firstInLog)) {
                                return null;
                            }
                        }
                        Object fetched = fetch(Peer.nodeIdOf(leader), minIndex);
                        TermIndex end = endOf(fetched);
                        synchronized (stateLock) {
                            checkOpen();
                            if (hasApplied(end.getIndex()) || hasInLog(end)) {
                                return null;
                            }
                            TermIndex adopted = adopt(fetched);
                            setLastAppliedTermIndex(adopted);
                            checkpointed = adopted;
                            installed = true;
                            applied();
                            return adopted;
                        }
                    } catch (IOException e) {
                        LOG.warn(
                                "{} could not copy a checkpoint from node {}: {}",
                                groupId,
                                Peer.nodeIdOf(leader),
                                e.getMessage());
                        throw new CompletionException(e);
                    }
                },
                installer);
        return copied.whenComplete((ok, failure) -> {
            if (failure != null) {
                toldToInstall = null; // nobody will ask, but tell it again
            }
        });
    }

    @Override
    public void notifySnapshotInstalled(InstallSnapshotResult result, long snapshotIndex, RaftPeer peer) {
        toldToInstall = null;
    }

    /** What the log of the leader began with that told this replica to copy a checkpoint, until one has asked how that went. */
    public @Nullable TermIndex toldToInstall() {
        return toldToInstall;
    }

    /**
     * Whether it is too late for a checkpoint of this index: to go back would be to forget. Ratis has every member copy that
     * is added anew, also one that was one a moment ago; to Ratis it says that there was nothing to be had, and the leader
     * goes on with entries. Under the state lock.
     */
    private boolean hasApplied(long index) {
        boolean enough = getLastAppliedTermIndex().getIndex() >= index;
        if (enough) {
            LOG.info("{} has applied up to {}, and needs no copy of {}", groupId, getLastAppliedTermIndex(), index);
        }
        return enough;
    }

    /**
     * Whether the Raft log has an entry of the leader's: then all before it are the leader's too, by Raft's log matching
     * property, and those that are not applied yet will be. Ratis' log cannot be told of a checkpoint that ends before it
     * does.
     */
    private boolean hasInLog(TermIndex leaders) throws IOException {
        RaftServer server = getServer().getNow(null);
        if (server == null) {
            return false;
        }
        boolean there =
                leaders.equals(server.getDivision(groupId.raft()).getRaftLog().getTermIndex(leaders.getIndex()));
        if (there) {
            LOG.info("{} has entry {} in its Raft log, and needs no copy of it", groupId, leaders);
        }
        return there;
    }

    @Override
    public void pause() {
        if (getLifeCycleState() == LifeCycle.State.RUNNING) {
            getLifeCycle().transition(LifeCycle.State.PAUSING);
            getLifeCycle().transition(LifeCycle.State.PAUSED);
        }
    }

    @Override
    public void reinitialize() {
        synchronized (stateLock) {
            installed = false;
        }
        if (getLifeCycleState() == LifeCycle.State.PAUSED) {
            getLifeCycle().transition(LifeCycle.State.STARTING);
            getLifeCycle().transition(LifeCycle.State.RUNNING);
        }
    }

    @Override
    public CompletableFuture<Message> query(Message request) {
        return CompletableFuture.completedFuture(Message.EMPTY);
    }

    @Override
    public void notifyLeaderChanged(RaftGroupMemberId member, RaftPeerId newLeader) {
        listener.onLeader(groupId, Peer.nodeIdOf(newLeader));
    }

    @Override
    public void notifyLeaderReady() {
        listener.onLeading(groupId);
    }

    @Override
    public void notifyLogFailed(Throwable failure, LogEntryProto entry) {
        Throwable cause = Causes.of(failure);
        if (cause instanceof PayloadGoneException) {
            // Its segment was written anew while an appender was about to read it; the follower will get a checkpoint.
            LOG.info("{}: a follower lags behind compaction: {}", groupId, cause.getMessage());
            return;
        }
        if (closed && isOfClosedFile(cause)) {
            // Ratis closes its log, and what it still has to write there, only after this machine.
            LOG.info("{}: the last writes before it was closed did not come to their end", groupId);
            return;
        }
        if (cause instanceof DamagedLogException) {
            withdraw(cause);
        } else { // the Raft log or a segment could not be written or flushed
            diskFailed(cause);
        }
    }

    /** What is on disk is unknown from here on. */
    public final void diskFailed(Throwable cause) {
        withdraw(cause);
        listener.onDiskFailure(groupId, cause);
    }

    /** Also of a write that came after the first one that failed so. */
    private static boolean isOfClosedFile(Throwable cause) {
        return cause instanceof ClosedChannelException || cause.getCause() instanceof ClosedChannelException;
    }

    @Override
    public void close() throws IOException {
        synchronized (fetchLock) {
            closed = true;
        }
        synchronized (stateLock) {
            release();
        }
    }
}
