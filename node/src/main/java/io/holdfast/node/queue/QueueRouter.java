package io.holdfast.node.queue;

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
import io.holdfast.internal.v1.SettlePartitionRequest;
import io.holdfast.internal.v1.TopicRow;
import io.holdfast.node.cluster.Calls;
import io.holdfast.node.cluster.ClusterState;
import io.holdfast.node.service.Errors;
import io.holdfast.node.service.Forwarder;
import io.holdfast.v1.Delivery;
import io.holdfast.v1.ErrorReason;
import io.holdfast.v1.ItemError;
import io.holdfast.v1.Outcome;
import io.holdfast.v1.Settlement;
import java.util.ArrayList;
import java.util.Collections;
import java.util.List;
import java.util.Map;
import java.util.TreeMap;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.ScheduledExecutorService;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.atomic.AtomicInteger;
import java.util.function.BooleanSupplier;

/**
 * Brings what members ask for to the nodes that lead the partitions, here or one hop away, and waits for records there
 * without leasing any. Any thread; nothing blocks.
 */
final class QueueRouter {
    /** After an attempt that found nothing although something had been ready, or nobody who leads. */
    private static final long PAUSE_MS = 20;
    /** One wait at the leaders; then they are looked up anew. */
    private static final long AWAIT_MS_MAX = 10_000;

    private static final long ACQUIRE_TIMEOUT_MS = 10_000;
    /** Records per leader from which on all are asked at once. */
    private static final int RECORDS_PER_SHARE_MIN = 32;

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
            if (nodes.size() > 1 && request.getMaxRecords() >= nodes.size() * RECORDS_PER_SHARE_MIN) {
                acquireFromAll(byLeader);
            } else {
                Collections.shuffle(nodes);
                acquire(byLeader, nodes, 0, new ArrayList<>(), 0);
            }
        }

        /** Many records are wanted: each leader gives a share, all at once. */
        private void acquireFromAll(Map<Integer, List<Integer>> byLeader) {
            List<Delivery> deliveries = Collections.synchronizedList(new ArrayList<>());
            List<PartitionFailure> failures = Collections.synchronizedList(new ArrayList<>());
            AtomicInteger answered = new AtomicInteger();
            List<CompletableFuture<?>> parts = new ArrayList<>();
            byLeader.forEach((node, led) -> {
                AcquireRequest part = request.toBuilder()
                        .clearPartitions()
                        .addAllPartitions(led)
                        .setMaxRecords((int) ((long) request.getMaxRecords() * led.size() / partitions.size()))
                        .setMaxBytes(Math.max(1, request.getMaxBytes() * led.size() / partitions.size()))
                        .build();
                parts.add(acquireAt(node, part).handle((response, failure) -> {
                    if (failure != null) {
                        failures.add(PartitionFailure.newBuilder()
                                .setError(Errors.item(failure))
                                .build());
                    } else {
                        deliveries.addAll(response.getDeliveriesList());
                        failures.addAll(response.getFailuresList());
                        answered.addAndGet(response.getFailuresCount() < led.size() ? 1 : 0);
                    }
                    return null;
                }));
            });
            CompletableFuture.allOf(parts.toArray(CompletableFuture[]::new)).thenRun(() -> {
                if (!deliveries.isEmpty()) {
                    result.complete(List.copyOf(deliveries));
                } else if (gone.getAsBoolean()) {
                    result.complete(List.of());
                } else {
                    nothing(byLeader, failures, answered.get());
                }
            });
        }

        private Map<Integer, List<Integer>> byLeader() {
            Map<Integer, List<Integer>> byLeader = new TreeMap<>();
            for (int partition : partitions) {
                int leader = state.leader(GroupId.ofPartition(group.getTopicId(), partition));
                byLeader.computeIfAbsent(leader, node -> new ArrayList<>()).add(partition);
            }
            return byLeader;
        }

        private void acquire(
                Map<Integer, List<Integer>> byLeader,
                List<Integer> nodes,
                int next,
                List<PartitionFailure> failures,
                int answered) {
            if (gone.getAsBoolean()) {
                result.complete(List.of());
                return;
            }
            if (next == nodes.size()) {
                nothing(byLeader, failures, answered);
                return;
            }
            int node = nodes.get(next);
            List<Integer> led = byLeader.getOrDefault(node, List.of());
            AcquireRequest part =
                    request.toBuilder().clearPartitions().addAllPartitions(led).build();
            acquireAt(node, part).whenComplete((response, failure) -> {
                if (failure != null) {
                    failures.add(PartitionFailure.newBuilder()
                            .setError(Errors.item(failure))
                            .build());
                    acquire(byLeader, nodes, next + 1, failures, answered);
                } else if (response.getDeliveriesCount() > 0) {
                    result.complete(response.getDeliveriesList());
                } else {
                    failures.addAll(response.getFailuresList());
                    int here = response.getFailuresCount() < led.size() ? 1 : 0;
                    acquire(byLeader, nodes, next + 1, failures, answered + here);
                }
            });
        }

        private CompletableFuture<AcquireResponse> acquireAt(int node, AcquireRequest part) {
            try {
                String address = state.apiAddress(node);
                if (node == state.nodeId() || address.isEmpty()) {
                    return local.acquire(part);
                }
                // Not cancelled with the caller: what it leases must be known here, to be released.
                return Context.ROOT.call(() -> Calls.future(QueueNodeServiceGrpc.newFutureStub(forwarder.to(address))
                        .withDeadlineAfter(ACQUIRE_TIMEOUT_MS, TimeUnit.MILLISECONDS)
                        .acquire(part)));
            } catch (Exception e) {
                return CompletableFuture.failedFuture(e);
            }
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
        private @org.jspecify.annotations.Nullable ItemError lasting(List<PartitionFailure> failures) {
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
            CompletableFuture<AwaitResponse> first = new CompletableFuture<>();
            Context.CancellableContext calls = Context.ROOT.withCancellation();
            List<CompletableFuture<AwaitResponse>> waits = new ArrayList<>();
            byLeader.forEach((node, led) -> {
                AwaitRequest await = AwaitRequest.newBuilder()
                        .setGroupId(group.getGroupId())
                        .addAllPartitions(led)
                        .setMember(request.getMember())
                        .setWaitMs(waitMs)
                        .build();
                CompletableFuture<AwaitResponse> wait = awaitAt(node, await, calls);
                waits.add(wait);
                wait.whenComplete((answer, failure) ->
                        first.complete(failure == null ? answer : AwaitResponse.getDefaultInstance()));
            });
            long started = System.nanoTime();
            first.whenComplete((answer, failure) -> {
                calls.cancel(null);
                waits.forEach(wait -> wait.complete(AwaitResponse.getDefaultInstance()));
                long waitedMs = TimeUnit.NANOSECONDS.toMillis(System.nanoTime() - started);
                boolean atOnce = answer.getReady() ? waitedMs < 1 : waitedMs < PAUSE_MS;
                timer.schedule(this, atOnce ? PAUSE_MS : 0, TimeUnit.MILLISECONDS);
            });
        }

        private CompletableFuture<AwaitResponse> awaitAt(
                int node, AwaitRequest await, Context.CancellableContext calls) {
            try {
                String address = state.apiAddress(node);
                if (node == state.nodeId() || address.isEmpty()) {
                    return local.await(await);
                }
                return calls.call(() -> Calls.future(QueueNodeServiceGrpc.newFutureStub(forwarder.to(address))
                        .withDeadlineAfter(await.getWaitMs() + ACQUIRE_TIMEOUT_MS, TimeUnit.MILLISECONDS)
                        .await(await)));
            } catch (Exception e) {
                return CompletableFuture.failedFuture(e);
            }
        }
    }

    // ---- settle

    /** One result per settlement; never fails as a whole. */
    CompletableFuture<List<ItemError>> settle(GroupRow group, List<Settlement> settlements) {
        Map<Integer, List<Integer>> byPartition = new TreeMap<>();
        for (int i = 0; i < settlements.size(); i++) {
            byPartition
                    .computeIfAbsent(settlements.get(i).getPartition(), p -> new ArrayList<>())
                    .add(i);
        }
        ItemError[] results = new ItemError[settlements.size()];
        List<CompletableFuture<?>> parts = new ArrayList<>();
        byPartition.forEach((partition, positions) -> {
            List<Settlement> part = positions.stream().map(settlements::get).toList();
            parts.add(settle(group, partition, part).handle((accepted, failure) -> {
                for (int i = 0; i < positions.size(); i++) {
                    results[positions.get(i)] = failure != null
                            ? Errors.item(failure)
                            : accepted.get(i) ? ItemError.getDefaultInstance() : leaseLost(part.get(i));
                }
                return null;
            }));
        });
        return CompletableFuture.allOf(parts.toArray(CompletableFuture[]::new)).thenApply(ok -> List.of(results));
    }

    private CompletableFuture<List<Boolean>> settle(GroupRow group, int partition, List<Settlement> settlements) {
        TopicRow topic = state.image().topic(group.getTopicId());
        if (topic == null || partition < 0 || partition >= topic.getAssignmentsCount()) {
            return CompletableFuture.failedFuture(Refusal.of(
                    ErrorReason.ERROR_REASON_PARTITION_NOT_FOUND,
                    "settle what was delivered: topic '" + group.getTopic() + "' has no partition "
                            + Integer.toUnsignedString(partition)));
        }
        SettlePartitionRequest request = SettlePartitionRequest.newBuilder()
                .setGroupId(group.getGroupId())
                .setPartition(partition)
                .addAllSettlements(settlements)
                .build();
        return forwarder.run(
                GroupId.ofPartition(group.getTopicId(), partition),
                () -> local.settle(group.getGroupId(), partition, settlements),
                node -> com.google.common.util.concurrent.Futures.transform(
                        QueueNodeServiceGrpc.newFutureStub(node).settlePartition(request),
                        response -> response.getAcceptedList(),
                        com.google.common.util.concurrent.MoreExecutors.directExecutor()));
    }

    private static ItemError leaseLost(Settlement settlement) {
        return ItemError.newBuilder()
                .setReason(ErrorReason.ERROR_REASON_LEASE_LOST)
                .setMessage("drop what you did with offset " + settlement.getOffset()
                        + ", or make sure that it does no harm twice: lease " + settlement.getLeaseId()
                        + " has run out or was settled before")
                .setOutcome(io.holdfast.v1.WriteOutcome.WRITE_OUTCOME_NOT_APPLIED)
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
