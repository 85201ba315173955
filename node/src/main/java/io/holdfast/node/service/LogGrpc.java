package io.holdfast.node.service;

import com.google.common.util.concurrent.ListenableFuture;
import io.grpc.Channel;
import io.grpc.stub.ServerCallStreamObserver;
import io.grpc.stub.StreamObserver;
import io.holdfast.consensus.Refusal;
import io.holdfast.consensus.partition.PartitionReplica;
import io.holdfast.consensus.raft.GroupId;
import io.holdfast.internal.v1.ProducerBatch;
import io.holdfast.node.cluster.ClusterState;
import io.holdfast.v1.DescribeProducerRequest;
import io.holdfast.v1.DescribeProducerResponse;
import io.holdfast.v1.LogServiceGrpc;
import io.holdfast.v1.LookupOffsetsRequest;
import io.holdfast.v1.LookupOffsetsResponse;
import io.holdfast.v1.OpenProducerRequest;
import io.holdfast.v1.OpenProducerResponse;
import io.holdfast.v1.PartitionOffset;
import io.holdfast.v1.PublishRequest;
import io.holdfast.v1.PublishResponse;
import io.holdfast.v1.PublishStreamRequest;
import io.holdfast.v1.PublishStreamResponse;
import io.holdfast.v1.ReadRequest;
import io.holdfast.v1.ReadResponse;
import io.holdfast.v1.ReadStreamRequest;
import io.holdfast.v1.ReadStreamResponse;
import io.holdfast.v1.TopicPartition;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.Executor;
import java.util.concurrent.ScheduledExecutorService;
import java.util.function.Function;
import java.util.function.Supplier;

/** LogService: unary calls here, streams in a call object each. */
public final class LogGrpc extends LogServiceGrpc.LogServiceImplBase {
    private final ClusterState state;
    private final Intake intake;
    private final Publishing publishing;
    private final Reads reads;
    private final Headers headers;
    private final Forwarder forwarder;
    private final ProducerIds producerIds;
    private final NodeMetrics metrics;
    private final Executor executor;
    private final ScheduledExecutorService timer;

    LogGrpc(
            ClusterState state,
            Appends appends,
            Reads reads,
            Headers headers,
            Forwarder forwarder,
            ProducerIds producerIds,
            NodeMetrics metrics,
            Executor executor,
            ScheduledExecutorService timer) {
        this.state = state;
        this.intake = new Intake(state, appends);
        this.publishing = new Publishing(state, appends, intake, headers, forwarder);
        this.reads = reads;
        this.headers = headers;
        this.forwarder = forwarder;
        this.producerIds = producerIds;
        this.metrics = metrics;
        this.executor = executor;
        this.timer = timer;
    }

    @Override
    public void openProducer(OpenProducerRequest request, StreamObserver<OpenProducerResponse> to) {
        Replies.send(
                to,
                executor,
                () -> producerIds
                        .open(request.getName())
                        .thenApply(producer -> OpenProducerResponse.newBuilder()
                                .setHeader(headers.header())
                                .setProducerId(producer.id())
                                .setEpoch(producer.epoch())
                                .build()));
    }

    @Override
    public void describeProducer(DescribeProducerRequest request, StreamObserver<DescribeProducerResponse> to) {
        unary(
                request.getPartition(),
                to,
                group -> describe(group, request.getProducerId()),
                node -> LogServiceGrpc.newFutureStub(node).describeProducer(request));
    }

    private CompletableFuture<DescribeProducerResponse> describe(GroupId group, long producerId) {
        PartitionReplica replica = reads.replica(group);
        return replica.producer(producerId).thenApply(row -> {
            DescribeProducerResponse.Builder response =
                    DescribeProducerResponse.newBuilder().setHeader(headers.header());
            if (row != null) {
                response.setKnown(true).setEpoch(row.getEpoch()).setNextSequence(row.getNextSequence());
                for (ProducerBatch batch : row.getRecentList()) {
                    if (!batch.getScheduled()) {
                        response.setLastOffset(
                                batch.getFirstOffset() + batch.getLastSequence() - batch.getFirstSequence());
                    }
                }
            }
            return response.build();
        });
    }

    @Override
    public void read(ReadRequest request, StreamObserver<ReadResponse> to) {
        unary(
                request.getPartition(),
                to,
                group -> reads.read(group, request, Forwarder.deadline()),
                node -> LogServiceGrpc.newFutureStub(node).read(request),
                true);
    }

    @Override
    public void lookupOffsets(LookupOffsetsRequest request, StreamObserver<LookupOffsetsResponse> to) {
        Replies.send(to, executor, () -> {
            List<CompletableFuture<PartitionOffset>> lookups = new ArrayList<>();
            for (TopicPartition partition : request.getPartitionsList()) {
                lookups.add(lookup(request, partition));
            }
            return CompletableFuture.allOf(lookups.toArray(CompletableFuture[]::new))
                    .thenApply(ok -> {
                        LookupOffsetsResponse.Builder response =
                                LookupOffsetsResponse.newBuilder().setHeader(headers.header());
                        lookups.forEach(lookup -> response.addOffsets(lookup.join()));
                        return response.build();
                    });
        });
    }

    private CompletableFuture<PartitionOffset> lookup(LookupOffsetsRequest request, TopicPartition partition) {
        CompletableFuture<LookupOffsetsResponse> one;
        try {
            GroupId group = state.group(partition.getTopic(), partition.getPartition());
            LookupOffsetsRequest alone = request.toBuilder()
                    .clearPartitions()
                    .addPartitions(partition)
                    .build();
            one = onReplica(
                    group,
                    () -> {
                        PartitionReplica replica = reads.replica(group);
                        return replica.barrier()
                                .thenApply(ok -> LookupOffsetsResponse.newBuilder()
                                        .addOffsets(PartitionOffset.newBuilder()
                                                .setPartition(partition)
                                                .setOffset(reads.startOffset(replica, request.getAt())))
                                        .build());
                    },
                    node -> LogServiceGrpc.newFutureStub(node).lookupOffsets(alone),
                    true);
        } catch (Refusal e) {
            one = CompletableFuture.failedFuture(e);
        }
        return one.handle((answer, failure) -> failure == null
                ? answer.getOffsets(0)
                : PartitionOffset.newBuilder()
                        .setPartition(partition)
                        .setError(Errors.item(failure))
                        .build());
    }

    private <T> void unary(
            TopicPartition partition,
            StreamObserver<T> to,
            Function<GroupId, CompletableFuture<T>> local,
            Function<Channel, ListenableFuture<T>> remote) {
        unary(partition, to, local, remote, false);
    }

    private <T> void unary(
            TopicPartition partition,
            StreamObserver<T> to,
            Function<GroupId, CompletableFuture<T>> local,
            Function<Channel, ListenableFuture<T>> remote,
            boolean anyReplica) {
        Replies.send(to, executor, () -> {
            GroupId group = state.group(partition.getTopic(), partition.getPartition());
            return onReplica(group, () -> local.apply(group), remote, anyReplica);
        });
    }

    /** Reads are served here if there is a replica here, whoever leads. */
    private <T> CompletableFuture<T> onReplica(
            GroupId group,
            Supplier<CompletableFuture<T>> local,
            Function<Channel, ListenableFuture<T>> remote,
            boolean anyReplica) {
        PartitionReplica replica = state.replica(group);
        return anyReplica && replica != null && replica.damage() == null
                ? forwarder.retry(local)
                : forwarder.run(group, local, remote);
    }

    // ---- publish

    @Override
    public void publish(PublishRequest request, StreamObserver<PublishResponse> to) {
        Replies.send(to, executor, () -> publishing.publish(request));
    }

    // ---- streams

    @Override
    public StreamObserver<PublishStreamRequest> publishStream(StreamObserver<PublishStreamResponse> to) {
        return new PublishStreamCall(
                (ServerCallStreamObserver<PublishStreamResponse>) to, state, intake, headers, metrics);
    }

    @Override
    public StreamObserver<ReadStreamRequest> readStream(StreamObserver<ReadStreamResponse> to) {
        return new ReadStreamCall(
                (ServerCallStreamObserver<ReadStreamResponse>) to, state, reads, metrics, executor, timer);
    }
}
