package io.holdfast.consensus.queue;

import io.holdfast.consensus.Refusal;
import io.holdfast.consensus.queue.Choice.Chosen;
import io.holdfast.internal.v1.DeadRecord;
import io.holdfast.internal.v1.GrantedRange;
import io.holdfast.internal.v1.LeasedRange;
import io.holdfast.internal.v1.OffsetRange;
import io.holdfast.internal.v1.QueueClose;
import io.holdfast.internal.v1.QueueCommand;
import io.holdfast.internal.v1.QueueDeadMoved;
import io.holdfast.internal.v1.QueueDeadTarget;
import io.holdfast.internal.v1.QueueExpire;
import io.holdfast.internal.v1.QueueOpen;
import io.holdfast.internal.v1.QueueOperation;
import io.holdfast.internal.v1.QueueRedrive;
import io.holdfast.internal.v1.QueueResult;
import io.holdfast.internal.v1.QueueSeek;
import io.holdfast.record.LogRecord;
import io.holdfast.storage.log.LogSlice;
import io.holdfast.v1.ErrorReason;
import io.holdfast.v1.ExplainRecordResponse;
import io.holdfast.v1.RedriveState;
import io.holdfast.v1.Settlement;
import io.holdfast.v1.Start;
import io.holdfast.v1.WriteOutcome;
import java.nio.ByteBuffer;
import java.util.ArrayDeque;
import java.util.ArrayList;
import java.util.Deque;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.Executor;
import java.util.function.Function;
import org.jspecify.annotations.Nullable;

/**
 * The leader's side of a partition's queue groups: gathers what members ask for, decides who gets what, and writes it to
 * the Raft log, one entry under way at a time, so that each decision knows the outcome of the one before. What arrives
 * meanwhile goes into the next entry together, so an entry's cost is shared by those who wait for it.
 *
 * <p>Any thread; work is done on the executor, since it may read from disk.
 */
public final class QueueLane {
    private static final int OPERATIONS_MAX = 1000;
    private static final int EXPIRIES_MAX = 1000;
    /** No group has this id: writes an entry that only says what time it is. */
    private static final long CLOCK_ONLY = 0;
    /** While leases are out, the replicated clock is not further behind than this. */
    private static final long CLOCK_LAG_MS_MAX = 5_000;

    private final QueuePartition partition;
    private final QueuePolicies policies;
    private final RecordCache cache;
    private final RecordCache.View records;
    private final Executor executor;
    private final ReadyWaiters waiters;
    private final ActiveMembers activeMembers = new ActiveMembers();
    private final QueueClock clock = new QueueClock();
    private final Deque<Request> waiting = new ArrayDeque<>();
    private boolean underWay;
    /** Records come again, or die, as time goes by: tick. */
    private volatile boolean active;

    private boolean expiring;
    private long startedTerm = -1;
    private long committedClockMs;

    /** Asked for, and not proposed yet. */
    private sealed interface Request {
        long groupId();

        CompletableFuture<?> result();
    }

    private record Acquire(
            long groupId,
            String member,
            int recordsMax,
            long bytesMax,
            long leaseMs,
            CompletableFuture<List<LeasedRecord>> result)
            implements Request {}

    /** Its operation is decided when its turn has come; null for nothing to do. */
    private record Change(
            long groupId,
            Function<QueueTable, @Nullable QueueOperation> operation,
            CompletableFuture<QueueResult> result)
            implements Request {}

    /** What became an operation of the entry under way. */
    private record Proposed(Request request, List<Chosen> chosen, long leaseMs) {}

    public QueueLane(QueuePartition partition, QueueResources resources) {
        this.partition = partition;
        policies = resources.policies();
        cache = resources.cache();
        executor = resources.executor();
        records = new RecordCache.View(cache, this::readIfThere);
        waiters = new ReadyWaiters(partition, executor, this::canAcquire);
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
     * @param leaseMs 0 for the group's
     */
    public CompletableFuture<List<LeasedRecord>> acquire(
            long groupId, String member, int recordsMax, long bytesMax, long leaseMs) {
        Acquire acquire = new Acquire(groupId, member, recordsMax, bytesMax, leaseMs, new CompletableFuture<>());
        activeMembers.seen(groupId, member, System.nanoTime());
        offer(acquire);
        return acquire.result;
    }

    /**
     * Writes an operation.
     *
     * @param operation made when all before it have been applied, from the state as it is then; null for nothing to do
     */
    CompletableFuture<QueueResult> change(long groupId, Function<QueueTable, @Nullable QueueOperation> operation) {
        Change change = new Change(groupId, operation, new CompletableFuture<>());
        offer(change);
        return change.result;
    }

    /** Completes when there is something for a member to acquire; leases nothing. Cancel it to stop waiting. */
    public CompletableFuture<Void> whenReady(long groupId, String member) {
        activeMembers.seen(groupId, member, System.nanoTime());
        return waiters.add(groupId, member);
    }

    /**
     * Says what became of leased records.
     *
     * @param settlements of this partition, with outcomes that exist
     * @return for each whether its lease was live
     */
    public CompletableFuture<List<Boolean>> settle(long groupId, QueuePolicy policy, List<Settlement> settlements) {
        return Settlements.write(this, groupId, policy, settlements);
    }

    /** Begins anew at an offset; completes with the lowest offset that was not settled before. */
    public CompletableFuture<Long> seek(long groupId, long offset) {
        long[] before = new long[1];
        CompletableFuture<QueueResult> opened = change(
                groupId,
                table -> operation(groupId)
                        .setOpen(QueueOpen.newBuilder().setStartOffset(offset))
                        .build());
        return opened.thenCompose(ok -> change(groupId, table -> {
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
        return change(
                        groupId,
                        table -> operation(groupId).setRedrive(deadLetter).build())
                .thenApply(
                        result -> result.getUnknownGroup() ? RedriveState.REDRIVE_STATE_UNKNOWN : result.getRedrive());
    }

    /** Where a group stands. */
    public io.holdfast.v1.QueuePartition describe(long groupId) {
        QueuePolicy policy = policies.of(groupId);
        long begin = policy == null ? partition.startOffset() : start(policy);
        long now = clockMs();
        io.holdfast.v1.QueuePartition.Builder view = partition.ask(
                table -> QueueViews.describe(table.state(groupId), now, begin, partition.highWatermark()));
        if (view.getFloor() < view.getEnd()) {
            RecordCache.Found oldest = records().at(view.getFloor());
            if (oldest != null) {
                long age = Math.max(0, System.currentTimeMillis() - oldest.appendMs());
                view.setOldestAge(com.google.protobuf.Duration.newBuilder()
                        .setSeconds(age / 1000)
                        .setNanos((int) (age % 1000) * 1_000_000));
            }
        }
        return view.build();
    }

    /** Another view, for readers beside the one thread that decides. */
    private RecordCache.View records() {
        return new RecordCache.View(cache, this::readIfThere);
    }

    public ExplainRecordResponse explain(long groupId, long offset) {
        long now = clockMs();
        return partition.ask(table -> QueueViews.explain(
                table.state(groupId),
                policies.of(groupId),
                offset,
                now,
                partition.startOffset(),
                partition.highWatermark(),
                waiters.count()));
    }

    // ---- dead letters

    /** Groups that have dead records to be moved. */
    public List<Long> withDead() {
        return partition.ask(table -> table.states().stream()
                .filter(state -> state.dead().pendingCount() > 0)
                .map(QueueState::groupId)
                .toList());
    }

    /**
     * The oldest dead records of a group, with sequences in the dead-letter topic that has this id; empty if there are
     * none. Blocks for the disk.
     */
    public CompletableFuture<List<DeadLetter>> dead(long groupId, long topicId, int max) {
        CompletableFuture<?> targeted = partition.ask(table -> {
                    QueueState state = table.state(groupId);
                    return state == null || state.dead().topicId() >= topicId;
                })
                ? CompletableFuture.completedFuture(null)
                : change(
                        groupId,
                        table -> operation(groupId)
                                .setDeadTarget(QueueDeadTarget.newBuilder().setTopicId(topicId))
                                .build());
        return targeted.thenApplyAsync(ok -> readDead(groupId, topicId, max), executor);
    }

    private List<DeadLetter> readDead(long groupId, long topicId, int max) {
        long[] base = new long[1];
        List<DeadRecord> oldest = partition.ask(table -> {
            QueueState state = table.state(groupId);
            if (state == null || state.dead().topicId() != topicId) {
                return List.<DeadRecord>of();
            }
            base[0] = state.dead().base();
            return state.dead().oldest(max);
        });
        RecordCache.View view = records();
        List<DeadLetter> letters = new ArrayList<>();
        for (DeadRecord record : oldest) {
            RecordCache.Found found = record.getOffset() < partition.startOffset() ? null : view.at(record.getOffset());
            letters.add(new DeadLetter(record, record.getNumber() - base[0], found == null ? null : found.record()));
        }
        return letters;
    }

    /** Those with lower numbers are in the dead-letter topic. */
    public CompletableFuture<QueueResult> deadMoved(long groupId, long belowNumber) {
        return change(
                groupId,
                table -> operation(groupId)
                        .setDeadMoved(QueueDeadMoved.newBuilder().setBelowNumber(belowNumber))
                        .build());
    }

    /**
     * A record on its way to the dead-letter topic.
     *
     * @param sequence there
     * @param content null if it was trimmed before it could be moved
     */
    public record DeadLetter(
            DeadRecord dead, long sequence, @Nullable LogRecord content) {}

    /** Time by which leases are counted. */
    long clockMs() {
        startTerm();
        synchronized (this) {
            return clock.now(System.nanoTime());
        }
    }

    /**
     * In each term the clock starts where the replicated one is, whether or not news of the leadership has come by then:
     * what it showed when this replica led before may be later than what others have counted by since.
     */
    private void startTerm() {
        long term = partition.term();
        synchronized (this) {
            if (startedTerm == term || !partition.leads()) {
                return;
            }
        }
        long replicated = partition.ask(QueueTable::clockMs);
        synchronized (this) {
            if (startedTerm != term) {
                startedTerm = term;
                clock.startAt(replicated, System.nanoTime());
                committedClockMs = replicated;
                expiring = false;
            }
        }
    }

    private void offer(Request request) {
        synchronized (this) {
            waiting.add(request);
        }
        executor.execute(this::proposeWaiting);
    }

    // ---- leadership

    /** This replica leads from now on. */
    public void leads() {
        startTerm();
        active = true; // the first tick finds out
    }

    /** It does not lead any more, or is closing. */
    public void follows(Refusal refusal) {
        active = false;
        List<Request> given;
        synchronized (this) {
            given = new ArrayList<>(waiting);
            waiting.clear();
        }
        given.forEach(request -> request.result().completeExceptionally(refusal));
        waiters.fail(refusal);
        activeMembers.clear();
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
        long now = clockMs();
        List<QueueState> overdue = new ArrayList<>();
        List<Long> deleted = new ArrayList<>();
        boolean[] timed = new boolean[1];
        partition.ask(table -> {
            timed[0] = table.isActive();
            for (QueueState state : table.states()) {
                if (policies.isDeleted(state.groupId())) {
                    deleted.add(state.groupId());
                } else if (!state.runs().overdue(now, 1).isEmpty()) {
                    overdue.add(state);
                }
            }
            return null;
        });
        deleted.forEach(groupId -> change(
                groupId,
                table -> operation(groupId)
                        .setClose(QueueClose.getDefaultInstance())
                        .build()));
        if (!overdue.isEmpty()) {
            expire(overdue);
        } else if (timed[0] && lag(now) > CLOCK_LAG_MS_MAX) {
            change(CLOCK_ONLY, table -> null);
        }
        if (!timed[0] && deleted.isEmpty() && isIdle()) {
            active = false;
            records.forget();
        }
        waiters.wake();
    }

    private synchronized long lag(long now) {
        return now - committedClockMs;
    }

    private synchronized boolean isIdle() {
        return waiting.isEmpty() && !underWay;
    }

    private void expire(List<QueueState> states) {
        synchronized (this) {
            if (expiring) {
                return;
            }
            expiring = true;
        }
        List<CompletableFuture<?>> all = new ArrayList<>();
        for (QueueState state : states) {
            long groupId = state.groupId();
            all.add(change(groupId, table -> expiry(table, groupId)));
        }
        CompletableFuture.allOf(all.toArray(CompletableFuture[]::new)).whenComplete((ok, failure) -> {
            synchronized (this) {
                expiring = false;
            }
        });
    }

    private @Nullable QueueOperation expiry(QueueTable table, long groupId) {
        QueueState state = table.state(groupId);
        QueuePolicy policy = policies.of(groupId);
        if (state == null || policy == null) {
            return null;
        }
        QueueExpire.Builder expire =
                QueueExpire.newBuilder().setFailuresMax(policy.failuresMax()).setDiscardDead(policy.discardDead());
        for (Run run : state.runs().overdue(clockMs(), EXPIRIES_MAX)) {
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

    // ---- one entry at a time

    private void proposeWaiting() {
        List<Request> requests;
        synchronized (this) {
            if (underWay || waiting.isEmpty()) {
                return;
            }
            underWay = true;
            requests = new ArrayList<>();
            while (!waiting.isEmpty() && requests.size() < OPERATIONS_MAX) {
                requests.add(waiting.remove());
            }
        }
        try {
            propose(requests);
        } catch (RuntimeException e) {
            requests.forEach(request -> request.result().completeExceptionally(e));
            next();
        }
    }

    private void next() {
        synchronized (this) {
            underWay = false;
            if (waiting.isEmpty()) {
                return;
            }
        }
        executor.execute(this::proposeWaiting);
    }

    private void propose(List<Request> requests) {
        if (!partition.leads()) {
            throw partition.notLeader();
        }
        Entry entry = new Entry(requests, clockMs(), partition.highWatermark());
        for (Request request : requests) {
            if (request instanceof Acquire acquire) {
                entry.add(acquire);
            } else if (request instanceof Change change) {
                entry.add(change);
            }
        }
        if (entry.isEmpty()) {
            next();
            return;
        }
        partition
                .propose(entry.command())
                .whenComplete((results, failure) ->
                        // This may be the apply thread; the callers' answers are made on the executor.
                        executor.execute(() -> {
                            active = true;
                            entry.finish(results, failure);
                            next();
                            waiters.wake();
                        }));
    }

    /** One entry in the making, and what its operations are to those who asked for them. */
    private final class Entry {
        private final List<Request> requests;
        private final long nowMs;
        private final long endOfLog;
        private final QueueCommand.Builder command;
        private final List<Proposed> proposed = new ArrayList<>();
        private final Map<Long, @Nullable Choice> choices = new HashMap<>();
        /** Groups that begin here with this entry, and who waits for that. */
        private final Map<Long, List<Acquire>> opening = new HashMap<>();

        private boolean clockOnly;

        Entry(List<Request> requests, long nowMs, long endOfLog) {
            this.requests = requests;
            this.nowMs = nowMs;
            this.endOfLog = endOfLog;
            command = QueueCommand.newBuilder().setClockMs(nowMs);
        }

        boolean isEmpty() {
            return command.getOperationsCount() == 0 && !clockOnly;
        }

        QueueCommand command() {
            return command.build();
        }

        void add(Change change) {
            QueueOperation operation = partition.ask(change.operation);
            if (operation == null) {
                clockOnly |= change.groupId == CLOCK_ONLY;
                change.result.complete(QueueResult.getDefaultInstance());
            } else {
                propose(operation, new Proposed(change, List.of(), 0));
            }
        }

        private void propose(QueueOperation operation, Proposed one) {
            command.addOperations(operation);
            proposed.add(one);
        }

        void add(Acquire acquire) {
            QueuePolicy policy = policies.of(acquire.groupId);
            if (policy == null) {
                acquire.result.completeExceptionally(Refusal.of(
                        ErrorReason.ERROR_REASON_GROUP_NOT_FOUND, "create the group first: it does not exist"));
                return;
            }
            List<Chosen> chosen;
            try {
                if (!choices.containsKey(acquire.groupId)) {
                    choices.put(acquire.groupId, look(acquire.groupId, policy));
                }
                Choice choice = choices.get(acquire.groupId);
                if (choice == null) {
                    open(acquire, policy);
                    return;
                }
                chosen = mayAcquire(policy, acquire.groupId, acquire.member)
                        ? choice.take(acquire.member, acquire.recordsMax, acquire.bytesMax)
                        : List.of();
            } catch (Refusal e) { // bytes that cannot be read; the others may go on
                acquire.result.completeExceptionally(e);
                return;
            }
            if (chosen.isEmpty()) {
                acquire.result.complete(List.of());
                return;
            }
            long leaseMs = acquire.leaseMs == 0 ? policy.leaseMs() : acquire.leaseMs;
            propose(
                    operation(acquire.groupId)
                            .setAcquire(Choice.acquire(acquire.member, leaseMs, chosen))
                            .build(),
                    new Proposed(acquire, chosen, leaseMs));
        }

        private void open(Acquire acquire, QueuePolicy policy) {
            List<Acquire> first = opening.get(acquire.groupId);
            if (first == null) {
                first = new ArrayList<>();
                opening.put(acquire.groupId, first);
                propose(
                        operation(acquire.groupId)
                                .setOpen(QueueOpen.newBuilder().setStartOffset(start(policy)))
                                .build(),
                        new Proposed(acquire, List.of(), 0));
            }
            first.add(acquire);
        }

        private @Nullable Choice look(long groupId, QueuePolicy policy) {
            long wanted = 0;
            for (Request request : requests) {
                if (request instanceof Acquire acquire && acquire.groupId == groupId) {
                    wanted += acquire.recordsMax;
                }
            }
            int max = (int) Math.min(wanted, policy.inFlightMax());
            return partition.ask(table -> {
                QueueState state = table.state(groupId);
                return state == null ? null : Choice.look(state, policy, records, max, nowMs, endOfLog);
            });
        }

        void finish(@Nullable List<QueueResult> results, @Nullable Throwable failure) {
            synchronized (QueueLane.this) {
                committedClockMs = Math.max(committedClockMs, nowMs);
            }
            Throwable why = failure;
            if (why == null && (results == null || results.size() != proposed.size())) {
                why = new Refusal(
                        ErrorReason.ERROR_REASON_UNAVAILABLE,
                        WriteOutcome.WRITE_OUTCOME_UNKNOWN,
                        "the replica was replaced meanwhile: try again",
                        null,
                        Map.of());
            }
            if (why != null || results == null) {
                Throwable reason = why;
                proposed.forEach(one -> one.request.result().completeExceptionally(reason));
                opening.values().forEach(all -> all.forEach(one -> one.result.completeExceptionally(reason)));
                return;
            }
            for (int i = 0; i < results.size(); i++) {
                Proposed one = proposed.get(i);
                if (one.request instanceof Change change) {
                    change.result.complete(results.get(i));
                } else if (one.request instanceof Acquire acquire && !one.chosen.isEmpty()) {
                    acquire.result.complete(leased(one, results.get(i)));
                }
            }
            synchronized (QueueLane.this) {
                opening.values().forEach(all -> all.forEach(waiting::addFirst));
            }
        }
    }

    private boolean mayAcquire(QueuePolicy policy, long groupId, String member) {
        return !policy.isExclusive()
                || activeMembers.isActive(
                        groupId,
                        member,
                        partition.ask(table -> {
                            QueueState state = table.state(groupId);
                            return state == null
                                    ? List.<String>of()
                                    : List.copyOf(state.runs().leasedBy().keySet());
                        }),
                        System.nanoTime());
    }

    private boolean canAcquire(long groupId, String member) {
        QueuePolicy policy = policies.of(groupId);
        if (policy == null) {
            return true; // whoever comes will be told
        }
        long now = clockMs();
        long endOfLog = partition.highWatermark();
        Choice choice = partition.ask(table -> {
            QueueState state = table.state(groupId);
            return state == null || !state.hasReady(now, endOfLog)
                    ? null
                    : Choice.look(state, policy, records, 1, now, endOfLog);
        });
        boolean begun = partition.ask(table -> table.state(groupId) != null);
        return !begun
                || (choice != null
                        && mayAcquire(policy, groupId, member)
                        && !choice.take(member, 1, 1).isEmpty());
    }

    private long start(QueuePolicy policy) {
        Start start = policy.start();
        return switch (start.getAtCase()) {
            case OFFSET -> start.getOffset();
            case TIME ->
                partition.offsetAt(
                        start.getTime().getSeconds() * 1000 + start.getTime().getNanos() / 1_000_000);
            case LATEST -> partition.offsetAt(policy.createdMs());
            default -> partition.startOffset();
        };
    }

    private static List<LeasedRecord> leased(Proposed acquire, QueueResult result) {
        Map<Long, GrantedRange> granted = new HashMap<>();
        for (GrantedRange range : result.getGrantedList()) {
            for (long offset = range.getRange().getFrom();
                    offset < range.getRange().getTo();
                    offset++) {
                granted.put(offset, range);
            }
        }
        List<LeasedRecord> leased = new ArrayList<>();
        for (Chosen one : acquire.chosen) {
            GrantedRange range = granted.get(one.offset());
            if (range != null) {
                leased.add(new LeasedRecord(
                        one.offset(),
                        one.found().appendMs(),
                        one.found().record(),
                        result.getLeaseId(),
                        acquire.leaseMs,
                        range.getDelivered(),
                        range.getFailed()));
            }
        }
        return leased;
    }

    /**
     * Wakes members that have waited for a while although there is something for them.
     *
     * @return how many
     */
    public int wakeStalled() {
        return waiters.wakeStalled(System.nanoTime());
    }

    /** Waits that are open here. */
    public int waiters() {
        return waiters.count();
    }
}
