package io.holdfast.consensus.queue;

import io.holdfast.consensus.Refusal;
import io.holdfast.consensus.queue.Choice.Chosen;
import io.holdfast.consensus.queue.QueueRequest.Acquire;
import io.holdfast.consensus.queue.QueueRequest.Change;
import io.holdfast.consensus.queue.QueueRequest.Time;
import io.holdfast.internal.v1.GrantedRange;
import io.holdfast.internal.v1.QueueCommand;
import io.holdfast.internal.v1.QueueDiscard;
import io.holdfast.internal.v1.QueueOpen;
import io.holdfast.internal.v1.QueueOperation;
import io.holdfast.internal.v1.QueueResult;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.function.Consumer;
import org.jspecify.annotations.Nullable;

/** One Raft entry in the making: requests become operations, and operations' results answers. One thread at a time. */
final class QueueEntry {
    private final QueuePartition partition;
    private final Dispatcher dispatcher;
    private final List<QueueRequest> requests;
    private final long nowMs;
    private final long endOfLog;
    private final QueueCommand.Builder command;
    private final List<Proposed> proposed = new ArrayList<>();
    private final Map<Long, @Nullable Choice> choices = new HashMap<>();
    /** Groups that begin here with this entry, and who waits for that. */
    private final Map<Long, List<Acquire>> opening = new HashMap<>();

    /** For which there is nothing now. */
    private final List<Acquire> unserved = new ArrayList<>();

    private boolean tellsTime;

    /** Who hears what became of an operation. */
    private record Proposed(Consumer<QueueResult> answer, Consumer<Throwable> failure) {}

    private static final Proposed NOBODY = new Proposed(result -> {}, why -> {});

    QueueEntry(QueuePartition partition, Dispatcher dispatcher, List<QueueRequest> requests, long nowMs) {
        this.partition = partition;
        this.dispatcher = dispatcher;
        this.requests = requests;
        this.nowMs = nowMs;
        endOfLog = partition.highWatermark();
        command = QueueCommand.newBuilder().setClockMs(nowMs);
    }

    /** Decides about all requests, in order; what needs no entry is answered at once, but for {@link #takeUnserved}. */
    void decide() {
        for (QueueRequest request : requests) {
            if (request instanceof Acquire acquire) {
                decide(acquire);
            } else if (request instanceof Change change) {
                decide(change);
            } else if (request instanceof Time) {
                tellsTime = true;
            }
        }
        discardExpired();
    }

    /** Settles what was passed over since its time to live is over. */
    private void discardExpired() {
        choices.forEach((groupId, choice) -> {
            if (choice != null && !choice.expired().isEmpty()) {
                propose(
                        QueueOperation.newBuilder()
                                .setGroupId(groupId)
                                .setDiscard(QueueDiscard.newBuilder().addAllRanges(Choice.ranges(choice.expired())))
                                .build(),
                        NOBODY);
            }
        });
    }

    boolean isEmpty() {
        return command.getOperationsCount() == 0 && !tellsTime;
    }

    QueueCommand command() {
        return command.build();
    }

    /** Those for which there is nothing now: the caller answers them. */
    List<Acquire> takeUnserved() {
        List<Acquire> all = List.copyOf(unserved);
        unserved.clear();
        return all;
    }

    /** Whether what the group has is handed out by this entry already. */
    boolean hasDecidedAbout(long groupId) {
        return choices.containsKey(groupId);
    }

    long nowMs() {
        return nowMs;
    }

    long endOfLog() {
        return endOfLog;
    }

    static LeasedRecord leased(long offset, RecordCache.Found found, long leaseMs, long leaseId, GrantedRange granted) {
        return new LeasedRecord(
                offset,
                found.appendMs(),
                found.record(),
                leaseId,
                leaseMs,
                granted.getDelivered(),
                granted.getFailed());
    }

    private void decide(Change change) {
        QueueOperation operation = partition.ask(change.operation());
        if (operation == null) {
            change.result().complete(QueueResult.getDefaultInstance());
        } else {
            propose(operation, new Proposed(change.result()::complete, change.result()::completeExceptionally));
        }
    }

    /** Adds an operation that nobody has asked for. */
    void propose(QueueOperation operation, Consumer<QueueResult> answer, Consumer<Throwable> failure) {
        propose(operation, new Proposed(answer, failure));
    }

    private void propose(QueueOperation operation, Proposed one) {
        command.addOperations(operation);
        proposed.add(one);
    }

    private void decide(Acquire acquire) {
        QueuePolicy policy = dispatcher.policy(acquire.groupId());
        if (policy == null) {
            acquire.result().completeExceptionally(Dispatcher.noSuchGroup());
            return;
        }
        List<Chosen> chosen;
        try {
            if (!choices.containsKey(acquire.groupId())) {
                choices.put(acquire.groupId(), look(acquire.groupId(), policy));
            }
            Choice choice = choices.get(acquire.groupId());
            if (choice == null) {
                open(acquire, policy);
                return;
            }
            chosen = dispatcher.take(choice, policy, acquire);
        } catch (Refusal e) { // bytes that cannot be read; the others may go on
            acquire.result().completeExceptionally(e);
            return;
        }
        if (chosen.isEmpty()) {
            unserved.add(acquire);
            return;
        }
        long leaseMs = acquire.terms().leaseMs() == 0
                ? policy.leaseMs()
                : acquire.terms().leaseMs();
        propose(
                QueueOperation.newBuilder()
                        .setGroupId(acquire.groupId())
                        .setAcquire(Choice.acquire(acquire.member(), leaseMs, chosen))
                        .build(),
                new Proposed(
                        result -> acquire.result().complete(leased(chosen, leaseMs, result)),
                        acquire.result()::completeExceptionally));
    }

    private void open(Acquire acquire, QueuePolicy policy) {
        List<Acquire> first = opening.get(acquire.groupId());
        if (first == null) {
            first = new ArrayList<>();
            opening.put(acquire.groupId(), first);
            propose(
                    QueueOperation.newBuilder()
                            .setGroupId(acquire.groupId())
                            .setOpen(QueueOpen.newBuilder().setStartOffset(dispatcher.start(policy)))
                            .build(),
                    NOBODY);
        }
        first.add(acquire);
    }

    private @Nullable Choice look(long groupId, QueuePolicy policy) {
        long wanted = 0;
        for (QueueRequest request : requests) {
            if (request instanceof Acquire acquire && acquire.groupId() == groupId) {
                wanted += acquire.terms().recordsMax();
            }
        }
        return dispatcher.look(groupId, policy, (int) Math.min(wanted, policy.inFlightMax()), nowMs, endOfLog);
    }

    /**
     * Answers, when the entry is applied or has failed.
     *
     * @return requests that can be decided about only now
     */
    List<QueueRequest> finish(@Nullable List<QueueResult> results, @Nullable Throwable failure) {
        if (results == null || failure != null || results.size() != proposed.size()) {
            fail(failure != null ? failure : Refusal.replacedMeanwhile());
            return List.of();
        }
        for (int i = 0; i < results.size(); i++) {
            proposed.get(i).answer.accept(results.get(i));
        }
        List<QueueRequest> again = new ArrayList<>();
        opening.values().forEach(again::addAll);
        return again;
    }

    private void fail(Throwable why) {
        proposed.forEach(one -> one.failure.accept(why));
        opening.values().forEach(all -> all.forEach(one -> one.result().completeExceptionally(why)));
    }

    private static List<LeasedRecord> leased(List<Chosen> chosen, long leaseMs, QueueResult result) {
        Map<Long, GrantedRange> granted = new HashMap<>();
        for (GrantedRange range : result.getGrantedList()) {
            for (long offset = range.getRange().getFrom();
                    offset < range.getRange().getTo();
                    offset++) {
                granted.put(offset, range);
            }
        }
        List<LeasedRecord> leased = new ArrayList<>();
        for (Chosen one : chosen) {
            GrantedRange range = granted.get(one.offset());
            if (range != null) {
                leased.add(leased(one.offset(), one.found(), leaseMs, result.getLeaseId(), range));
            }
        }
        return leased;
    }
}
