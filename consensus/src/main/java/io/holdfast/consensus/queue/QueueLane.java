package io.holdfast.consensus.queue;

import io.holdfast.consensus.EntryPipe;
import io.holdfast.consensus.Refusal;
import io.holdfast.internal.v1.LeasedRange;
import io.holdfast.internal.v1.OffsetRange;
import io.holdfast.internal.v1.QueueClose;
import io.holdfast.internal.v1.QueueCommand;
import io.holdfast.internal.v1.QueueDecide;
import io.holdfast.internal.v1.QueueExpire;
import io.holdfast.internal.v1.QueueOpen;
import io.holdfast.internal.v1.QueueOperation;
import io.holdfast.internal.v1.QueueRedrive;
import io.holdfast.internal.v1.QueueResult;
import io.holdfast.internal.v1.QueueSeek;
import io.holdfast.storage.log.LogSlice;
import io.holdfast.v1.ErrorReason;
import io.holdfast.v1.Outcome;
import io.holdfast.v1.ParkedDecision;
import io.holdfast.v1.RedriveState;
import io.holdfast.v1.Settlement;
import java.nio.ByteBuffer;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.Executor;
import java.util.concurrent.atomic.AtomicBoolean;
import java.util.function.BiConsumer;
import java.util.function.Function;
import org.jspecify.annotations.Nullable;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * The leader's side of a partition's queue groups: gathers what members ask for, decides who gets what, and writes it to
 * the Raft log. One entry is under way at a time, so that each decision knows the outcome of the one before. What arrives
 * meanwhile goes into the next entry together, so an entry's cost is shared by those who wait for it.
 *
 * <p>Any thread; work is done on the executor, since it may read from disk.
 */
public final class QueueLane {
    private static final Logger LOG = LoggerFactory.getLogger(QueueLane.class);
    private static final int EXPIRIES_MAX = 1000;
    private static final int WAITING_MAX = 100_000;
    /** While leases are out, the replicated clock is not further behind than this. */
    private static final long CLOCK_LAG_MS_MAX = 5_000;

    private final QueuePartition partition;
    private final QueuePolicies policies;
    private final RecordCache.View records;
    private final Executor executor;
    private final LeaderClock clock;
    private final Dispatcher dispatcher;
    private final ReadyWaiters waiters;
    private final SettleRates rates = new SettleRates();
    private final QueueViews views;
    private final EarlyLeases earlyLeases;
    private final DeadLetterSource deadLetters;
    private final EntryPipe<QueueRequest> requests;
    /** Records come again, or die, as time goes by: tick. */
    private volatile boolean active;

    private final AtomicBoolean expiring = new AtomicBoolean();

    public QueueLane(QueuePartition partition, QueueResources resources) {
        this.partition = partition;
        policies = resources.policies();
        executor = resources.executor();
        records = new RecordCache.View(resources.cache(), this::readIfThere);
        requests = new EntryPipe<>(
                WAITING_MAX,
                "slow down: too many polls and settlements of this partition wait already",
                executor,
                this::write,
                partition::proceed,
                new EntryPipe.Company(partition::isAppendingOften, resources.timer()));
        clock = new LeaderClock(partition);
        dispatcher = new Dispatcher(partition, policies, records, clock);
        waiters = new ReadyWaiters(partition, executor, dispatcher::canAcquire);
        earlyLeases = new EarlyLeases(partition, dispatcher, records, waiters, this::release);
        views = new QueueViews(partition, dispatcher, records, clock, waiters, rates);
        deadLetters = new DeadLetterSource(partition, this, records, executor);
    }

    private LogSlice readIfThere(long offset, long untilOffset, int bytesMax) {
        try {
            return partition.read(offset, untilOffset, bytesMax);
        } catch (Refusal e) {
            if (e.reason() == ErrorReason.ERROR_REASON_OFFSET_OUT_OF_RANGE) { // trimmed meanwhile
                return new LogSlice(List.of(), ByteBuffer.allocate(0), offset);
            }
            throw e;
        }
    }

    // ---- what members ask for

    /**
     * Leases records to a member; completes with none if there are none for it.
     *
     * @param early whether records that are being appended are worth waiting for, which takes as long as an entry does
     */
    public CompletableFuture<List<LeasedRecord>> acquire(
            long groupId, String member, AcquireTerms terms, boolean early) {
        QueueRequest.Acquire acquire =
                new QueueRequest.Acquire(groupId, member, terms, early, new CompletableFuture<>());
        dispatcher.seen(groupId, member);
        requests.offer(acquire);
        return acquire.result();
    }

    /**
     * Writes an operation.
     *
     * @param operation made when all before it have been applied, from the state as it is then; null for nothing to do
     */
    CompletableFuture<QueueResult> change(Function<QueueTable, @Nullable QueueOperation> operation) {
        return change(operation, false);
    }

    /** @param isPatient whether it may wait a moment for appends to go along with, where those are frequent */
    CompletableFuture<QueueResult> change(Function<QueueTable, @Nullable QueueOperation> operation, boolean isPatient) {
        QueueRequest.Change change = new QueueRequest.Change(operation, isPatient, new CompletableFuture<>());
        requests.offer(change);
        return change.result();
    }

    /**
     * Completes when there is something for a member: with records that were leased to it as they were appended, if the terms
     * allow that and no other member of the group waits here; else with none, and it should acquire. Cancel it to stop waiting;
     * what is leased all the same is given back.
     */
    public CompletableFuture<List<LeasedRecord>> whenReady(long groupId, String member, AcquireTerms terms) {
        dispatcher.seen(groupId, member);
        CompletableFuture<List<LeasedRecord>> ready = waiters.add(groupId, member, terms);
        if (partition.bytesBeingAppended() > 0) { // those that would rather wait do not where they are awaited
            executor.execute(partition::proceed);
        }
        return ready;
    }

    /** Gives leases back, as their member would. */
    public void release(long groupId, List<LeasedRecord> leased) {
        settle(
                groupId,
                leased.stream()
                        .map(record -> Settlement.newBuilder()
                                .setOffset(record.offset())
                                .setLeaseId(record.leaseId())
                                .setOutcome(Outcome.OUTCOME_RELEASE)
                                .build())
                        .toList());
    }

    /**
     * Says what became of leased records.
     *
     * @param settlements of this partition, with outcomes that exist
     * @return for each whether its lease was live
     */
    public CompletableFuture<List<Boolean>> settle(long groupId, List<Settlement> settlements) {
        QueuePolicy policy = policies.of(groupId);
        return policy == null
                ? CompletableFuture.failedFuture(Dispatcher.noSuchGroup())
                : Settlements.write(this, groupId, policy, settlements).thenApply(accepted -> {
                    rates.count(groupId, settlements, accepted);
                    return accepted;
                });
    }

    /** Begins anew at an offset; completes with the lowest offset that was not settled before. */
    public CompletableFuture<Long> seek(long groupId, long offset) {
        long[] before = new long[1];
        CompletableFuture<QueueResult> opened = change(table -> operation(groupId)
                .setOpen(QueueOpen.newBuilder().setStartOffset(offset))
                .build());
        return opened.thenCompose(ok -> change(table -> {
                    QueueState state = table.state(groupId);
                    before[0] = state == null ? offset : state.floor();
                    return operation(groupId)
                            .setSeek(QueueSeek.newBuilder().setOffset(offset))
                            .build();
                }))
                .thenApply(ok -> before[0]);
    }

    /** Gives dead letters back to the group. */
    public CompletableFuture<RedriveState> redrive(long groupId, QueueRedrive deadLetter) {
        return change(table -> operation(groupId).setRedrive(deadLetter).build())
                .thenApply(
                        result -> result.getUnknownGroup() ? RedriveState.REDRIVE_STATE_UNKNOWN : result.getRedrive());
    }

    /** Says what becomes of parked records; completes with which of them were parked. */
    public CompletableFuture<List<Boolean>> decide(long groupId, List<Long> offsets, ParkedDecision decision) {
        QueueDecide decide = QueueDecide.newBuilder()
                .addAllRanges(Choice.ranges(offsets))
                .setDecision(decision)
                .build();
        return change(table -> operation(groupId).setDecide(decide).build())
                .thenApply(result -> offsets.stream()
                        .map(offset -> result.getDecidedList().stream()
                                .anyMatch(range -> range.getFrom() <= offset && offset < range.getTo()))
                        .toList());
    }

    /** Where groups and records stand. */
    public QueueViews views() {
        return views;
    }

    public DeadLetterSource deadLetters() {
        return deadLetters;
    }

    // ---- leadership

    /** This replica leads from now on. */
    public void leads() {
        clock.start();
        active = true; // the first tick finds out
    }

    /** It does not lead any more, or is closing. */
    public void follows(Refusal refusal) {
        active = false;
        requests.refuseWaiting(refusal);
        waiters.fail(refusal);
        dispatcher.clear();
        rates.clear();
    }

    /** Whether {@link #tick} has anything to do. */
    public boolean isActive() {
        return active;
    }

    /** To be called some times a second while {@link #isActive}: ends leases, wakes those who wait for retries. */
    public void tick() {
        if (!partition.leads()) {
            return;
        }
        long now = clock.nowMs();
        List<Long> overdue = new ArrayList<>();
        List<Long> deleted = new ArrayList<>();
        boolean[] timed = new boolean[1];
        partition.ask(table -> {
            timed[0] = table.isActive();
            for (QueueState state : table.states()) {
                if (policies.isDeleted(state.groupId())) {
                    deleted.add(state.groupId());
                } else if (!state.runs().overdue(now, 1).isEmpty()) {
                    overdue.add(state.groupId());
                }
            }
            return null;
        });
        deleted.forEach(groupId -> change(table ->
                operation(groupId).setClose(QueueClose.getDefaultInstance()).build()));
        if (!overdue.isEmpty()) {
            expire(overdue);
        } else if (timed[0] && clock.lagMs() > CLOCK_LAG_MS_MAX) {
            requests.offer(new QueueRequest.Time(new CompletableFuture<>()));
        }
        if (!timed[0] && deleted.isEmpty() && requests.isIdle()) {
            active = false;
            records.forget();
        }
        waiters.wake();
    }

    private void expire(List<Long> groupIds) {
        if (!expiring.compareAndSet(false, true)) {
            return;
        }
        CompletableFuture.allOf(groupIds.stream()
                        .map(groupId -> change(table -> expiry(table, groupId)))
                        .toArray(CompletableFuture[]::new))
                .whenComplete((ok, failure) -> expiring.set(false));
    }

    private @Nullable QueueOperation expiry(QueueTable table, long groupId) {
        QueueState state = table.state(groupId);
        QueuePolicy policy = policies.of(groupId);
        if (state == null || policy == null) {
            return null;
        }
        QueueExpire.Builder expire = QueueExpire.newBuilder()
                .setFailuresMax(policy.failuresMax())
                .setDiscardDead(policy.discardDead())
                .setParkDead(policy.parksDead());
        for (Run run : state.runs().overdue(clock.nowMs(), EXPIRIES_MAX)) {
            expire.addLeases(LeasedRange.newBuilder()
                    .setRange(OffsetRange.newBuilder().setFrom(run.from()).setTo(run.to()))
                    .setLeaseId(run.status().leaseId()));
        }
        return expire.getLeasesCount() == 0
                ? null
                : operation(groupId).setExpire(expire).build();
    }

    private static QueueOperation.Builder operation(long groupId) {
        return QueueOperation.newBuilder().setGroupId(groupId);
    }

    // ---- entries

    private CompletableFuture<List<QueueRequest>> write(List<QueueRequest> requests) {
        if (!partition.leads()) {
            throw partition.notLeader();
        }
        long now = clock.nowMs();
        QueueEntry entry = new QueueEntry(partition, dispatcher, requests, now);
        entry.decide();
        earlyLeases.addTo(entry);
        if (entry.isEmpty()) {
            return CompletableFuture.completedFuture(List.of());
        }
        // Entries may complete on the apply thread; the callers' answers are made on the executor.
        try {
            return partition
                    .propose(entry.command())
                    .handleAsync((results, failure) -> applied(entry, now, results, failure), executor);
        } catch (RuntimeException e) {
            entry.finish(null, e);
            throw e;
        }
    }

    private List<QueueRequest> applied(
            QueueEntry entry, long clockMs, @Nullable List<QueueResult> results, @Nullable Throwable failure) {
        active = true;
        clock.written(clockMs);
        List<QueueRequest> again = entry.finish(results, failure);
        waiters.wake();
        return again;
    }

    /**
     * A command that should go along with appends that are about to be written, so that what they append is leased in the same
     * entry, and settlements need none of their own; null if nobody waits for it, or an entry of this lane is under way. If
     * there is one, its fate must be told.
     */
    public @Nullable Along along() {
        if ((waiters.isEmpty() && !requests.hasHeldBack()) || !partition.leads()) {
            return null;
        }
        List<QueueRequest> heldBack = requests.tryBegin();
        if (heldBack == null) {
            return null;
        }
        try {
            long now = clock.nowMs();
            QueueEntry entry = new QueueEntry(partition, dispatcher, heldBack, now);
            entry.decide();
            earlyLeases.addTo(entry);
            if (!entry.isEmpty()) {
                return new Along(
                        entry.command(),
                        (results, failure) -> executor.execute(() -> end(entry, now, results, failure)));
            }
        } catch (RuntimeException e) { // the replica is closing, say; the appends will be told themselves
            LOG.debug("nothing goes along", e);
            heldBack.forEach(request -> request.result().completeExceptionally(e));
        }
        requests.end();
        return null;
    }

    private void end(QueueEntry entry, long clockMs, @Nullable List<QueueResult> results, @Nullable Throwable failure) {
        try {
            applied(entry, clockMs, results, failure);
        } finally {
            requests.end();
        }
    }

    /**
     * @param fate takes the operations' results, or null and the failure, once
     */
    public record Along(QueueCommand command, BiConsumer<@Nullable List<QueueResult>, @Nullable Throwable> fate) {}

    /**
     * Wakes members that have waited for a while although there is something for them.
     *
     * @return how many
     */
    public int wakeStalled() {
        return waiters.wakeStalled(System.nanoTime());
    }

    /** Whether a member waits here for records. */
    public boolean isAwaited() {
        return !waiters.isEmpty();
    }

    /** Waits that are open here. */
    public int waiters() {
        return waiters.count();
    }
}
