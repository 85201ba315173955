package io.holdfast.node.queue;

import com.google.protobuf.util.Durations;
import io.holdfast.consensus.Refusal;
import io.holdfast.consensus.partition.PartitionReplica;
import io.holdfast.consensus.partition.ReplicaQueues;
import io.holdfast.consensus.queue.AcquireTerms;
import io.holdfast.consensus.queue.LeasedRecord;
import io.holdfast.consensus.queue.QueueViews;
import io.holdfast.consensus.raft.GroupId;
import io.holdfast.internal.v1.AcquireRequest;
import io.holdfast.internal.v1.AcquireResponse;
import io.holdfast.internal.v1.AwaitRequest;
import io.holdfast.internal.v1.AwaitResponse;
import io.holdfast.internal.v1.GroupRow;
import io.holdfast.internal.v1.PartitionFailure;
import io.holdfast.internal.v1.QueueRedrive;
import io.holdfast.node.cluster.ClusterState;
import io.holdfast.node.service.Appends;
import io.holdfast.node.service.Errors;
import io.holdfast.node.service.Headers;
import io.holdfast.node.service.Records;
import io.holdfast.record.LogRecord;
import io.holdfast.v1.Delivery;
import io.holdfast.v1.ErrorReason;
import io.holdfast.v1.ExplainRecordResponse;
import io.holdfast.v1.ParkedDecision;
import io.holdfast.v1.ParkedRecord;
import io.holdfast.v1.QueuePartition;
import io.holdfast.v1.RedriveState;
import io.holdfast.v1.Settlement;
import io.holdfast.v1.SoughtPartition;
import io.holdfast.v1.Start;
import io.holdfast.v1.StoredRecord;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.Executor;
import java.util.concurrent.ScheduledExecutorService;
import java.util.concurrent.ScheduledFuture;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.atomic.AtomicInteger;
import java.util.function.Function;

/** Queue groups in the partitions that this node leads. Any thread; every failure is a {@link Refusal}. */
final class LocalQueues {
    /** Fewer are taken from one partition; an entry for less is not worth it. */
    static final int RECORDS_PER_SHARE_MIN = 128;

    private final ClusterState state;
    private final Appends appends;
    private final QueueMetrics metrics;
    private final Executor executor;
    private final ScheduledExecutorService timer;
    /** Where the next acquire begins, so that no partition is always last. */
    private final AtomicInteger turn = new AtomicInteger();

    LocalQueues(
            ClusterState state,
            Appends appends,
            QueueMetrics metrics,
            Executor executor,
            ScheduledExecutorService timer) {
        this.executor = executor;
        this.state = state;
        this.appends = appends;
        this.metrics = metrics;
        this.timer = timer;
    }

    // ---- acquire and await, over several partitions

    /**
     * Asks a few partitions at once, for a share each that is worth an entry of theirs, then the next few, until some have
     * something.
     */
    CompletableFuture<AcquireResponse> acquire(AcquireRequest request) {
        GroupRow group = group(request.getGroupId());
        int atOnce =
                Math.max(1, Math.min(request.getPartitionsCount(), request.getMaxRecords() / RECORDS_PER_SHARE_MIN));
        CompletableFuture<AcquireResponse> result = new CompletableFuture<>();
        acquire(request, group, turn.getAndAdd(atOnce), atOnce, 0, AcquireResponse.newBuilder(), result);
        return result;
    }

    private void acquire(
            AcquireRequest request,
            GroupRow group,
            int first,
            int atOnce,
            int asked,
            AcquireResponse.Builder response,
            CompletableFuture<AcquireResponse> result) {
        int now = Math.min(atOnce, request.getPartitionsCount() - asked);
        List<CompletableFuture<AcquireResponse.Builder>> parts = new ArrayList<>();
        for (int i = 0; i < now; i++) {
            int partition = request.getPartitions(Math.floorMod(first + asked + i, request.getPartitionsCount()));
            parts.add(acquireFrom(
                    request,
                    group,
                    partition,
                    request.getMaxRecords() / now,
                    Math.max(1, request.getMaxBytes() / now)));
        }
        CompletableFuture.allOf(parts.toArray(CompletableFuture[]::new)).thenRun(() -> {
            parts.forEach(part -> response.mergeFrom(part.join().build()));
            if (response.getDeliveriesCount() > 0 || asked + now == request.getPartitionsCount()) {
                result.complete(response.build());
            } else { // on another thread, lest many partitions that answer at once become a deep stack
                executor.execute(() -> acquire(request, group, first, atOnce, asked + now, response, result));
            }
        });
    }

    /** Never fails; says why there is nothing. */
    private CompletableFuture<AcquireResponse.Builder> acquireFrom(
            AcquireRequest request, GroupRow group, int partition, int recordsMax, long bytesMax) {
        long started = System.nanoTime();
        return onLeader(
                        group,
                        partition,
                        queues -> queues.acquire(
                                group.getGroupId(),
                                request.getMember(),
                                new AcquireTerms(recordsMax, bytesMax, request.getLeaseMs()),
                                request.getPartitionsCount() == 1)) // else another may have some at once
                .handle((records, failure) -> {
                    AcquireResponse.Builder part = AcquireResponse.newBuilder();
                    if (failure != null) {
                        part.addFailures(PartitionFailure.newBuilder()
                                .setPartition(partition)
                                .setError(Errors.item(failure)));
                    } else if (!records.isEmpty()) {
                        metrics.acquired(records.size(), System.nanoTime() - started);
                        records.forEach(record -> part.addDeliveries(delivery(partition, record)));
                    }
                    return part;
                });
    }

    private static Delivery delivery(int partition, LeasedRecord leased) {
        return Delivery.newBuilder()
                .setRecord(StoredRecord.newBuilder()
                        .setPartition(partition)
                        .setOffset(leased.offset())
                        .setAppendTime(Headers.timestamp(leased.appendMs()))
                        .setRecord(Records.toApi(leased.record())))
                .setLeaseId(leased.leaseId())
                .setLease(Durations.fromMillis(leased.leaseMs()))
                .setDeliveryCount(leased.delivered())
                .setFailureCount(leased.failed())
                .build();
    }

    /** Completes when one of the partitions has something, when one fails, or when time is up. Cancel it to stop waiting. */
    CompletableFuture<AwaitResponse> await(AwaitRequest request) {
        GroupRow group = group(request.getGroupId());
        CompletableFuture<AwaitResponse> result = new CompletableFuture<>();
        List<CompletableFuture<List<LeasedRecord>>> waits = new ArrayList<>();
        ScheduledFuture<?> timeout = timer.schedule(
                () -> result.complete(AwaitResponse.getDefaultInstance()), request.getWaitMs(), TimeUnit.MILLISECONDS);
        AcquireTerms terms = request.getPartitionsCount() == 1
                ? new AcquireTerms(request.getMaxRecords(), request.getMaxBytes(), request.getLeaseMs())
                : AcquireTerms.NOTICE;
        for (int partition : request.getPartitionsList()) {
            CompletableFuture<List<LeasedRecord>> wait = onLeader(
                    group, partition, queues -> queues.whenReady(group.getGroupId(), request.getMember(), terms));
            waits.add(wait);
            wait.whenComplete((leased, failure) -> {
                if (result.isDone() && failure != null) {
                    return; // it was told to stop waiting
                }
                AwaitResponse.Builder answer = AwaitResponse.newBuilder();
                if (failure != null) {
                    answer.addFailures(PartitionFailure.newBuilder()
                            .setPartition(partition)
                            .setError(Errors.item(failure)));
                } else {
                    answer.setReady(true);
                    leased.forEach(record -> answer.addDeliveries(delivery(partition, record)));
                }
                if (!result.complete(answer.build()) && failure == null && !leased.isEmpty()) {
                    release(group, partition, leased);
                }
            });
        }
        result.whenComplete((ok, failure) -> {
            timeout.cancel(false);
            waits.forEach(wait -> wait.cancel(false));
        });
        return result;
    }

    private void release(GroupRow group, int partition, List<LeasedRecord> leased) {
        leader(group, partition).queues().lane().release(group.getGroupId(), leased);
    }

    // ---- one partition

    CompletableFuture<List<Boolean>> settle(long groupId, int partition, List<Settlement> settlements) {
        GroupRow group = group(groupId);
        long started = System.nanoTime();
        return onLeader(
                        group,
                        partition,
                        queues -> queues.whenAwake()
                                .thenCompose(ok -> queues.lane().settle(groupId, settlements)))
                .thenApply(accepted -> {
                    metrics.settled(settlements, accepted, System.nanoTime() - started);
                    return accepted;
                });
    }

    CompletableFuture<QueuePartition> describe(long groupId, int partition) {
        return fresh(
                groupId,
                partition,
                queues -> queues.lane().views().describe(groupId).toBuilder()
                        .setPartition(partition)
                        .build());
    }

    CompletableFuture<ExplainRecordResponse> explain(long groupId, int partition, long offset) {
        return fresh(groupId, partition, queues -> queues.lane().views().explain(groupId, offset));
    }

    CompletableFuture<SoughtPartition> seek(long groupId, int partition, Start to, boolean planOnly) {
        PartitionReplica replica = leader(group(groupId), partition);
        return fresh(
                        groupId,
                        partition,
                        queues -> SoughtPartition.newBuilder()
                                .setPartition(partition)
                                .setFrom(queues.lane().views().describe(groupId).getFloor())
                                .setTo(target(replica, to))
                                .build())
                .thenCompose(plan -> planOnly
                        ? CompletableFuture.completedFuture(plan)
                        : replica.queues()
                                .whenAwake()
                                .thenCompose(ok -> replica.queues().lane().seek(groupId, plan.getTo()))
                                .thenApply(
                                        from -> plan.toBuilder().setFrom(from).build()));
    }

    private static long target(PartitionReplica replica, Start to) {
        if (to.getAtCase() == Start.AtCase.AT_NOT_SET) {
            throw Refusal.invalid("say where to go");
        }
        long offset = replica.log().offsetOf(to);
        if (offset < replica.log().startOffset() || offset > replica.highWatermark()) {
            throw Refusal.of(
                    ErrorReason.ERROR_REASON_OFFSET_OUT_OF_RANGE,
                    "choose an offset between " + replica.log().startOffset() + " and " + replica.highWatermark());
        }
        return offset;
    }

    CompletableFuture<List<RedriveState>> redrive(long groupId, int partition, List<QueueRedrive> deadLetters) {
        return onLeader(
                group(groupId),
                partition,
                queues -> queues.whenAwake().thenCompose(ok -> {
                    List<CompletableFuture<RedriveState>> all = new ArrayList<>();
                    deadLetters.forEach(letter -> all.add(queues.lane().redrive(groupId, letter)));
                    return CompletableFuture.allOf(all.toArray(CompletableFuture[]::new))
                            .thenApply(done ->
                                    all.stream().map(CompletableFuture::join).toList());
                }));
    }

    CompletableFuture<List<ParkedRecord>> parked(long groupId, int partition, int most) {
        return fresh(
                groupId,
                partition,
                queues -> queues.lane().views().parked(groupId, most).stream()
                        .map(parked -> parked(partition, parked))
                        .toList());
    }

    private static ParkedRecord parked(int partition, QueueViews.Parked parked) {
        ParkedRecord.Builder record = ParkedRecord.newBuilder()
                .setPartition(partition)
                .setOffset(parked.offset())
                .setDeliveryCount(parked.delivered())
                .setFailureCount(parked.failed())
                .setLastFailure(parked.reason())
                .setLastFailureTime(Headers.timestamp(parked.lastFailureMs()));
        LogRecord found = parked.record();
        return found == null
                ? record.build()
                : record.setRecord(Records.toApi(found)).build();
    }

    CompletableFuture<List<Boolean>> decide(long groupId, int partition, List<Long> offsets, ParkedDecision decision) {
        return onLeader(
                group(groupId),
                partition,
                queues -> queues.whenAwake().thenCompose(ok -> queues.lane().decide(groupId, offsets, decision)));
    }

    // ----

    private <T> CompletableFuture<T> fresh(long groupId, int partition, Function<ReplicaQueues, T> question) {
        PartitionReplica replica = leader(group(groupId), partition);
        return replica.barrier().thenApply(ok -> question.apply(replica.queues()));
    }

    private <T> CompletableFuture<T> onLeader(
            GroupRow group, int partition, Function<ReplicaQueues, CompletableFuture<T>> action) {
        try {
            return action.apply(leader(group, partition).queues());
        } catch (Refusal e) {
            return CompletableFuture.failedFuture(e);
        }
    }

    private PartitionReplica leader(GroupRow group, int partition) {
        return appends.leaderReplica(GroupId.ofPartition(group.getTopicId(), partition));
    }

    private GroupRow group(long groupId) {
        GroupRow group = state.image().groups().get(groupId);
        if (group != null) {
            return group;
        }
        if (groupId < state.image().groups().nextId()) {
            throw Refusal.of(ErrorReason.ERROR_REASON_GROUP_NOT_FOUND, "create the group first: it has been deleted");
        }
        throw Refusal.later(
                ErrorReason.ERROR_REASON_UNAVAILABLE,
                "try again in a moment: this node has not heard of the group yet",
                Duration.ofMillis(50));
    }
}
