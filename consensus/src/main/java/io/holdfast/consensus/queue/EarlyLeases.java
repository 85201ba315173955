package io.holdfast.consensus.queue;

import io.holdfast.consensus.Refusal;
import io.holdfast.consensus.queue.QueueRequest.Acquire;
import io.holdfast.consensus.queue.ReadyWaiters.Waiter;
import io.holdfast.internal.v1.GrantedRange;
import io.holdfast.internal.v1.OffsetRange;
import io.holdfast.internal.v1.QueueAcquire;
import io.holdfast.internal.v1.QueueOperation;
import io.holdfast.internal.v1.QueueResult;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.function.BiConsumer;
import java.util.function.Consumer;
import java.util.function.Predicate;

/**
 * Leases records in the entry that appends them, or in the one after it, to a member that finds nothing else: it has them
 * one entry earlier than if it were woken to acquire. Only where there is nothing to choose, since the records are not
 * there yet when the entry is made; the state machine leases as many of the offsets as there are by then. Any thread.
 */
final class EarlyLeases {
    private final QueuePartition partition;
    private final Dispatcher dispatcher;
    private final RecordCache.View records;
    private final ReadyWaiters waiters;
    private final BiConsumer<Long, List<LeasedRecord>> giveBack;

    /** @param giveBack takes leases, by group, whose member has stopped waiting meanwhile */
    EarlyLeases(
            QueuePartition partition,
            Dispatcher dispatcher,
            RecordCache.View records,
            ReadyWaiters waiters,
            BiConsumer<Long, List<LeasedRecord>> giveBack) {
        this.partition = partition;
        this.dispatcher = dispatcher;
        this.records = records;
        this.waiters = waiters;
        this.giveBack = giveBack;
    }

    /**
     * Who would have what comes.
     *
     * @param begun run when an entry may lease to it
     * @param answer takes what was leased, if anything; false if nobody wants it any more
     */
    private record Claim(
            long groupId,
            String member,
            AcquireTerms terms,
            Runnable begun,
            Predicate<List<LeasedRecord>> answer,
            Consumer<Throwable> failure) {
        static Claim of(Acquire acquire) {
            return new Claim(
                    acquire.groupId(),
                    acquire.member(),
                    acquire.terms(),
                    () -> {},
                    acquire.result()::complete,
                    acquire.result()::completeExceptionally);
        }

        static Claim of(Waiter waiter) {
            return new Claim(
                    waiter.groupId, waiter.member, waiter.terms, waiter::leasing, waiter::leased, waiter::notLeased);
        }
    }

    private record Planned(Claim claim, long from, long count, long leaseMs) {}

    /** Adds to an entry what may be leased with it; what is left in it without, is answered. */
    void addTo(QueueEntry entry) {
        List<Acquire> unserved = entry.takeUnserved();
        List<Planned> plan = new ArrayList<>();
        List<Acquire> inVain = new ArrayList<>();
        if (partition.bytesBeingAppended() == 0) {
            inVain.addAll(unserved);
        } else {
            Map<Long, Long> ends = new HashMap<>();
            for (Acquire acquire : unserved) {
                if (!acquire.early()
                        || waiters.isAwaited(acquire.groupId())
                        || !plan(Claim.of(acquire), entry, ends, plan)) {
                    inVain.add(acquire);
                }
            }
            for (Waiter waiter : waiters.alone()) {
                if (!entry.hasDecidedAbout(waiter.groupId)) {
                    plan(Claim.of(waiter), entry, ends, plan);
                }
            }
        }
        inVain.forEach(acquire -> acquire.result().complete(List.of()));
        plan.forEach(one -> propose(one, entry));
    }

    /** @param ends of what others of the group are leased by this entry */
    private boolean plan(Claim claim, QueueEntry entry, Map<Long, Long> ends, List<Planned> plan) {
        QueuePolicy policy = dispatcher.policy(claim.groupId);
        long from = ends.getOrDefault(claim.groupId, entry.endOfLog());
        if (policy == null || partition.bytesBeingAppended() > claim.terms.bytesMax()) {
            return false;
        }
        long allowed = partition.ask(table -> {
            QueueState state = table.state(claim.groupId);
            return state == null
                    ? 0
                    : Choice.allowedEarly(
                            state, policy, claim.member, from - entry.endOfLog(), entry.nowMs(), entry.endOfLog());
        });
        long count = Math.min(allowed, claim.terms.recordsMax());
        if (count <= 0) {
            return false;
        }
        ends.put(claim.groupId, from + count);
        long leaseMs = claim.terms.leaseMs() == 0 ? policy.leaseMs() : claim.terms.leaseMs();
        plan.add(new Planned(claim, from, count, leaseMs));
        return true;
    }

    private void propose(Planned one, QueueEntry entry) {
        one.claim.begun.run();
        OffsetRange.Builder range = OffsetRange.newBuilder().setFrom(one.from).setTo(one.from + one.count);
        entry.propose(
                QueueOperation.newBuilder()
                        .setGroupId(one.claim.groupId)
                        .setAcquire(QueueAcquire.newBuilder()
                                .setMember(one.claim.member)
                                .setLeaseMs(one.leaseMs)
                                .addRanges(range))
                        .build(),
                result -> leased(one.claim, one.leaseMs, result),
                one.claim.failure);
    }

    private void leased(Claim claim, long leaseMs, QueueResult result) {
        List<LeasedRecord> leased = new ArrayList<>();
        try {
            for (GrantedRange granted : result.getGrantedList()) {
                long to = granted.getRange().getTo();
                for (long offset = granted.getRange().getFrom(); offset < to; offset++) {
                    RecordCache.Found found = records.at(offset);
                    if (found != null) {
                        leased.add(QueueEntry.leased(offset, found, leaseMs, result.getLeaseId(), granted));
                    }
                }
            }
        } catch (Refusal e) { // bytes that cannot be read
            claim.failure.accept(e);
        }
        if (!claim.answer.test(leased) && !leased.isEmpty()) {
            giveBack.accept(claim.groupId, leased);
        }
    }
}
