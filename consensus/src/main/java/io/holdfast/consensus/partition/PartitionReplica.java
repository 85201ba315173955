package io.holdfast.consensus.partition;

import io.holdfast.consensus.Refusal;
import io.holdfast.consensus.queue.QueueResources;
import io.holdfast.consensus.raft.RaftBytes;
import io.holdfast.consensus.raft.RaftFailures;
import io.holdfast.consensus.raft.RaftGroupHandle;
import io.holdfast.consensus.raft.RaftGroupHandle.LogEnd;
import io.holdfast.consensus.raft.RaftGroupHandle.Rest;
import io.holdfast.consensus.schedule.ScheduleResources;
import io.holdfast.consensus.stream.StreamResources;
import io.holdfast.internal.v1.EvictProducersCommand;
import io.holdfast.internal.v1.FetchCheckpointResponse;
import io.holdfast.internal.v1.PartitionCommand;
import io.holdfast.internal.v1.PartitionReply;
import io.holdfast.internal.v1.ProducerRow;
import io.holdfast.internal.v1.QueueCommand;
import io.holdfast.internal.v1.SplitCommand;
import io.holdfast.internal.v1.TrimCommand;
import io.holdfast.v1.ErrorReason;
import java.io.IOException;
import java.nio.ByteBuffer;
import java.time.Duration;
import java.util.List;
import java.util.concurrent.CompletableFuture;
import java.util.function.BooleanSupplier;
import java.util.function.Consumer;
import java.util.function.IntFunction;
import java.util.function.LongSupplier;
import java.util.function.Supplier;
import java.util.function.UnaryOperator;
import org.apache.ratis.thirdparty.com.google.protobuf.ByteString;
import org.jspecify.annotations.Nullable;

/**
 * A partition on this node: appends if it leads, reads in any case. Any thread; nothing here blocks, except
 * {@link #sendCheckpoint} and reads, which wait for the local disk only. Every failure is a {@link Refusal}.
 *
 * <p>A replica is open, or at rest: then its Raft group is closed on all nodes and costs nothing. Whoever needs it open
 * asks through the {@link Waker}; appends wait for it in the queue.
 */
public final class PartitionReplica {
    private static final Duration FULL_RETRY_AFTER = Duration.ofSeconds(1);

    private final RaftGroupHandle group;
    private final IntFunction<String> addressOf;
    private final LongSupplier clockMs;
    private final Waker waker;
    private final HighWatermark highWatermark = new HighWatermark();
    private final ReplicaLog log;
    private final AppendQueue appends;
    private final ReadBarriers barriers;
    private final ReplicaQueues queues;
    private final ReplicaStreamGroups streamGroups;
    private final ReplicaSchedule schedule;
    private final ReplicaMessageIds messageIds = new ReplicaMessageIds(this);
    private final ReplicaCompaction compaction = new ReplicaCompaction(this);
    /** Guards what changes when the replica closes, so that late news of a leader cannot outlive it. */
    private final Object phase = new Object();
    /** Null at rest. */
    private volatile @Nullable PartitionMachine machine;
    /** Null while open. */
    private volatile @Nullable RestingLog restingLog;

    private volatile @Nullable String openFailure;
    /** Closed, and nobody is opening it: what {@link #isAtRest} says to peers. */
    private volatile boolean atRest = true;
    /** Since the replica was opened a leader has been known. */
    private volatile boolean settled;

    private volatile boolean full;
    private final ByteRate rate = new ByteRate();
    private volatile long usedNanos = System.nanoTime();

    /** Sees to replicas that are at rest. */
    public interface Waker {
        /** Opens the group on its nodes; completes, on any thread, when a leader is known. */
        CompletableFuture<Void> wake(PartitionReplica replica);

        /** Completes if a majority of the members confirms that the group is at rest where this replica is. */
        CompletableFuture<Boolean> confirmRest(PartitionReplica replica);
    }

    PartitionReplica(
            RaftGroupHandle group,
            RestingLog restingLog,
            IntFunction<String> addressOf,
            LongSupplier clockMs,
            Waker waker,
            EntryPacing pacing,
            BooleanSupplier keepsPayloads,
            int entryBytesMax,
            ByteBudget partitionBudget,
            ByteBudget nodeBudget,
            QueueResources queueResources,
            StreamResources streamResources,
            ScheduleResources scheduleResources,
            Consumer<String> onDamage) {
        this.log = new ReplicaLog(this, onDamage);
        this.group = group;
        this.restingLog = restingLog;
        this.addressOf = addressOf;
        this.clockMs = clockMs;
        this.waker = waker;
        this.queues = new ReplicaQueues(this, queueResources);
        this.appends = new AppendQueue(
                this::propose,
                queues,
                pacing,
                entryBytesMax,
                partitionBudget,
                nodeBudget,
                new AppendEncoder(clockMs, System::nanoTime, keepsPayloads));
        this.barriers = new ReadBarriers(group, addressOf);
        this.streamGroups = new ReplicaStreamGroups(this, streamResources);
        this.schedule = new ReplicaSchedule(this, scheduleResources);
        highWatermark.set(restingLog.nextOffset());
    }

    public RaftGroupHandle group() {
        return group;
    }

    public boolean isOpen() {
        return machine != null;
    }

    /** Whether the replica takes no part in its group now. */
    public boolean isAtRest() {
        return atRest;
    }

    /** Whether there is a moment during this call at which the replica is at rest with a log that ends there. */
    public boolean restsAt(LogEnd end) {
        Rest facts = group.rest();
        // Facts are new each time it goes to rest: if they are the same after as before, there was no time in between.
        return facts.end().equals(end) && atRest && group.rest() == facts && openFailure == null;
    }

    /** Whether a leader has been known since the replica was opened. */
    public boolean isSettled() {
        return settled;
    }

    public @Nullable String damage() {
        PartitionMachine open = machine;
        if (open == null) {
            return openFailure;
        }
        return open.damage() != null ? open.damage() : group.isAlive() ? null : "the replica has stopped";
    }

    /** Whether Ratis has closed the open replica, which it does with one that is no member of its group any more. */
    public boolean hasStopped() {
        PartitionMachine open = machine;
        return open != null && open.damage() == null && !group.isAlive();
    }

    // ---- open and at rest; by the host, one thread at a time

    HighWatermark waterMark() {
        return highWatermark;
    }

    /** Before Raft opens: from then on it may vote and take entries. */
    void opening() {
        use();
        openFailure = null;
        atRest = false;
        RestingLog before = restingLog;
        if (before != null) {
            before.freeze();
        }
    }

    void opened(PartitionMachine open) throws IOException {
        machine = open;
        RestingLog before = restingLog;
        restingLog = null;
        if (before != null) {
            before.close();
        }
        // News that came before there was a machine went unheard.
        if (group.isReadyLeader()) {
            leads();
        } else if (group.leaderNode() != 0 && !group.isLeader()) {
            follows();
        }
    }

    /** The replica cannot be opened. */
    void failed(String reason) {
        openFailure = reason;
        refuseWaiting();
    }

    /** Before Raft closes: appends wait, and reads are to be tried again, but for what this frozen log knows. */
    void closing(RestingLog frozen) {
        PartitionMachine before = machine;
        if (before != null) {
            log.closing(before.log());
        }
        synchronized (phase) {
            appends.hold();
            settled = false;
            restingLog = frozen;
            machine = null;
        }
        queues.lane().follows(notLeader());
        streamGroups.coordinator().follows(notLeader());
    }

    /** Raft is closed: reads go to the closed log from here on. */
    void closed(RestingLog closed) {
        restingLog = closed;
        atRest = true;
    }

    /** The replica is no more: whoever waits here for records or a leader learns that they must look elsewhere. */
    void gone() {
        openFailure = "the partition has no replica here any more";
        refuseWaiting();
        highWatermark.wakeAll();
    }

    /** From now on appends wait; false, and nothing has changed, if some are under way. */
    public boolean pause() {
        appends.hold();
        if (!appends.isIdle()) {
            resume();
            return false;
        }
        return true;
    }

    /** The opposite of {@link #pause}; nothing if the replica has closed meanwhile. */
    public void resume() {
        use();
        release();
    }

    private void release() {
        synchronized (phase) {
            if (machine == null) {
                return;
            }
            appends.release();
        }
        appends.proposeWaiting();
    }

    /** Whether appends wait here. */
    public boolean hasWaiting() {
        return !appends.isIdle();
    }

    /** This node leads and takes writes. */
    public void leads() {
        if (settle()) {
            try {
                queues.lane().leads();
                streamGroups.coordinator().leads();
            } catch (Refusal closedMeanwhile) {
                return;
            }
            release();
        }
    }

    /** Another node leads. */
    public void follows() {
        if (settle()) {
            refuseWaiting();
            queues.lane().follows(notLeader());
            streamGroups.coordinator().follows(notLeader());
        }
    }

    /** False if the replica is closed: then the news is old. */
    private boolean settle() {
        synchronized (phase) {
            settled = machine != null;
            return settled;
        }
    }

    /** Appends that wait are given back. */
    public void refuseWaiting() {
        appends.refuseWaiting(notLeader());
    }

    Refusal notLeader() {
        return RaftFailures.notLeader(group, addressOf, false);
    }

    /**
     * How long nobody has appended, read at the leader or asked for freshness; none while a lease is out, a member here, a
     * record due soon, or bytes of records that have gone are still on disk.
     */
    public long idleNanos() {
        boolean active = queues.lane().isActive()
                || streamGroups.coordinator().isActive()
                || schedule.isActive()
                || compaction.hasRemoved();
        return active ? 0 : System.nanoTime() - usedNanos;
    }

    /** Closes files that were opened to read at rest, if unused for so long. */
    public void closeIfUnused(long idleNanos) throws IOException {
        RestingLog atRest = restingLog;
        if (atRest != null) {
            atRest.closeIfUnused(idleNanos);
        }
    }

    // ---- appends

    /**
     * Appends a batch; completes when a majority has it on disk and this replica has applied it. At rest, it wakes the
     * group first; this replica should be the one that will lead.
     */
    public CompletableFuture<AppendResult> append(BatchAppend batch) {
        use();
        if (full) {
            return CompletableFuture.failedFuture(Refusal.later(
                    ErrorReason.ERROR_REASON_TOPIC_FULL,
                    "consume records, or let the topic keep more: the partition has as many bytes as it may",
                    FULL_RETRY_AFTER));
        }
        Duration wait = rate.take(batch.bytes().remaining(), System.nanoTime());
        if (wait != null) {
            return CompletableFuture.failedFuture(Refusal.later(
                    ErrorReason.ERROR_REASON_QUOTA_EXCEEDED,
                    "send more slowly: the partition has taken as many bytes as it may for now",
                    wait));
        }
        if (group.isLeader()) {
            return appends.offer(batch);
        }
        if (settled) {
            return CompletableFuture.failedFuture(notLeader());
        }
        CompletableFuture<AppendResult> result = appends.offer(batch);
        waker.wake(this).whenComplete((ok, failure) -> {
            if (failure instanceof Refusal refusal) {
                appends.refuseWaiting(refusal);
            } else if (failure != null || !group.isLeader()) {
                refuseWaiting();
            }
        });
        return result;
    }

    /**
     * Puts batches back that this partition, or another, once had: from this offset on, where the log must end, or begins
     * if it never had a record. In one entry, so all or none of them.
     *
     * @param skipFrom if not null a log that ends there goes on at the first offset
     * @param appendMs when they were appended then
     * @return where the log ends after them
     */
    public CompletableFuture<Long> restore(
            @Nullable Long skipFrom, long firstOffset, long appendMs, List<ByteBuffer> batches) {
        use();
        PartitionMessage message = RestoredBatches.message(skipFrom, firstOffset, appendMs, batches);
        return awake().thenCompose(ok -> propose(message)).thenApply(RestoredBatches::end);
    }

    /** Opens the replica if it is at rest; completes when a leader is known. */
    public CompletableFuture<Void> awake() {
        use();
        return isOpen() && settled ? CompletableFuture.completedFuture(null) : waker.wake(this);
    }

    /** Whether new records are refused, since the topic may keep no more. */
    public void setFull(boolean isFull) {
        full = isFull;
    }

    /** @param bytes of new records that are taken a second; 0 for no bound */
    public void setByteRate(long bytes) {
        rate.set(bytes);
    }

    /** Makes the log start at this offset; completes with where it starts now. */
    public CompletableFuture<Long> trim(long beforeOffset) {
        if (beforeOffset > highWatermark.value()) {
            return CompletableFuture.failedFuture(log.outOfRange(beforeOffset));
        }
        PartitionCommand trim = command()
                .setTrim(TrimCommand.newBuilder().setBeforeOffset(beforeOffset))
                .build();
        return awake().thenCompose(ok -> propose(trim)).thenApply(PartitionReply::getLogStartOffset);
    }

    /**
     * From here on refuses what was placed by key as of an older version.
     *
     * @return where the log ended when that began
     */
    public CompletableFuture<Long> split(long version) {
        PartitionCommand split = command()
                .setSplit(SplitCommand.newBuilder().setVersion(version))
                .build();
        return awake().thenCompose(ok -> propose(split)).thenApply(PartitionReply::getSplitOffset);
    }

    /**
     * Writes an entry that changes nothing. On an idle group Ratis may not notice that a new member has caught up
     * until there is another entry to send.
     */
    public void nudge() {
        propose(command().setTrim(TrimCommand.newBuilder().setBeforeOffset(0)).build());
    }

    /** Forgets producers that have been idle too long, or are too many. A no-op on followers. */
    public void evictProducers(long idleMs, long namedIdleMs, int cap) {
        if (!isOpen() || !group.isReadyLeader()) {
            return;
        }
        List<Long> evictable = ask(
                open -> open.ask(state -> state.producers().evictable(clockMs.getAsLong(), idleMs, namedIdleMs, cap)),
                atRest -> List.of());
        if (!evictable.isEmpty()) {
            propose(command()
                    .setEvictProducers(EvictProducersCommand.newBuilder().addAllProducerIds(evictable))
                    .build());
        }
    }

    // ---- what it has

    /** Reads of its log. */
    public ReplicaLog log() {
        return log;
    }

    public ReplicaQueues queues() {
        return queues;
    }

    public ReplicaStreamGroups streamGroups() {
        return streamGroups;
    }

    public ReplicaSchedule schedule() {
        return schedule;
    }

    public ReplicaMessageIds messageIds() {
        return messageIds;
    }

    public ReplicaCompaction compaction() {
        return compaction;
    }

    /** Null at rest. */
    @Nullable
    PartitionMachine machine() {
        return machine;
    }

    /** Null while open. */
    @Nullable
    RestingLog restingLog() {
        return restingLog;
    }

    /** Somebody needs it open. */
    void use() {
        usedNanos = System.nanoTime();
    }

    interface Question<O, T> {
        T of(O asked) throws IOException;
    }

    /** Asks the state machine; at rest, what was stored. */
    <T> T ask(Question<PartitionMachine, T> whenOpen, Question<RestingLog, T> whenAtRest) {
        PartitionMachine open = machine;
        RestingLog atRest = restingLog;
        if (open == null && atRest == null) { // it was opened between the two
            open = machine;
        }
        try {
            if (open != null) {
                return whenOpen.of(open);
            }
            if (atRest != null) {
                return whenAtRest.of(atRest);
            }
            throw new IOException("it is being opened");
        } catch (IOException e) {
            throw log.damaged(e);
        }
    }

    /** Writes a command, of which this call makes the replica used. */
    CompletableFuture<PartitionReply> propose(UnaryOperator<PartitionCommand.Builder> command) {
        use();
        return propose(command.apply(command()).build());
    }

    /** As {@link #propose}, and appends that wait go along. */
    CompletableFuture<PartitionReply> proposeWithAppends(QueueCommand command) {
        use();
        return appends.proposeWith(command);
    }

    /** As many of the appends that wait as may be. */
    void proposeAppends() {
        appends.proposeWaiting();
    }

    /** Bytes of batches that wait for their entry, or are under way in one. */
    long bytesBeingAppended() {
        return appends.bytes();
    }

    /** Whether small entries with appends are frequent. */
    boolean isAppendingOften() {
        return appends.isOften();
    }

    private PartitionCommand.Builder command() {
        return PartitionCommand.newBuilder().setNowMs(clockMs.getAsLong());
    }

    private CompletableFuture<PartitionReply> propose(PartitionCommand command) {
        return propose(new PartitionMessage(RaftBytes.of(command), ByteString.EMPTY));
    }

    private CompletableFuture<PartitionReply> propose(PartitionMessage message) {
        CompletableFuture<PartitionReply> result = new CompletableFuture<>();
        group.propose(message).whenComplete((reply, failure) -> {
            Refusal refusal = RaftFailures.refusal(group, addressOf, reply, failure, message.isAppended());
            if (refusal != null) {
                result.completeExceptionally(refusal);
            } else {
                result.complete(
                        BatchReplies.parse(RaftBytes.buffer(reply.getMessage().getContent())));
            }
        });
        return result;
    }

    // ---- what can be read, and how fresh it is

    public long highWatermark() {
        return highWatermark.value();
    }

    /**
     * Runs {@code wake} once the record at this offset can be read: now, or later on the apply thread, so it must only
     * hand over.
     *
     * @return run it to wait no longer; harmless afterwards
     */
    public Runnable whenReadable(long offset, Runnable wake) {
        return highWatermark.whenPassed(offset, wake);
    }

    /** Reads that wait for records here. */
    public int waiters() {
        return highWatermark.waiters();
    }

    /** After this, a read here sees every write that was acknowledged, anywhere, before the call. */
    public CompletableFuture<Void> barrier() {
        return fresh(barriers::fresh);
    }

    /** After this, a read here is at most this far behind what was acknowledged. */
    public CompletableFuture<Void> barrier(long stalenessNanosMax) {
        return fresh(() -> barriers.within(stalenessNanosMax));
    }

    private CompletableFuture<Void> fresh(Supplier<CompletableFuture<Void>> whenOpen) {
        if (atRest && group.isMember()) {
            return waker.confirmRest(this)
                    .thenCompose(confirmed -> confirmed
                            ? CompletableFuture.completedFuture(null)
                            : awake().thenCompose(ok -> whenOpen.get()));
        }
        return awake().thenCompose(ok -> whenOpen.get());
    }

    /** What this replica knows of a producer; completes with null if nothing. */
    public CompletableFuture<@Nullable ProducerRow> producer(long producerId) {
        return awake().thenCompose(ok -> barriers.fresh()).thenApply(ok -> {
            PartitionMachine open = machine;
            if (open == null) {
                throw log.damaged(new IOException("the replica went to rest"));
            }
            return open.producer(producerId);
        });
    }

    /** Streams the last checkpoint to a replica that is far behind; blocks until it is sent. */
    public void sendCheckpoint(long minIndex, Consumer<FetchCheckpointResponse> part) throws IOException {
        PartitionMachine open = machine;
        if (open == null) {
            throw new IOException(group.group() + " is at rest here");
        }
        open.sendCheckpoint(minIndex, part);
    }
}
