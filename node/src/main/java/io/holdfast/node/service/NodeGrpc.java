package io.holdfast.node.service;

import com.google.common.util.concurrent.RateLimiter;
import com.google.protobuf.ByteString;
import io.grpc.Status;
import io.grpc.stub.ServerCallStreamObserver;
import io.grpc.stub.StreamObserver;
import io.holdfast.consensus.Refusal;
import io.holdfast.consensus.metadata.MetadataImage;
import io.holdfast.consensus.metadata.MetadataReplica;
import io.holdfast.consensus.partition.PartitionReplica;
import io.holdfast.consensus.raft.GroupId;
import io.holdfast.consensus.raft.RaftGroupHandle;
import io.holdfast.consensus.raft.RaftGroupHandle.LogEnd;
import io.holdfast.internal.v1.ConfirmRestRequest;
import io.holdfast.internal.v1.ConfirmRestResponse;
import io.holdfast.internal.v1.FetchCheckpointRequest;
import io.holdfast.internal.v1.FetchCheckpointResponse;
import io.holdfast.internal.v1.FollowMetadataRequest;
import io.holdfast.internal.v1.FollowMetadataResponse;
import io.holdfast.internal.v1.Formation;
import io.holdfast.internal.v1.HelloRequest;
import io.holdfast.internal.v1.HelloResponse;
import io.holdfast.internal.v1.LastEntriesRequest;
import io.holdfast.internal.v1.LastEntriesResponse;
import io.holdfast.internal.v1.LastEntry;
import io.holdfast.internal.v1.MetadataCommand;
import io.holdfast.internal.v1.MetadataResult;
import io.holdfast.internal.v1.NodeRow;
import io.holdfast.internal.v1.NodeServiceGrpc;
import io.holdfast.internal.v1.RegisterNodeCommand;
import io.holdfast.internal.v1.RegisterRequest;
import io.holdfast.internal.v1.RegisterResponse;
import io.holdfast.internal.v1.RestGroupRequest;
import io.holdfast.internal.v1.RestGroupResponse;
import io.holdfast.internal.v1.RestingGroup;
import io.holdfast.internal.v1.StandForElectionRequest;
import io.holdfast.internal.v1.StandForElectionResponse;
import io.holdfast.internal.v1.SubmitMetadataRequest;
import io.holdfast.internal.v1.SubmitMetadataResponse;
import io.holdfast.internal.v1.WakeGroupsRequest;
import io.holdfast.internal.v1.WakeGroupsResponse;
import io.holdfast.internal.v1.WokenGroup;
import io.holdfast.node.cluster.ClusterState;
import io.holdfast.node.cluster.LocalReplicas;
import io.holdfast.node.cluster.RestingGroups;
import io.holdfast.v1.ErrorReason;
import java.io.IOException;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.Executor;
import org.jspecify.annotations.Nullable;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/** Node to node. Answers Hello from the first moment on, the rest once the node has its replicas. */
public final class NodeGrpc extends NodeServiceGrpc.NodeServiceImplBase {
    private static final Logger LOG = LoggerFactory.getLogger(NodeGrpc.class);
    private static final int DAMAGED_MAX = 1_000;

    private final NodeRow self;
    private final Executor requests;
    private final Executor blocking;
    private final RateLimiter copyRate;
    private volatile @Nullable Formation formation;
    private volatile @Nullable MetadataReplica metadata;
    private volatile @Nullable ClusterState state;
    private volatile @Nullable RestingGroups resting;

    /**
     * @param blocking runs what waits for disks and other nodes, such as checkpoint transfers
     * @param copyBytesPerSecond of all of them together
     */
    public NodeGrpc(NodeRow self, Executor requests, Executor blocking, long copyBytesPerSecond) {
        this.self = self;
        this.requests = requests;
        this.blocking = blocking;
        this.copyRate = RateLimiter.create(copyBytesPerSecond);
    }

    /** From now on peers may ask about this node's partitions. */
    public void serve(RestingGroups groups) {
        resting = groups;
    }

    public void joined(Formation cluster, MetadataReplica replica, ClusterState clusterState) {
        state = clusterState;
        metadata = replica;
        formation = cluster;
    }

    @Override
    public void hello(HelloRequest request, StreamObserver<HelloResponse> to) {
        HelloResponse.Builder response = HelloResponse.newBuilder().setNode(self);
        Formation cluster = formation;
        MetadataReplica replica = metadata;
        ClusterState known = state;
        if (known != null) {
            response.setMetadataVersion(known.image().version());
            known.damaged().keySet().stream()
                    .limit(DAMAGED_MAX)
                    .forEach(group -> response.addDamagedGroupIds(ByteString.copyFrom(group.bytes())));
            response.setRemoved(known.image().clusterNodes().isRemoved(request.getNode()));
        }
        if (cluster != null && replica != null) {
            response.setFormation(cluster).setMetadataLeaderNode(replica.leaderNode());
            replica.voters().forEach(peer -> response.addMetadataPeers(MetadataImage.row(peer)));
        }
        to.onNext(response.build());
        to.onCompleted();
    }

    @Override
    public void register(RegisterRequest request, StreamObserver<RegisterResponse> to) {
        Replies.send(to, requests, () -> {
            MetadataReplica replica = ready();
            if (!replica.group().isLeader()) {
                int leader = replica.leaderNode();
                return CompletableFuture.completedFuture(RegisterResponse.newBuilder()
                        .setMetadataLeaderNode(leader)
                        .setMetadataLeaderAddress(replica.image().apiAddress(leader))
                        .build());
            }
            NodeRow node = request.getNode();
            if (node.equals(replica.image().nodes().get(node.getNodeId()))) {
                return CompletableFuture.completedFuture(
                        RegisterResponse.newBuilder().setAccepted(true).build());
            }
            MetadataCommand command = MetadataCommand.newBuilder()
                    .setNowMs(System.currentTimeMillis())
                    .setRegisterNode(RegisterNodeCommand.newBuilder().setNode(node))
                    .build();
            return replica.submit(command).thenApply(reply -> {
                boolean accepted = reply.getResult() == MetadataResult.METADATA_RESULT_DONE;
                return RegisterResponse.newBuilder()
                        .setAccepted(accepted)
                        .setRemoved(reply.getResult() == MetadataResult.METADATA_RESULT_NODE_REMOVED)
                        .setRefusal(accepted ? "" : reply.getMessage())
                        .build();
            });
        });
    }

    @Override
    public void submitMetadata(SubmitMetadataRequest request, StreamObserver<SubmitMetadataResponse> to) {
        Replies.send(to, requests, () -> {
            MetadataReplica replica = ready();
            if (!replica.group().isLeader()) {
                return CompletableFuture.completedFuture(SubmitMetadataResponse.newBuilder()
                        .setNotLeader(true)
                        .setMetadataLeaderNode(replica.leaderNode())
                        .build());
            }
            return replica.submit(request.getCommand())
                    .thenApply(reply ->
                            SubmitMetadataResponse.newBuilder().setReply(reply).build());
        });
    }

    @Override
    public void followMetadata(FollowMetadataRequest request, StreamObserver<FollowMetadataResponse> to) {
        Replies.send(to, requests, () -> ready().follow(request));
    }

    private MetadataReplica ready() {
        MetadataReplica replica = metadata;
        if (replica == null) {
            throw Refusal.of(ErrorReason.ERROR_REASON_UNAVAILABLE, "try again in a moment: the node is starting");
        }
        return replica;
    }

    @Override
    public void lastEntries(LastEntriesRequest request, StreamObserver<LastEntriesResponse> to) {
        LastEntriesResponse.Builder response = LastEntriesResponse.newBuilder();
        for (ByteString id : request.getGroupIdsList()) {
            RaftGroupHandle handle = handle(GroupId.of(id.toByteArray()));
            LogEnd end = handle == null ? LogEnd.NONE : handle.logEnd();
            response.addEntries(LastEntry.newBuilder().setTerm(end.term()).setIndex(end.index()));
        }
        to.onNext(response.build());
        to.onCompleted();
    }

    private @Nullable RaftGroupHandle handle(GroupId group) {
        MetadataReplica replica = metadata;
        ClusterState cluster = state;
        if (replica == null || cluster == null) {
            return null;
        }
        PartitionReplica partition = cluster.replica(group);
        return group.isPartition() ? (partition == null ? null : partition.group()) : replica.group();
    }

    @Override
    public void wakeGroups(WakeGroupsRequest request, StreamObserver<WakeGroupsResponse> to) {
        Replies.send(to, blocking, () -> {
            RestingGroups groups = partitionsReady();
            List<CompletableFuture<WokenGroup>> woken = new ArrayList<>();
            for (ByteString id : request.getGroupIdsList()) {
                woken.add(groups.onWake(group(id)));
            }
            return CompletableFuture.allOf(woken.toArray(CompletableFuture[]::new))
                    .thenApply(ok -> {
                        WakeGroupsResponse.Builder response = WakeGroupsResponse.newBuilder();
                        woken.forEach(one -> response.addGroups(one.join()));
                        return response.build();
                    });
        });
    }

    @Override
    public void standForElection(StandForElectionRequest request, StreamObserver<StandForElectionResponse> to) {
        Replies.send(to, blocking, () -> {
            partitionsReady().onStand(group(request.getGroupId()));
            return CompletableFuture.completedFuture(StandForElectionResponse.getDefaultInstance());
        });
    }

    @Override
    public void restGroup(RestGroupRequest request, StreamObserver<RestGroupResponse> to) {
        Replies.send(to, blocking, () -> {
            LastEntry last = request.getLastEntry();
            boolean rests = partitionsReady()
                    .onRest(group(request.getGroupId()), request.getTerm(), LocalReplicas.logEnd(last));
            return CompletableFuture.completedFuture(
                    RestGroupResponse.newBuilder().setRests(rests).build());
        });
    }

    @Override
    public void confirmRest(ConfirmRestRequest request, StreamObserver<ConfirmRestResponse> to) {
        Replies.send(to, blocking, () -> {
            partitionsReady();
            ConfirmRestResponse.Builder response =
                    ConfirmRestResponse.newBuilder().setIncarnation(self.getIncarnation());
            ClusterState cluster = state;
            for (RestingGroup asked : request.getGroupsList()) {
                PartitionReplica replica = cluster == null ? null : cluster.replica(group(asked.getGroupId()));
                LastEntry last = asked.getLastEntry();
                response.addConfirmed(replica != null && replica.restsAt(LocalReplicas.logEnd(last)));
            }
            return CompletableFuture.completedFuture(response.build());
        });
    }

    private RestingGroups partitionsReady() {
        RestingGroups groups = resting;
        if (groups == null) {
            throw Refusal.of(ErrorReason.ERROR_REASON_UNAVAILABLE, "try again in a moment: the node is starting");
        }
        return groups;
    }

    private static GroupId group(ByteString id) {
        return GroupId.of(id.toByteArray());
    }

    @Override
    public void fetchCheckpoint(FetchCheckpointRequest request, StreamObserver<FetchCheckpointResponse> to) {
        ServerCallStreamObserver<FetchCheckpointResponse> call = (ServerCallStreamObserver<FetchCheckpointResponse>) to;
        CheckpointSender sender = new CheckpointSender(call, copyRate);
        blocking.execute(() -> {
            try {
                GroupId group = GroupId.of(request.getGroupId().toByteArray());
                if (group.isPartition()) {
                    ClusterState cluster = state;
                    PartitionReplica replica = cluster == null ? null : cluster.replica(group);
                    if (replica == null) {
                        throw new IOException("no replica of " + group + " here");
                    }
                    replica.sendCheckpoint(request.getMinIndex(), sender::send);
                } else {
                    ready().sendCheckpoint(request.getMinIndex(), sender::send);
                }
                call.onCompleted();
            } catch (IOException | RuntimeException e) {
                LOG.info("a checkpoint was not sent: {}", e.getMessage());
                if (!call.isCancelled()) {
                    call.onError(
                            Status.UNAVAILABLE.withDescription(e.getMessage()).asRuntimeException());
                }
            }
        });
    }
}
