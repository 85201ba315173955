package io.holdfast.client;

import com.google.common.util.concurrent.Futures;
import com.google.common.util.concurrent.ListenableFuture;
import io.grpc.Channel;
import io.grpc.StatusRuntimeException;
import io.holdfast.v1.ClusterEvent;
import io.holdfast.v1.ClusterServiceGrpc;
import io.holdfast.v1.CreateTopicRequest;
import io.holdfast.v1.DeleteTopicRequest;
import io.holdfast.v1.DescribeClusterRequest;
import io.holdfast.v1.DescribeClusterResponse;
import io.holdfast.v1.DescribeProducerRequest;
import io.holdfast.v1.DescribeProducerResponse;
import io.holdfast.v1.ErrorReason;
import io.holdfast.v1.GetRoutesRequest;
import io.holdfast.v1.GetRoutesResponse;
import io.holdfast.v1.GetTopicRequest;
import io.holdfast.v1.GetTopicResponse;
import io.holdfast.v1.ListEventsRequest;
import io.holdfast.v1.ListTopicsRequest;
import io.holdfast.v1.ListTopicsResponse;
import io.holdfast.v1.LogServiceGrpc;
import io.holdfast.v1.LookupOffsetsRequest;
import io.holdfast.v1.NodeState;
import io.holdfast.v1.OpenProducerRequest;
import io.holdfast.v1.OpenProducerResponse;
import io.holdfast.v1.PartitionKeys;
import io.holdfast.v1.PartitionOffset;
import io.holdfast.v1.RaiseFeatureLevelRequest;
import io.holdfast.v1.RaiseFeatureLevelResponse;
import io.holdfast.v1.RouteServiceGrpc;
import io.holdfast.v1.ScrubRequest;
import io.holdfast.v1.ScrubResponse;
import io.holdfast.v1.ScrubServiceGrpc;
import io.holdfast.v1.SetNodeStateRequest;
import io.holdfast.v1.SetNodeStateResponse;
import io.holdfast.v1.Start;
import io.holdfast.v1.Topic;
import io.holdfast.v1.TopicConfig;
import io.holdfast.v1.TopicPartition;
import io.holdfast.v1.TopicServiceGrpc;
import io.holdfast.v1.TrimTopicRequest;
import io.holdfast.v1.UpdateTopicRequest;
import io.holdfast.v1.WriteOutcome;
import java.time.Duration;
import java.util.ArrayDeque;
import java.util.ArrayList;
import java.util.Deque;
import java.util.List;
import java.util.Optional;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.ExecutionException;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.atomic.AtomicInteger;
import java.util.function.Function;
import org.jspecify.annotations.Nullable;

/**
 * Topics and the cluster. Calls block, try one node after the other while none answers, and throw
 * {@link HoldfastException}. Thread-safe.
 */
public final class Admin {
    private static final Duration TIMEOUT = Duration.ofSeconds(15);
    /** That a node needs at most to learn of new partitions, unless it is in trouble. */
    private static final Duration BEHIND = Duration.ofSeconds(3);

    private static final long ATTEMPT_SECONDS = 8;
    private static final long RETRY_MS = 50;

    private final Connections connections;
    private final AtomicInteger preferred = new AtomicInteger();

    Admin(Connections connections) {
        this.connections = connections;
    }

    /**
     * @param partitions 0 for 1
     * @param replicas 0 for 3, or for 1 on a single node
     */
    public Topic createTopic(String name, int partitions, int replicas) {
        return createTopic(
                name,
                TopicConfig.newBuilder()
                        .setPartitions(partitions)
                        .setReplicas(replicas)
                        .build());
    }

    /** @param config what is not set takes its default */
    public Topic createTopic(String name, TopicConfig config) {
        return createTopic(name, config, List.of());
    }

    /** @param keys of each partition, as a topic that had grown had them; none for equal shares */
    public Topic createTopic(String name, TopicConfig config, List<PartitionKeys> keys) {
        return createTopic(
                false,
                CreateTopicRequest.newBuilder()
                        .setName(name)
                        .setConfig(config)
                        .addAllKeys(keys)
                        .build());
    }

    /** What {@link #createTopic(String, TopicConfig)} would make; makes nothing. */
    public Topic checkTopic(String name, TopicConfig config) {
        return createTopic(
                true,
                CreateTopicRequest.newBuilder()
                        .setName(name)
                        .setConfig(config)
                        .setValidateOnly(true)
                        .build());
    }

    private Topic createTopic(boolean onlyCheck, CreateTopicRequest request) {
        return call(
                        onlyCheck,
                        channel ->
                                timed(TopicServiceGrpc.newBlockingStub(channel)).createTopic(request))
                .getTopic();
    }

    /**
     * Replaces what a topic keeps, for how long and in how many replicas, which are made or deleted by and by. More
     * partitions than before each take half of another's keys; as many, or 0, leaves them as they are.
     */
    public Topic updateTopic(String name, TopicConfig config) {
        UpdateTopicRequest request =
                UpdateTopicRequest.newBuilder().setName(name).setConfig(config).build();
        return call(
                        true,
                        channel ->
                                timed(TopicServiceGrpc.newBlockingStub(channel)).updateTopic(request))
                .getTopic();
    }

    public Topic getTopic(String name) {
        GetTopicRequest request = GetTopicRequest.newBuilder().setName(name).build();
        return call(
                        true,
                        channel ->
                                timed(TopicServiceGrpc.newBlockingStub(channel)).getTopic(request))
                .getTopic();
    }

    /**
     * Asks nodes, one after the other until one can tell, whether there is a topic.
     *
     * @return completes, never with a failure, with TOPIC_NOT_FOUND if there is none now: a node that denies one has asked the
     *     others. With nothing if there is one, or nobody can tell
     */
    CompletableFuture<Optional<HoldfastException>> denial(String topic) {
        CompletableFuture<Optional<HoldfastException>> result = new CompletableFuture<>();
        askForDenial(
                GetTopicRequest.newBuilder().setName(topic).build(), new ArrayDeque<>(connections.known()), result);
        return result;
    }

    private void askForDenial(
            GetTopicRequest request, Deque<String> addresses, CompletableFuture<Optional<HoldfastException>> result) {
        String address = addresses.poll();
        if (address == null) {
            result.complete(Optional.empty());
            return;
        }
        ListenableFuture<GetTopicResponse> asked =
                timed(TopicServiceGrpc.newFutureStub(connections.to(address))).getTopic(request);
        asked.addListener(
                () -> {
                    try {
                        Futures.getDone(asked);
                        result.complete(Optional.empty());
                    } catch (ExecutionException | RuntimeException e) {
                        HoldfastException failure = HoldfastException.of(e.getCause() == null ? e : e.getCause());
                        if (failure.reason() == ErrorReason.ERROR_REASON_TOPIC_NOT_FOUND) {
                            result.complete(Optional.of(failure));
                        } else {
                            askForDenial(request, addresses, result);
                        }
                    }
                },
                Runnable::run);
    }

    /** All topics whose name starts with the prefix, by name. */
    public List<Topic> listTopics(String prefix) {
        List<Topic> topics = new ArrayList<>();
        String page = "";
        do {
            ListTopicsRequest request = ListTopicsRequest.newBuilder()
                    .setPrefix(prefix)
                    .setPageToken(page)
                    .build();
            ListTopicsResponse response = call(
                    true,
                    channel -> timed(TopicServiceGrpc.newBlockingStub(channel)).listTopics(request));
            topics.addAll(response.getTopicsList());
            page = response.getNextPageToken();
        } while (!page.isEmpty());
        return topics;
    }

    /** Deletes the topic and all its records. */
    public void deleteTopic(String name) {
        DeleteTopicRequest request =
                DeleteTopicRequest.newBuilder().setName(name).build();
        call(false, channel -> timed(TopicServiceGrpc.newBlockingStub(channel)).deleteTopic(request));
    }

    /** Makes a partition start at this offset; returns where it starts now. */
    public long trimTopic(String topic, int partition, long beforeOffset) {
        TrimTopicRequest request = TrimTopicRequest.newBuilder()
                .setPartition(partition(topic, partition))
                .setBeforeOffset(beforeOffset)
                .build();
        return call(
                        true,
                        channel ->
                                timed(TopicServiceGrpc.newBlockingStub(channel)).trimTopic(request))
                .getLogStartOffset();
    }

    public GetRoutesResponse getRoutes(List<String> topics) {
        GetRoutesRequest request =
                GetRoutesRequest.newBuilder().addAllTopics(topics).build();
        return call(
                true,
                channel -> timed(RouteServiceGrpc.newBlockingStub(channel)).getRoutes(request));
    }

    /** The cluster as the first node that answers sees it, with that node's replicas. */
    public DescribeClusterResponse describeCluster() {
        DescribeClusterRequest request =
                DescribeClusterRequest.newBuilder().setReplicas(true).build();
        return call(
                true,
                channel -> timed(ClusterServiceGrpc.newBlockingStub(channel)).describeCluster(request));
    }

    /** The cluster as this node sees it, with its replicas; does not try others. */
    public DescribeClusterResponse describeCluster(String address) {
        DescribeClusterRequest request =
                DescribeClusterRequest.newBuilder().setReplicas(true).build();
        try {
            return ClusterServiceGrpc.newBlockingStub(connections.to(address))
                    .withDeadlineAfter(2, TimeUnit.SECONDS)
                    .describeCluster(request);
        } catch (StatusRuntimeException e) {
            throw HoldfastException.of(e);
        }
    }

    /**
     * After an upgrade of all nodes, lets them use what is new.
     *
     * @param planOnly only say what would be
     */
    public RaiseFeatureLevelResponse raiseFeatureLevel(boolean planOnly) {
        RaiseFeatureLevelRequest request =
                RaiseFeatureLevelRequest.newBuilder().setPlanOnly(planOnly).build();
        return call(
                true,
                channel -> timed(ClusterServiceGrpc.newBlockingStub(channel)).raiseFeatureLevel(request));
    }

    /**
     * How far a node is with comparing what it has with its checksums, and what it found; does not ask others.
     *
     * @param start begin now, as fast as it goes
     */
    public ScrubResponse scrub(String address, boolean start) {
        try {
            return ScrubServiceGrpc.newBlockingStub(connections.to(address))
                    .withDeadlineAfter(2, TimeUnit.SECONDS)
                    .scrub(ScrubRequest.newBuilder().setStart(start).build());
        } catch (StatusRuntimeException e) {
            throw HoldfastException.of(e);
        }
    }

    /**
     * Takes a node out of use, or back into it; the cluster does the rest by itself, {@link #describeCluster()} says how
     * far it is.
     *
     * @return what moves now, and what cannot leave the node since no other can take it
     */
    public SetNodeStateResponse setNodeState(int nodeId, NodeState state) {
        return setNodeState(SetNodeStateRequest.newBuilder()
                .setNodeId(nodeId)
                .setState(state)
                .build());
    }

    /** What {@link #setNodeState} would move. Changes nothing. */
    public SetNodeStateResponse planNodeState(int nodeId, NodeState state) {
        return setNodeState(SetNodeStateRequest.newBuilder()
                .setNodeId(nodeId)
                .setState(state)
                .setPlanOnly(true)
                .build());
    }

    private SetNodeStateResponse setNodeState(SetNodeStateRequest request) {
        return call(
                true,
                channel -> timed(ClusterServiceGrpc.newBlockingStub(channel)).setNodeState(request));
    }

    /**
     * What the cluster did and why, oldest first; the latest thousand are kept.
     *
     * @param after number of the last event that the caller has, 0 for all
     * @param wait how long to wait for one if there is none, a few seconds at most
     */
    public List<ClusterEvent> listEvents(long after, Duration wait) {
        ListEventsRequest request = ListEventsRequest.newBuilder()
                .setAfter(after)
                .setWait(com.google.protobuf.Duration.newBuilder()
                        .setSeconds(wait.getSeconds())
                        .setNanos(wait.getNano()))
                .build();
        return call(
                        true,
                        channel -> timed(ClusterServiceGrpc.newBlockingStub(channel))
                                .listEvents(request))
                .getEventsList();
    }

    /** Offsets of a position in partitions 0 to {@code partitions - 1}. */
    public List<Long> lookupOffsets(String topic, int partitions, Start at) {
        LookupOffsetsRequest.Builder request = LookupOffsetsRequest.newBuilder().setAt(at);
        for (int p = 0; p < partitions; p++) {
            request.addPartitions(partition(topic, p));
        }
        return lookup(request.build());
    }

    /** Offset of a position in one partition. */
    public long lookupOffset(String topic, int partition, Start at) {
        return lookup(LookupOffsetsRequest.newBuilder()
                        .setAt(at)
                        .addPartitions(partition(topic, partition))
                        .build())
                .get(0);
    }

    private List<Long> lookup(LookupOffsetsRequest request) {
        long deadline = System.nanoTime() + TIMEOUT.toNanos();
        long behindUntil = System.nanoTime() + BEHIND.toNanos();
        while (true) {
            List<PartitionOffset> found = call(
                            true,
                            channel -> timed(LogServiceGrpc.newBlockingStub(channel))
                                    .lookupOffsets(request))
                    .getOffsetsList();
            HoldfastException failure = null;
            for (PartitionOffset one : found) {
                failure = one.hasError() ? HoldfastException.of(one.getError()) : failure;
            }
            if (failure == null) {
                return found.stream().map(PartitionOffset::getOffset).toList();
            }
            // Somebody knows all the partitions; the node that was asked may have to learn.
            boolean behind = failure.reason() == ErrorReason.ERROR_REASON_PARTITION_NOT_FOUND
                    && request.getPartitionsCount() > 1
                    && System.nanoTime() < behindUntil;
            if (!(failure.isPassing() || behind) || System.nanoTime() > deadline) {
                throw failure;
            }
            preferred.incrementAndGet();
            pause();
        }
    }

    /** What a partition knows of a producer. */
    public DescribeProducerResponse describeProducer(String topic, int partition, long producerId) {
        DescribeProducerRequest request = DescribeProducerRequest.newBuilder()
                .setPartition(partition(topic, partition))
                .setProducerId(producerId)
                .build();
        return call(
                true, channel -> timed(LogServiceGrpc.newBlockingStub(channel)).describeProducer(request));
    }

    OpenProducerResponse openProducer(String name) {
        OpenProducerRequest request =
                OpenProducerRequest.newBuilder().setName(name).build();
        // Opening twice costs an id, or an epoch; nothing is lost by it.
        return call(
                true, channel -> timed(LogServiceGrpc.newBlockingStub(channel)).openProducer(request));
    }

    private static TopicPartition partition(String topic, int partition) {
        return TopicPartition.newBuilder()
                .setTopic(topic)
                .setPartition(partition)
                .build();
    }

    static <S extends io.grpc.stub.AbstractStub<S>> S timed(S stub) {
        return stub.withDeadlineAfter(ATTEMPT_SECONDS, TimeUnit.SECONDS);
    }

    /** @param repeatable may be sent again though it is not known whether it was carried out */
    <T> T call(boolean repeatable, Function<Channel, T> request) {
        return call(repeatable, null, request);
    }

    /**
     * Like {@link #call(boolean, Function)}.
     *
     * @param first the address to ask before any other; null if none is better than the others
     */
    <T> T call(boolean repeatable, @Nullable String first, Function<Channel, T> request) {
        long deadline = System.nanoTime() + TIMEOUT.toNanos();
        String better = first;
        while (true) {
            List<String> addresses = connections.known();
            String address = better != null ? better : preferredOf(addresses);
            try {
                return request.apply(connections.to(address));
            } catch (StatusRuntimeException e) {
                HoldfastException failure = HoldfastException.of(e);
                boolean refusedByNetwork = e.getStatus().getCode() == io.grpc.Status.Code.UNAVAILABLE
                        && String.valueOf(e.getCause()).contains("Connection refused");
                boolean again = failure.isPassing()
                        && (repeatable
                                || refusedByNetwork
                                || failure.outcome() == WriteOutcome.WRITE_OUTCOME_NOT_APPLIED);
                if (!again || System.nanoTime() > deadline) {
                    throw refusedByNetwork
                            ? HoldfastException.notApplied(
                                    ErrorReason.ERROR_REASON_UNAVAILABLE,
                                    "check that a node runs at one of " + addresses + ": none answers")
                            : failure;
                }
                if (better == null || better.equals(preferredOf(addresses))) {
                    preferred.incrementAndGet();
                }
                better = null;
                connections.retryNow(preferredOf(addresses));
                pause();
            }
        }
    }

    private String preferredOf(List<String> addresses) {
        return addresses.get(Math.floorMod(preferred.get(), addresses.size()));
    }

    private static void pause() {
        try {
            Thread.sleep(RETRY_MS);
        } catch (InterruptedException e) {
            Thread.currentThread().interrupt();
            throw HoldfastException.notApplied(ErrorReason.ERROR_REASON_UNAVAILABLE, "interrupted");
        }
    }
}
