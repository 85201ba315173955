package io.holdfast.node.service;

import com.google.protobuf.ByteString;
import io.grpc.stub.StreamObserver;
import io.holdfast.consensus.Refusal;
import io.holdfast.consensus.raft.GroupId;
import io.holdfast.node.cluster.ClusterState;
import io.holdfast.node.cluster.SystemTopics;
import io.holdfast.v1.BackupServiceGrpc;
import io.holdfast.v1.RestoreBatchesRequest;
import io.holdfast.v1.RestoreBatchesResponse;
import java.nio.ByteBuffer;
import java.util.List;
import java.util.concurrent.Executor;

/** Records that come back out of a backup. */
final class BackupGrpc extends BackupServiceGrpc.BackupServiceImplBase {
    private final ClusterState state;
    private final Appends appends;
    private final Forwarder forwarder;
    private final Headers headers;
    private final Executor executor;

    BackupGrpc(ClusterState state, Appends appends, Forwarder forwarder, Headers headers, Executor executor) {
        this.state = state;
        this.appends = appends;
        this.forwarder = forwarder;
        this.headers = headers;
        this.executor = executor;
    }

    @Override
    public void restoreBatches(RestoreBatchesRequest request, StreamObserver<RestoreBatchesResponse> to) {
        Replies.send(to, executor, () -> {
            check(request);
            SystemTopics.refuse(request.getPartition().getTopic());
            GroupId group = state.group(
                    request.getPartition().getTopic(), request.getPartition().getPartition());
            List<ByteBuffer> batches = request.getBatchesList().stream()
                    .map(ByteString::asReadOnlyByteBuffer)
                    .toList();
            return forwarder.run(
                    group,
                    () -> appends.restore(group, request.getFirstOffset(), request.getAppendTimeMs(), batches)
                            .thenApply(end -> RestoreBatchesResponse.newBuilder()
                                    .setHeader(headers.header())
                                    .setNextOffset(end)
                                    .build()),
                    node -> BackupServiceGrpc.newFutureStub(node).restoreBatches(request));
        });
    }

    private void check(RestoreBatchesRequest request) {
        int bytesMax = appends.limits().batchBytesMax();
        long bytes =
                request.getBatchesList().stream().mapToLong(ByteString::size).sum();
        if (bytes > bytesMax) {
            throw Refusal.invalid("send batches of at most " + bytesMax + " bytes together, not of " + bytes);
        }
        if (request.getFirstOffset() < 0) {
            throw Refusal.invalid("name an offset below 2^63");
        }
        if (request.getAppendTimeMs() < 0 || request.getAppendTimeMs() > System.currentTimeMillis()) {
            throw Refusal.invalid(
                    "say when the records were appended, in milliseconds since 1970, and not in the future");
        }
    }
}
