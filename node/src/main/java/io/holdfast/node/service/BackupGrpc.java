package io.holdfast.node.service;

import com.google.protobuf.ByteString;
import io.grpc.stub.StreamObserver;
import io.holdfast.consensus.Refusal;
import io.holdfast.consensus.raft.GroupId;
import io.holdfast.node.cluster.ClusterState;
import io.holdfast.node.cluster.SystemTopics;
import io.holdfast.v1.BackupServiceGrpc;
import io.holdfast.v1.ErrorReason;
import io.holdfast.v1.RestoreBatchesRequest;
import io.holdfast.v1.RestoreBatchesResponse;
import java.nio.ByteBuffer;
import java.time.Duration;
import java.util.List;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.Executor;
import java.util.concurrent.Semaphore;

/** Records that come back out of a backup. */
final class BackupGrpc extends BackupServiceGrpc.BackupServiceImplBase {
    private static final int AT_A_TIME = 16;
    private static final long OFFSET_MAX = 1L << 62;
    /** The cluster that is backed up may have had a clock that was ahead of this one's. */
    private static final long CLOCKS_APART_MS = 60_000;

    private static final Duration RETRY_AFTER = Duration.ofMillis(50);

    private final Semaphore room = new Semaphore(AT_A_TIME);
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
                    () -> restore(group, request, batches),
                    node -> BackupServiceGrpc.newFutureStub(node).restoreBatches(request));
        });
    }

    /** These do not go through the queue of appends, so they have a bound of their own. */
    private CompletableFuture<RestoreBatchesResponse> restore(
            GroupId group, RestoreBatchesRequest request, List<ByteBuffer> batches) {
        if (!room.tryAcquire()) {
            throw Refusal.later(
                    ErrorReason.ERROR_REASON_OVERLOADED,
                    "send fewer at a time: the node puts back enough",
                    RETRY_AFTER);
        }
        CompletableFuture<Long> restored;
        try {
            restored = appends.restore(
                    group,
                    request.hasSkipFrom() ? request.getSkipFrom() : null,
                    request.getFirstOffset(),
                    request.getAppendTimeMs(),
                    batches);
        } catch (RuntimeException e) {
            restored = CompletableFuture.failedFuture(e);
        }
        return restored.whenComplete((end, failure) -> room.release())
                .thenApply(end -> RestoreBatchesResponse.newBuilder()
                        .setHeader(headers.header())
                        .setNextOffset(end)
                        .build());
    }

    private void check(RestoreBatchesRequest request) {
        int bytesMax = appends.limits().batchBytesMax();
        long bytes =
                request.getBatchesList().stream().mapToLong(ByteString::size).sum();
        if (bytes > bytesMax) {
            throw Refusal.invalid("send batches of at most " + bytesMax + " bytes together, not of " + bytes);
        }
        if (request.getFirstOffset() < 0 || request.getFirstOffset() > OFFSET_MAX) {
            throw Refusal.invalid("name an offset of at most 2^62");
        }
        if (request.hasSkipFrom() && (request.getSkipFrom() < 0 || request.getSkipFrom() > request.getFirstOffset())) {
            throw Refusal.invalid("skip forward, from an offset of at most first_offset");
        }
        if (request.getAppendTimeMs() < 0 || request.getAppendTimeMs() > System.currentTimeMillis() + CLOCKS_APART_MS) {
            throw Refusal.invalid(
                    "say when the records were appended, in milliseconds since 1970, and not in the future");
        }
    }
}
