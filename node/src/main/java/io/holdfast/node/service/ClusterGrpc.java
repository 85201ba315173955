package io.holdfast.node.service;

import com.google.protobuf.util.Timestamps;
import io.grpc.stub.StreamObserver;
import io.holdfast.consensus.Refusal;
import io.holdfast.consensus.metadata.FeatureLevel;
import io.holdfast.consensus.metadata.MetadataImage;
import io.holdfast.consensus.metadata.MetadataReplica;
import io.holdfast.consensus.partition.PartitionReplica;
import io.holdfast.consensus.raft.GroupId;
import io.holdfast.internal.v1.HelloRequest;
import io.holdfast.internal.v1.MetadataCommand;
import io.holdfast.internal.v1.MetadataResult;
import io.holdfast.internal.v1.NodeRow;
import io.holdfast.internal.v1.NodeServiceGrpc;
import io.holdfast.internal.v1.PartitionAssignment;
import io.holdfast.internal.v1.RaiseFeatureLevelCommand;
import io.holdfast.internal.v1.SetNodeStateCommand;
import io.holdfast.internal.v1.TopicRow;
import io.holdfast.node.cluster.Calls;
import io.holdfast.node.cluster.ClusterState;
import io.holdfast.node.cluster.MetadataClient;
import io.holdfast.node.cluster.NodeChannels;
import io.holdfast.v1.ClusterEvent;
import io.holdfast.v1.ClusterServiceGrpc;
import io.holdfast.v1.DescribeClusterRequest;
import io.holdfast.v1.DescribeClusterResponse;
import io.holdfast.v1.ErrorReason;
import io.holdfast.v1.ListEventsRequest;
import io.holdfast.v1.ListEventsResponse;
import io.holdfast.v1.NodeFacts;
import io.holdfast.v1.NodeState;
import io.holdfast.v1.NodeStatus;
import io.holdfast.v1.RaiseFeatureLevelRequest;
import io.holdfast.v1.RaiseFeatureLevelResponse;
import io.holdfast.v1.ReplicaRole;
import io.holdfast.v1.ReplicaStatus;
import io.holdfast.v1.SetNodeStateRequest;
import io.holdfast.v1.SetNodeStateResponse;
import io.holdfast.v1.TopicPartition;
import java.lang.management.ManagementFactory;
import java.time.Duration;
import java.util.ArrayList;
import java.util.Collection;
import java.util.HashMap;
import java.util.HashSet;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.Executor;
import java.util.concurrent.ScheduledExecutorService;
import java.util.concurrent.TimeUnit;

/** ClusterService. */
public final class ClusterGrpc extends ClusterServiceGrpc.ClusterServiceImplBase {
    private static final long PING_MS = 700;
    private static final long WAIT_MS_MAX = 30_000;

    private final ClusterState state;
    private final MetadataReplica metadata;
    private final MetadataClient client;
    private final NodeChannels channels;
    private final DiskFacts disk;
    private final Headers headers;
    private final Executor executor;
    private final ScheduledExecutorService timer;

    ClusterGrpc(
            ClusterState state,
            MetadataReplica metadata,
            MetadataClient client,
            NodeChannels channels,
            DiskFacts disk,
            Headers headers,
            Executor executor,
            ScheduledExecutorService timer) {
        this.state = state;
        this.metadata = metadata;
        this.client = client;
        this.channels = channels;
        this.disk = disk;
        this.headers = headers;
        this.executor = executor;
        this.timer = timer;
    }

    @Override
    public void describeCluster(DescribeClusterRequest request, StreamObserver<DescribeClusterResponse> to) {
        Replies.send(to, executor, () -> {
            List<CompletableFuture<NodeStatus>> nodes = new ArrayList<>();
            MetadataImage image = state.image();
            Map<Integer, NodeStatus.Builder> statuses = statuses(image);
            image.nodes()
                    .values()
                    .forEach(node -> nodes.add(
                            reachable(node, statuses.getOrDefault(node.getNodeId(), NodeStatus.newBuilder()))));
            return CompletableFuture.allOf(nodes.toArray(CompletableFuture[]::new))
                    .thenApply(ok -> {
                        DescribeClusterResponse.Builder response = DescribeClusterResponse.newBuilder()
                                .setHeader(headers.header().setTerm(metadata.term()))
                                .setMetadataLeaderNode(metadata.leaderNode())
                                .setTopics(state.image().topics().size())
                                .setFacts(facts())
                                .setFeatureLevel(state.image().clusterNodes().featureLevel());
                        nodes.forEach(node -> response.addNodes(node.join()));
                        for (TopicRow topic : state.image().topics().values()) {
                            response.setPartitions(response.getPartitions() + topic.getAssignmentsCount());
                            if (request.getReplicas()) {
                                addReplicas(response, topic);
                            }
                        }
                        return response.build();
                    });
        });
    }

    private NodeFacts facts() {
        return NodeFacts.newBuilder()
                .setNow(Timestamps.fromMillis(System.currentTimeMillis()))
                .setStarted(Timestamps.fromMillis(
                        ManagementFactory.getRuntimeMXBean().getStartTime()))
                .setDiskFull(disk.isNearlyFull()) // looks again
                .setDiskBytes(disk.totalBytes())
                .setDiskFreeBytes(disk.freeBytes())
                .build();
    }

    /** What the metadata say of each node. */
    private Map<Integer, NodeStatus.Builder> statuses(MetadataImage image) {
        Map<Integer, NodeStatus.Builder> statuses = new HashMap<>();
        Set<Integer> voters = new HashSet<>();
        metadata.voters().forEach(peer -> voters.add(peer.nodeId()));
        image.nodes()
                .values()
                .forEach(node -> statuses.put(
                        node.getNodeId(),
                        NodeStatus.newBuilder()
                                .setNode(RouteGrpc.toApi(node))
                                .setState(image.clusterNodes().state(node.getNodeId()))
                                .setVotesOnMetadata(voters.contains(node.getNodeId()))));
        for (TopicRow topic : image.topics().values()) {
            for (PartitionAssignment assignment : topic.getAssignmentsList()) {
                count(statuses, assignment);
            }
        }
        return statuses;
    }

    private static void count(Map<Integer, NodeStatus.Builder> statuses, PartitionAssignment assignment) {
        List<Integer> nodes = assignment.getReplicaNodesList();
        NodeStatus.Builder first = statuses.get(nodes.get(0));
        if (first != null) {
            first.setPreferredLeaders(first.getPreferredLeaders() + 1);
        }
        for (int node : nodes) {
            NodeStatus.Builder status = statuses.get(node);
            if (status != null) {
                boolean arrives = assignment.getArrivingNodesList().contains(node);
                status.setReplicas(status.getReplicas() + 1).setArriving(status.getArriving() + (arrives ? 1 : 0));
            }
        }
        for (int node : assignment.getLeavingNodesList()) {
            NodeStatus.Builder status = statuses.get(node);
            if (status != null) {
                status.setLeaving(status.getLeaving() + 1);
            }
        }
    }

    private CompletableFuture<NodeStatus> reachable(NodeRow node, NodeStatus.Builder status) {
        if (node.getNodeId() == state.nodeId()) {
            return CompletableFuture.completedFuture(status.setReachable(true).build());
        }
        return Calls.future(NodeServiceGrpc.newFutureStub(channels.to(node.getApiAddress()))
                        .withDeadlineAfter(PING_MS, TimeUnit.MILLISECONDS)
                        .hello(HelloRequest.getDefaultInstance()))
                .handle((answer, failure) ->
                        status.setReachable(failure == null).build());
    }

    @Override
    public void setNodeState(SetNodeStateRequest request, StreamObserver<SetNodeStateResponse> to) {
        Replies.send(to, executor, () -> {
            int node = request.getNodeId();
            NodeState wanted = request.getState();
            if (wanted == NodeState.NODE_STATE_UNSPECIFIED || wanted == NodeState.UNRECOGNIZED) {
                throw Refusal.invalid("say what the node shall be: active, cordoned, draining or removing");
            }
            Duration left = Forwarder.left();
            return client.current(left).thenCompose(image -> {
                if (!image.nodes().containsKey(node)) {
                    throw Refusal.of(
                            ErrorReason.ERROR_REASON_NODE_NOT_FOUND,
                            "choose a node that is in the cluster: " + Integer.toUnsignedString(node) + " is not");
                }
                SetNodeStateResponse plan = NodePlans.plan(image, node, wanted, state::isDown).toBuilder()
                        .setHeader(headers.header())
                        .build();
                if (request.getPlanOnly()) {
                    return CompletableFuture.completedFuture(plan);
                }
                return client.submit(
                                MetadataCommand.newBuilder()
                                        .setSetNodeState(SetNodeStateCommand.newBuilder()
                                                .setNodeId(node)
                                                .setState(wanted))
                                        .build(),
                                left)
                        .thenCompose(reply -> client.applied(reply.getIndex(), left))
                        .thenApply(ok -> plan);
            });
        });
    }

    @Override
    public void raiseFeatureLevel(RaiseFeatureLevelRequest request, StreamObserver<RaiseFeatureLevelResponse> to) {
        Replies.send(to, executor, () -> {
            Duration left = Forwarder.left();
            return client.current(left).thenCompose(image -> {
                Collection<NodeRow> nodes = image.nodes().values();
                int before = image.clusterNodes().featureLevel();
                int after = Math.max(before, FeatureLevel.common(nodes));
                RaiseFeatureLevelResponse plan = RaiseFeatureLevelResponse.newBuilder()
                        .setHeader(headers.header())
                        .setBefore(before)
                        .setAfter(after)
                        .addAllHeldBackBy(FeatureLevel.heldBackBy(nodes))
                        .build();
                return request.getPlanOnly() || after == before
                        ? CompletableFuture.completedFuture(plan)
                        : raise(after, left).thenApply(ok -> plan);
            });
        });
    }

    private CompletableFuture<Void> raise(int level, Duration left) {
        MetadataCommand command = MetadataCommand.newBuilder()
                .setRaiseFeatureLevel(RaiseFeatureLevelCommand.newBuilder().setLevel(level))
                .build();
        return client.submit(command, left).thenAccept(reply -> {
            if (reply.getResult() != MetadataResult.METADATA_RESULT_DONE) {
                throw Refusal.invalid(reply.getMessage());
            }
        });
    }

    @Override
    public void listEvents(ListEventsRequest request, StreamObserver<ListEventsResponse> to) {
        Replies.send(to, executor, () -> {
            long wait = Math.min(
                    TimeUnit.SECONDS.toMillis(request.getWait().getSeconds())
                            + TimeUnit.NANOSECONDS.toMillis(request.getWait().getNanos()),
                    WAIT_MS_MAX);
            CompletableFuture<ListEventsResponse> result = new CompletableFuture<>();
            Runnable look = () -> {
                List<ClusterEvent> events = state.image().events().after(request.getAfter());
                if (!events.isEmpty()) {
                    result.complete(response(events));
                }
            };
            state.watch(look);
            result.whenComplete((answer, failure) -> state.unwatch(look));
            look.run();
            timer.schedule(() -> result.complete(response(List.of())), Math.max(0, wait), TimeUnit.MILLISECONDS);
            return result;
        });
    }

    private ListEventsResponse response(List<ClusterEvent> events) {
        return ListEventsResponse.newBuilder()
                .setHeader(headers.header())
                .addAllEvents(events)
                .build();
    }

    private void addReplicas(DescribeClusterResponse.Builder response, TopicRow topic) {
        for (int p = 0; p < topic.getAssignmentsCount(); p++) {
            GroupId group = GroupId.ofPartition(topic.getTopicId(), p);
            ReplicaStatus.Builder status = ReplicaStatus.newBuilder()
                    .setPartition(TopicPartition.newBuilder()
                            .setTopic(topic.getName())
                            .setPartition(p));
            PartitionReplica replica = state.replica(group);
            String damage = state.damaged().get(group);
            if (replica != null) {
                damage = replica.damage() != null ? replica.damage() : damage;
                status.setRole(role(replica))
                        .setTerm(replica.group().term())
                        .setLogStartOffset(replica.log().startOffset())
                        .setHighWatermark(replica.highWatermark())
                        .setAppliedIndex(Math.max(0, replica.group().appliedIndex()))
                        .setCommittedIndex(Math.max(0, replica.group().committedIndex()))
                        .setBytesOnDisk(replica.log().bytesOnDisk());
            } else if (damage == null) {
                continue;
            }
            if (damage != null) {
                status.setRole(ReplicaRole.REPLICA_ROLE_DAMAGED).setDamage(damage);
            }
            response.addReplicas(status);
        }
    }

    private static ReplicaRole role(PartitionReplica replica) {
        if (replica.group().isLeader()) {
            return ReplicaRole.REPLICA_ROLE_LEADER;
        }
        if (!replica.group().isMember()) {
            return ReplicaRole.REPLICA_ROLE_JOINING;
        }
        if (replica.isAtRest()) {
            return ReplicaRole.REPLICA_ROLE_RESTING;
        }
        return replica.group().isCandidate() ? ReplicaRole.REPLICA_ROLE_CANDIDATE : ReplicaRole.REPLICA_ROLE_FOLLOWER;
    }
}
