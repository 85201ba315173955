package io.holdfast.node.queue;

import io.grpc.stub.ServerCallStreamObserver;
import io.grpc.stub.StreamObserver;
import io.holdfast.consensus.raft.GroupId;
import io.holdfast.internal.v1.AcquireRequest;
import io.holdfast.internal.v1.AcquireResponse;
import io.holdfast.internal.v1.AppendDeadRequest;
import io.holdfast.internal.v1.AppendDeadResponse;
import io.holdfast.internal.v1.AwaitRequest;
import io.holdfast.internal.v1.AwaitResponse;
import io.holdfast.internal.v1.DecideParkedPartitionRequest;
import io.holdfast.internal.v1.DecideParkedPartitionResponse;
import io.holdfast.internal.v1.DescribeQueueRequest;
import io.holdfast.internal.v1.DescribeQueueResponse;
import io.holdfast.internal.v1.ExplainRequest;
import io.holdfast.internal.v1.ExplainResponse;
import io.holdfast.internal.v1.ListParkedPartitionRequest;
import io.holdfast.internal.v1.ListParkedPartitionResponse;
import io.holdfast.internal.v1.QueueNodeServiceGrpc;
import io.holdfast.internal.v1.RedrivePartitionRequest;
import io.holdfast.internal.v1.RedrivePartitionResponse;
import io.holdfast.internal.v1.SeekPartitionRequest;
import io.holdfast.internal.v1.SeekPartitionResponse;
import io.holdfast.internal.v1.SettlePartitionRequest;
import io.holdfast.internal.v1.SettlePartitionResponse;
import io.holdfast.node.service.Appends;
import io.holdfast.node.service.Replies;
import io.holdfast.v1.Sequence;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.Executor;

/** What the other nodes ask of the queue groups in partitions that this one leads. */
final class QueueNodeGrpc extends QueueNodeServiceGrpc.QueueNodeServiceImplBase {
    private final LocalQueues queues;
    private final Appends appends;
    private final Executor executor;

    QueueNodeGrpc(LocalQueues queues, Appends appends, Executor executor) {
        this.queues = queues;
        this.appends = appends;
        this.executor = executor;
    }

    @Override
    public void acquire(AcquireRequest request, StreamObserver<AcquireResponse> to) {
        Replies.send(to, executor, () -> queues.acquire(request));
    }

    @Override
    public void await(AwaitRequest request, StreamObserver<AwaitResponse> to) {
        ServerCallStreamObserver<AwaitResponse> call = (ServerCallStreamObserver<AwaitResponse>) to;
        CompletableFuture<AwaitResponse> stop = new CompletableFuture<>();
        call.setOnCancelHandler(() -> stop.complete(AwaitResponse.getDefaultInstance()));
        Replies.send(to, executor, () -> {
            CompletableFuture<AwaitResponse> answer = queues.await(request);
            stop.thenAccept(answer::complete);
            return answer;
        });
    }

    @Override
    public void settlePartition(SettlePartitionRequest request, StreamObserver<SettlePartitionResponse> to) {
        Replies.send(
                to,
                executor,
                () -> queues.settle(request.getGroupId(), request.getPartition(), request.getSettlementsList())
                        .thenApply(accepted -> SettlePartitionResponse.newBuilder()
                                .addAllAccepted(accepted)
                                .build()));
    }

    @Override
    public void describeQueue(DescribeQueueRequest request, StreamObserver<DescribeQueueResponse> to) {
        Replies.send(
                to,
                executor,
                () -> queues.describe(request.getGroupId(), request.getPartition())
                        .thenApply(queue -> DescribeQueueResponse.newBuilder()
                                .setQueue(queue)
                                .build()));
    }

    @Override
    public void explain(ExplainRequest request, StreamObserver<ExplainResponse> to) {
        Replies.send(
                to,
                executor,
                () -> queues.explain(request.getGroupId(), request.getPartition(), request.getOffset())
                        .thenApply(explanation -> ExplainResponse.newBuilder()
                                .setExplanation(explanation)
                                .build()));
    }

    @Override
    public void seekPartition(SeekPartitionRequest request, StreamObserver<SeekPartitionResponse> to) {
        Replies.send(
                to,
                executor,
                () -> queues.seek(request.getGroupId(), request.getPartition(), request.getTo(), request.getPlanOnly())
                        .thenApply(partition -> SeekPartitionResponse.newBuilder()
                                .setPartition(partition)
                                .build()));
    }

    @Override
    public void redrivePartition(RedrivePartitionRequest request, StreamObserver<RedrivePartitionResponse> to) {
        Replies.send(
                to,
                executor,
                () -> queues.redrive(request.getGroupId(), request.getPartition(), request.getDeadLettersList())
                        .thenApply(states -> RedrivePartitionResponse.newBuilder()
                                .addAllStates(states)
                                .build()));
    }

    @Override
    public void listParkedPartition(
            ListParkedPartitionRequest request, StreamObserver<ListParkedPartitionResponse> to) {
        Replies.send(
                to,
                executor,
                () -> queues.parked(request.getGroupId(), request.getPartition(), request.getMaxRecords())
                        .thenApply(records -> ListParkedPartitionResponse.newBuilder()
                                .addAllRecords(records)
                                .build()));
    }

    @Override
    public void decideParkedPartition(
            DecideParkedPartitionRequest request, StreamObserver<DecideParkedPartitionResponse> to) {
        Replies.send(
                to,
                executor,
                () -> queues.decide(
                                request.getGroupId(),
                                request.getPartition(),
                                request.getOffsetsList(),
                                request.getDecision())
                        .thenApply(decided -> DecideParkedPartitionResponse.newBuilder()
                                .addAllDecided(decided)
                                .build()));
    }

    @Override
    public void appendDead(AppendDeadRequest request, StreamObserver<AppendDeadResponse> to) {
        Replies.send(
                to,
                executor,
                () -> appends.appendOwn(
                                GroupId.ofPartition(request.getTopicId(), 0),
                                request.getBatch().asReadOnlyByteBuffer(),
                                Sequence.newBuilder()
                                        .setProducerId(request.getProducerId())
                                        .setFirstSequence(request.getFirstSequence())
                                        .build())
                        .thenApply(stored -> AppendDeadResponse.getDefaultInstance()));
    }
}
