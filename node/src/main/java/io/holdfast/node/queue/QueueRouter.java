package io.holdfast.node.queue;

import com.google.common.util.concurrent.ListenableFuture;
import io.grpc.Context;
import io.holdfast.consensus.Refusal;
import io.holdfast.consensus.raft.GroupId;
import io.holdfast.internal.v1.AcquireRequest;
import io.holdfast.internal.v1.AcquireResponse;
import io.holdfast.internal.v1.AwaitRequest;
import io.holdfast.internal.v1.AwaitResponse;
import io.holdfast.internal.v1.GroupRow;
import io.holdfast.internal.v1.PartitionFailure;
import io.holdfast.internal.v1.QueueNodeServiceGrpc;
import io.holdfast.internal.v1.QueueNodeServiceGrpc.QueueNodeServiceFutureStub;
import io.holdfast.internal.v1.SettlePartitionRequest;
import io.holdfast.node.cluster.Calls;
import io.holdfast.node.cluster.ClusterState;
import io.holdfast.node.service.ByPartition;
import io.holdfast.node.service.Errors;
import io.holdfast.node.service.Forwarder;
import io.holdfast.v1.Delivery;
import io.holdfast.v1.ErrorReason;
import io.holdfast.v1.ItemError;
import io.holdfast.v1.Outcome;
import io.holdfast.v1.Settlement;
import io.holdfast.v1.WriteOutcome;
import java.util.ArrayList;
import java.util.Collections;
import java.util.List;
import java.util.Map;
import java.util.TreeMap;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.ScheduledExecutorService;
import java.util.concurrent.TimeUnit;
import java.util.function.BooleanSupplier;
import java.util.function.Function;
import java.util.function.Supplier;
import org.jspecify.annotations.Nullable;

/**
 * Brings what members ask for to the nodes that lead the partitions, here or one hop away, and waits for records there
 * without leasing any. Any thread; nothing blocks.
 */
final class QueueRouter {
    /** After an attempt that found nothing although something had been ready, or nobody who leads. */
    private static final long PAUSE_MS = 20;
    /** Without a pause: the next may well have come between two questions. */
    private static final int IN_VAIN_MAX = 3;
    /** One wait at the leaders; then they are looked up anew. */
    private static final long AWAIT_MS_MAX = 10_000;

    private static final long ACQUIRE_TIMEOUT_MS = 10_000;

    private final ClusterState state;
    private final LocalQueues local;
    private final Forwarder forwarder;
    private final ScheduledExecutorService timer;

    QueueRouter(ClusterState state, LocalQueues local, Forwarder forwarder, ScheduledExecutorService timer) {
        this.state = state;
        this.local = local;
        this.forwarder = forwarder;
        this.timer = timer;
    }

    // ---- poll

    /**
     * Leases records; waits for some until the deadline.
     *
     * @param partitions checked; those to ask
     * @param deadline System.nanoTime
     * @param gone whether the member has stopped waiting: then nothing more is leased
     */
    CompletableFuture<List<Delivery>> poll(
            AcquireRequest request, GroupRow group, List<Integer> partitions, long deadline, BooleanSupplier gone) {
        Poll poll = new Poll(request, group, partitions, deadline, gone);
        poll.run();
        return poll.result;
    }

    private final class Poll implements Runnable {
        private final AcquireRequest request;
        private final GroupRow group;
        private final List<Integer> partitions;
        private final long deadline;
        private final BooleanSupplier gone;
        private final CompletableFuture<List<Delivery>> result = new CompletableFuture<>();
        /** The leader that has said last that it has something; null if none has. */
        private @Nullable Integer ready;
        /** Times in a row that something was ready at once, and nothing was left of it. */
        private int inVain;

        Poll(AcquireRequest request, GroupRow group, List<Integer> partitions, long deadline, BooleanSupplier gone) {
            this.request = request;
            this.group = group;
            this.partitions = partitions;
            this.deadline = deadline;
            this.gone = gone;
        }

        @Override
        public void run() {
            Map<Integer, List<Integer>> byLeader = byLeader();
            List<Integer> nodes = new ArrayList<>(byLeader.keySet());
            Collections.shuffle(nodes);
            if (ready != null && nodes.remove(ready)) {
                nodes.add(0, ready);
            }
            ready = null;
            boolean many = request.getMaxRecords() >= nodes.size() * LocalQueues.RECORDS_PER_SHARE_MIN;
            acquire(byLeader, nodes, many ? nodes.size() : 1, new ArrayList<>(), 0);
        }

        private Map<Integer, List<Integer>> byLeader() {
            Map<Integer, List<Integer>> byLeader = new TreeMap<>();
            for (int partition : partitions) {
                int leader = state.leader(GroupId.ofPartition(group.getTopicId(), partition));
                byLeader.computeIfAbsent(leader, node -> new ArrayList<>()).add(partition);
            }
            return byLeader;
        }

        /**
         * Asks the first of these leaders, for a share each, then the others, until some have something.
         *
         * @param atOnce one, or all of them
         * @param answered leaders that had nothing
         */
        private void acquire(
                Map<Integer, List<Integer>> byLeader,
                List<Integer> nodes,
                int atOnce,
                List<PartitionFailure> failures,
                int answered) {
            if (gone.getAsBoolean()) {
                result.complete(List.of());
                return;
            }
            if (nodes.isEmpty()) {
                nothing(byLeader, failures, answered);
                return;
            }
            List<CompletableFuture<AcquireResponse>> parts = new ArrayList<>();
            int records = request.getMaxRecords();
            for (int i = 0; i < atOnce; i++) {
                List<Integer> led = byLeader.getOrDefault(nodes.get(i), List.of());
                int share = share(records, atOnce - i, led.size());
                records -= share;
                AcquireRequest part = request.toBuilder()
                        .clearPartitions()
                        .addAllPartitions(led)
                        .setMaxRecords(share)
                        .setMaxBytes(Math.max(1, request.getMaxBytes() * share / request.getMaxRecords()))
                        .build();
                parts.add(acquireAt(nodes.get(i), part).exceptionally(failure -> nothingAt(led, failure)));
            }
            CompletableFuture.allOf(parts.toArray(CompletableFuture[]::new)).thenRun(() -> {
                List<Delivery> deliveries = new ArrayList<>();
                int idle = 0;
                for (int i = 0; i < parts.size(); i++) {
                    AcquireResponse response = parts.get(i).join();
                    deliveries.addAll(response.getDeliveriesList());
                    failures.addAll(response.getFailuresList());
                    int led = byLeader.getOrDefault(nodes.get(i), List.of()).size();
                    idle += response.getFailuresCount() < led ? 1 : 0;
                }
                if (deliveries.isEmpty()) {
                    acquire(byLeader, nodes.subList(atOnce, nodes.size()), atOnce, failures, answered + idle);
                } else {
                    result.complete(deliveries);
                }
            });
        }

        /** Of the records that are left for so many leaders: as many as this one leads partitions, one at least. */
        private int share(int records, int leaders, int led) {
            int byPartitions = (int) ((long) request.getMaxRecords() * led / partitions.size());
            return leaders == 1 ? records : Math.max(1, Math.min(records - (leaders - 1), byPartitions));
        }

        private static AcquireResponse nothingAt(List<Integer> partitions, Throwable failure) {
            AcquireResponse.Builder response = AcquireResponse.newBuilder();
            ItemError error = Errors.item(failure);
            partitions.forEach(partition -> response.addFailures(
                    PartitionFailure.newBuilder().setPartition(partition).setError(error)));
            return response.build();
        }

        private CompletableFuture<AcquireResponse> acquireAt(int node, AcquireRequest part) {
            // Not cancelled with the caller: what it leases must be known here, to be released.
            return at(node, () -> local.acquire(part), Context.ROOT, ACQUIRE_TIMEOUT_MS, stub -> stub.acquire(part));
        }

        private void nothing(Map<Integer, List<Integer>> byLeader, List<PartitionFailure> failures, int answered) {
            long leftMs = TimeUnit.NANOSECONDS.toMillis(deadline - System.nanoTime());
            ItemError lasting = lasting(failures);
            if (lasting != null) {
                result.completeExceptionally(refusal(lasting));
            } else if (leftMs <= PAUSE_MS && answered == 0 && !failures.isEmpty()) {
                result.completeExceptionally(refusal(failures.get(0).getError()));
            } else if (leftMs <= 0) {
                result.complete(List.of());
            } else if (!failures.isEmpty()) {
                timer.schedule(this, Math.min(leftMs, PAUSE_MS), TimeUnit.MILLISECONDS);
            } else {
                awaitAny(byLeader, Math.min(leftMs, AWAIT_MS_MAX));
            }
        }

        /** A failure that will not pass by itself; null if there is none. */
        private @Nullable ItemError lasting(List<PartitionFailure> failures) {
            for (PartitionFailure failure : failures) {
                switch (failure.getError().getReason()) {
                    case ERROR_REASON_GROUP_NOT_FOUND, ERROR_REASON_TOPIC_NOT_FOUND, ERROR_REASON_INVALID_REQUEST -> {
                        return failure.getError();
                    }
                    default -> {}
                }
            }
            return null;
        }

        private static Refusal refusal(ItemError error) {
            return Refusal.of(error.getReason(), error.getMessage(), error.getMetadataMap());
        }

        /** Waits at all leaders at once, and tries again when the first says anything. */
        private void awaitAny(Map<Integer, List<Integer>> byLeader, long waitMs) {
            CompletableFuture<Said> first = new CompletableFuture<>();
            Context.CancellableContext calls = Context.ROOT.withCancellation();
            List<CompletableFuture<AwaitResponse>> waits = new ArrayList<>();
            byLeader.forEach((node, led) -> {
                AwaitRequest.Builder await = AwaitRequest.newBuilder()
                        .setGroupId(group.getGroupId())
                        .addAllPartitions(led)
                        .setMember(request.getMember())
                        .setWaitMs(waitMs);
                if (node == state.nodeId()
                        && partitions.size() == 1) { // no answer can get lost, and none be the second
                    await.setMaxRecords(request.getMaxRecords())
                            .setMaxBytes(request.getMaxBytes())
                            .setLeaseMs(request.getLeaseMs());
                }
                CompletableFuture<AwaitResponse> wait = awaitAt(node, await.build(), calls);
                waits.add(wait);
                wait.whenComplete((answer, failure) ->
                        first.complete(new Said(node, failure == null ? answer : AwaitResponse.getDefaultInstance())));
            });
            long started = System.nanoTime();
            first.thenAccept(said -> {
                AwaitResponse answer = said.answer;
                calls.cancel(null);
                waits.forEach(wait -> wait.complete(AwaitResponse.getDefaultInstance()));
                if (answer.getDeliveriesCount() > 0) {
                    result.complete(answer.getDeliveriesList());
                    return;
                }
                ready = answer.getReady() ? said.node : null;
                long waitedMs = TimeUnit.NANOSECONDS.toMillis(System.nanoTime() - started);
                inVain = answer.getReady() && waitedMs < 1 ? inVain + 1 : 0;
                if (answer.getReady() ? inVain > IN_VAIN_MAX : waitedMs < PAUSE_MS) {
                    timer.schedule(this, PAUSE_MS, TimeUnit.MILLISECONDS);
                } else {
                    run();
                }
            });
        }

        private record Said(int node, AwaitResponse answer) {}

        private CompletableFuture<AwaitResponse> awaitAt(int node, AwaitRequest await, Context calls) {
            long timeoutMs = await.getWaitMs() + ACQUIRE_TIMEOUT_MS;
            return at(node, () -> local.await(await), calls, timeoutMs, stub -> stub.await(await));
        }

        /** Here, if that is the node or there is none. */
        private <T> CompletableFuture<T> at(
                int node,
                Supplier<CompletableFuture<T>> here,
                Context calls,
                long timeoutMs,
                Function<QueueNodeServiceFutureStub, ListenableFuture<T>> there) {
            try {
                String address = state.apiAddress(node);
                if (node == state.nodeId() || address.isEmpty()) {
                    return here.get();
                }
                return calls.call(
                        () -> Calls.future(there.apply(QueueNodeServiceGrpc.newFutureStub(forwarder.to(address))
                                .withDeadlineAfter(timeoutMs, TimeUnit.MILLISECONDS))));
            } catch (Exception e) {
                return CompletableFuture.failedFuture(e);
            }
        }
    }

    // ---- settle

    /** One result per settlement; never fails as a whole. */
    CompletableFuture<List<ItemError>> settle(GroupRow group, List<Settlement> settlements) {
        return ByPartition.ask(
                settlements,
                Settlement::getPartition,
                (partition, part) -> settle(group, partition, part),
                Errors::item);
    }

    private CompletableFuture<List<ItemError>> settle(GroupRow group, int partition, List<Settlement> settlements) {
        GroupId of;
        try {
            of = state.group(group.getTopic(), partition);
        } catch (Refusal e) {
            return CompletableFuture.failedFuture(e);
        }
        SettlePartitionRequest request = SettlePartitionRequest.newBuilder()
                .setGroupId(group.getGroupId())
                .setPartition(partition)
                .addAllSettlements(settlements)
                .build();
        return forwarder
                .run(
                        of,
                        () -> local.settle(group.getGroupId(), partition, settlements),
                        node -> Calls.map(
                                QueueNodeServiceGrpc.newFutureStub(node).settlePartition(request),
                                response -> response.getAcceptedList()))
                .thenApply(accepted -> {
                    List<ItemError> results = new ArrayList<>();
                    for (int i = 0; i < settlements.size(); i++) {
                        results.add(accepted.get(i) ? ItemError.getDefaultInstance() : leaseLost(settlements.get(i)));
                    }
                    return results;
                });
    }

    private static ItemError leaseLost(Settlement settlement) {
        return ItemError.newBuilder()
                .setReason(ErrorReason.ERROR_REASON_LEASE_LOST)
                .setMessage("drop what you did with offset " + settlement.getOffset()
                        + ", or make sure that it does no harm twice: lease " + settlement.getLeaseId()
                        + " has run out or was settled before")
                .setOutcome(WriteOutcome.WRITE_OUTCOME_NOT_APPLIED)
                .build();
    }

    /** Gives back records that were leased for a member that is gone. */
    void release(GroupRow group, List<Delivery> deliveries) {
        List<Settlement> settlements = new ArrayList<>();
        for (Delivery delivery : deliveries) {
            settlements.add(Settlement.newBuilder()
                    .setPartition(delivery.getRecord().getPartition())
                    .setOffset(delivery.getRecord().getOffset())
                    .setLeaseId(delivery.getLeaseId())
                    .setOutcome(Outcome.OUTCOME_RELEASE)
                    .build());
        }
        Context.ROOT.run(() -> settle(group, settlements));
    }
}
