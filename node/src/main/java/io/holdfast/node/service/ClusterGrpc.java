package io.holdfast.node.service;

import io.grpc.stub.StreamObserver;
import io.holdfast.consensus.metadata.MetadataReplica;
import io.holdfast.consensus.partition.PartitionReplica;
import io.holdfast.consensus.raft.GroupId;
import io.holdfast.internal.v1.HelloRequest;
import io.holdfast.internal.v1.NodeRow;
import io.holdfast.internal.v1.NodeServiceGrpc;
import io.holdfast.internal.v1.TopicRow;
import io.holdfast.node.cluster.Calls;
import io.holdfast.node.cluster.ClusterState;
import io.holdfast.node.cluster.NodeChannels;
import io.holdfast.v1.ClusterServiceGrpc;
import io.holdfast.v1.DescribeClusterRequest;
import io.holdfast.v1.DescribeClusterResponse;
import io.holdfast.v1.NodeStatus;
import io.holdfast.v1.ReplicaRole;
import io.holdfast.v1.ReplicaStatus;
import io.holdfast.v1.TopicPartition;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.Executor;
import java.util.concurrent.TimeUnit;

/** ClusterService. */
public final class ClusterGrpc extends ClusterServiceGrpc.ClusterServiceImplBase {
    private static final long PING_MS = 700;

    private final ClusterState state;
    private final MetadataReplica metadata;
    private final NodeChannels channels;
    private final Headers headers;
    private final Executor executor;

    ClusterGrpc(
            ClusterState state, MetadataReplica metadata, NodeChannels channels, Headers headers, Executor executor) {
        this.state = state;
        this.metadata = metadata;
        this.channels = channels;
        this.headers = headers;
        this.executor = executor;
    }

    @Override
    public void describeCluster(DescribeClusterRequest request, StreamObserver<DescribeClusterResponse> to) {
        Replies.send(to, executor, () -> {
            List<CompletableFuture<NodeStatus>> nodes = new ArrayList<>();
            state.image().nodes().values().forEach(node -> nodes.add(status(node)));
            return CompletableFuture.allOf(nodes.toArray(CompletableFuture[]::new))
                    .thenApply(ok -> {
                        DescribeClusterResponse.Builder response = DescribeClusterResponse.newBuilder()
                                .setHeader(headers.header()
                                        .setTerm(metadata.group().term()))
                                .setMetadataLeaderNode(metadata.group().leaderNode())
                                .setTopics(state.image().topics().size());
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

    private CompletableFuture<NodeStatus> status(NodeRow node) {
        NodeStatus.Builder status = NodeStatus.newBuilder().setNode(RouteGrpc.toApi(node));
        if (node.getNodeId() == state.nodeId()) {
            return CompletableFuture.completedFuture(status.setReachable(true).build());
        }
        return Calls.future(NodeServiceGrpc.newFutureStub(channels.to(node.getApiAddress()))
                        .withDeadlineAfter(PING_MS, TimeUnit.MILLISECONDS)
                        .hello(HelloRequest.getDefaultInstance()))
                .handle((answer, failure) ->
                        status.setReachable(failure == null).build());
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
                        .setLogStartOffset(replica.startOffset())
                        .setHighWatermark(replica.highWatermark())
                        .setAppliedIndex(Math.max(0, replica.group().appliedIndex()))
                        .setCommittedIndex(Math.max(0, replica.group().committedIndex()))
                        .setBytesOnDisk(replica.bytesOnDisk());
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
