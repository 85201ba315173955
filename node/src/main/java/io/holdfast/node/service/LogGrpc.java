package io.holdfast.node.service;

import com.google.common.util.concurrent.ListenableFuture;
import com.google.protobuf.ByteString;
import io.grpc.Channel;
import io.grpc.stub.ServerCallStreamObserver;
import io.grpc.stub.StreamObserver;
import io.holdfast.consensus.Refusal;
import io.holdfast.consensus.partition.AppendResult;
import io.holdfast.consensus.partition.PartitionReplica;
import io.holdfast.consensus.raft.GroupId;
import io.holdfast.internal.v1.TopicRow;
import io.holdfast.node.cluster.ClusterState;
import io.holdfast.node.cluster.SystemTopics;
import io.holdfast.record.Compression;
import io.holdfast.record.KeyHash;
import io.holdfast.record.LogRecord;
import io.holdfast.record.RecordBatchBuilder;
import io.holdfast.v1.DescribeProducerRequest;
import io.holdfast.v1.DescribeProducerResponse;
import io.holdfast.v1.ErrorReason;
import io.holdfast.v1.LogServiceGrpc;
import io.holdfast.v1.LookupOffsetsRequest;
import io.holdfast.v1.LookupOffsetsResponse;
import io.holdfast.v1.OpenProducerRequest;
import io.holdfast.v1.OpenProducerResponse;
import io.holdfast.v1.PartitionOffset;
import io.holdfast.v1.PublishRequest;
import io.holdfast.v1.PublishResponse;
import io.holdfast.v1.PublishResult;
import io.holdfast.v1.PublishStreamRequest;
import io.holdfast.v1.PublishStreamResponse;
import io.holdfast.v1.ReadRequest;
import io.holdfast.v1.ReadResponse;
import io.holdfast.v1.ReadStreamRequest;
import io.holdfast.v1.ReadStreamResponse;
import io.holdfast.v1.Record;
import io.holdfast.v1.Sequence;
import io.holdfast.v1.TopicPartition;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.TreeMap;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.Executor;
import java.util.concurrent.ScheduledExecutorService;
import java.util.concurrent.ThreadLocalRandom;
import java.util.function.Function;
import java.util.function.Supplier;

/** LogService: unary calls here, streams in a call object each. */
public final class LogGrpc extends LogServiceGrpc.LogServiceImplBase {
    private final ClusterState state;
    private final Appends appends;
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
        this.appends = appends;
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
                var last = row.getRecent(row.getRecentCount() - 1);
                response.setKnown(true)
                        .setEpoch(row.getEpoch())
                        .setNextSequence(row.getNextSequence())
                        .setLastOffset(last.getFirstOffset() + last.getLastSequence() - last.getFirstSequence());
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
        Replies.send(to, executor, () -> {
            if (request.getRecordsCount() == 0) {
                throw Refusal.invalid("send at least one record");
            }
            SystemTopics.refuse(request.getTopic());
            TopicRow topic = state.topic(request.getTopic());
            if (request.hasPartition()) {
                return publishTo(topic, request.getPartition(), request);
            }
            if (request.hasSequence() || request.hasExpectedOffset()) {
                throw Refusal.invalid("name the partition: a sequence or an expected offset is about one partition");
            }
            return publishByKey(topic, request);
        });
    }

    private CompletableFuture<PublishResponse> publishByKey(TopicRow topic, PublishRequest request) {
        int partitions = topic.getAssignmentsCount();
        int keyless = ThreadLocalRandom.current().nextInt(partitions);
        Map<Integer, List<Integer>> byPartition = new TreeMap<>();
        for (int i = 0; i < request.getRecordsCount(); i++) {
            Record record = request.getRecords(i);
            int partition = record.hasKey()
                    ? KeyHash.partition(KeyHash.of(record.getKey().toByteArray()), partitions)
                    : keyless;
            byPartition.computeIfAbsent(partition, p -> new ArrayList<>()).add(i);
        }
        PublishResult[] results = new PublishResult[request.getRecordsCount()];
        List<CompletableFuture<ByteString>> parts = new ArrayList<>();
        byPartition.forEach((partition, positions) -> {
            PublishRequest.Builder part = request.toBuilder().clearRecords().setPartition(partition);
            positions.forEach(i -> part.addRecords(request.getRecords(i)));
            parts.add(publishTo(topic, partition, part.build()).handle((response, failure) -> {
                for (int i = 0; i < positions.size(); i++) {
                    results[positions.get(i)] = failure == null
                            ? response.getResults(i)
                            : PublishResult.newBuilder()
                                    .setPartition(partition)
                                    .setError(Errors.item(failure))
                                    .build();
                }
                if (failure != null && byPartition.size() == 1) {
                    throw new java.util.concurrent.CompletionException(failure);
                }
                return failure == null ? response.getHeader().getSessionToken() : ByteString.EMPTY;
            }));
        });
        return CompletableFuture.allOf(parts.toArray(CompletableFuture[]::new)).thenApply(ok -> {
            ByteString token = ByteString.EMPTY;
            for (CompletableFuture<ByteString> part : parts) {
                token = token.concat(part.join()); // tokens are lists of partitions, and these are different ones
            }
            return PublishResponse.newBuilder()
                    .setHeader(headers.header().setSessionToken(token))
                    .addAllResults(List.of(results))
                    .build();
        });
    }

    private CompletableFuture<PublishResponse> publishTo(TopicRow topic, int partition, PublishRequest request) {
        GroupId group = state.group(topic.getName(), partition);
        return forwarder.run(
                group,
                () -> publishHere(group, request),
                node -> LogServiceGrpc.newFutureStub(node).publish(request));
    }

    private CompletableFuture<PublishResponse> publishHere(GroupId group, PublishRequest request) {
        appends.leader(group);
        Sequence sequence = request.hasSequence() ? request.getSequence() : null;
        RecordBatchBuilder builder = new RecordBatchBuilder(Compression.NONE);
        if (sequence != null) {
            builder.producer(sequence.getProducerId(), sequence.getEpoch(), sequence.getFirstSequence());
        }
        long nowMs = System.currentTimeMillis();
        for (Record record : request.getRecordsList()) {
            if (record.getSerializedSize() > appends.limits().recordBytesMax()) {
                throw Refusal.of(
                        ErrorReason.ERROR_REASON_RECORD_TOO_LARGE,
                        "split the record: it has " + record.getSerializedSize() + " bytes, the limit is "
                                + appends.limits().recordBytesMax());
            }
            LogRecord log = Records.toLog(record, nowMs);
            builder.add(log);
        }
        Long expected = request.hasExpectedOffset() ? request.getExpectedOffset() : null;
        return appends.append(group, builder.build(), sequence, expected)
                .thenApply(result -> response(group, request, result));
    }

    private PublishResponse response(GroupId group, PublishRequest request, AppendResult result) {
        PublishResponse.Builder response = PublishResponse.newBuilder()
                .setHeader(headers.header()
                        .setSessionToken(Headers.token(ByteString.EMPTY, group, result.highWatermark())));
        for (int i = 0; i < request.getRecordsCount(); i++) {
            boolean duplicate = result.duplicate() || i < result.alreadyStored();
            PublishResult.Builder one = PublishResult.newBuilder()
                    .setPartition(group.partition())
                    .setDuplicate(duplicate)
                    .setAppendTime(Headers.timestamp(result.appendTimeMs()));
            if (!result.offsetUnknown() && i >= result.alreadyStored()) {
                one.setOffset(result.firstOffset() + i - result.alreadyStored());
            }
            response.addResults(one);
        }
        return response.build();
    }

    // ---- streams

    @Override
    public StreamObserver<PublishStreamRequest> publishStream(StreamObserver<PublishStreamResponse> to) {
        return new PublishStreamCall(
                (ServerCallStreamObserver<PublishStreamResponse>) to, state, appends, headers, metrics);
    }

    @Override
    public StreamObserver<ReadStreamRequest> readStream(StreamObserver<ReadStreamResponse> to) {
        return new ReadStreamCall(
                (ServerCallStreamObserver<ReadStreamResponse>) to, state, reads, metrics, executor, timer);
    }
}
