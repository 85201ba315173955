package io.holdfast.node.stream;

import io.grpc.stub.StreamObserver;
import io.holdfast.internal.v1.DescribeInShardRequest;
import io.holdfast.internal.v1.DescribeInShardResponse;
import io.holdfast.internal.v1.ListShardRequest;
import io.holdfast.internal.v1.ListShardResponse;
import io.holdfast.internal.v1.MeasureLagRequest;
import io.holdfast.internal.v1.MeasureLagResponse;
import io.holdfast.internal.v1.SeekInShardRequest;
import io.holdfast.internal.v1.SeekInShardResponse;
import io.holdfast.internal.v1.StreamNodeServiceGrpc;
import io.holdfast.node.service.Replies;
import java.util.concurrent.Executor;

/** What the other nodes ask about stream groups. */
final class StreamNodeGrpc extends StreamNodeServiceGrpc.StreamNodeServiceImplBase {
    private final Shards shards;
    private final LocalShards local;
    private final Executor executor;

    StreamNodeGrpc(Shards shards, LocalShards local, Executor executor) {
        this.shards = shards;
        this.local = local;
        this.executor = executor;
    }

    @Override
    public void listShard(ListShardRequest request, StreamObserver<ListShardResponse> to) {
        Replies.send(to, executor, () -> local.list(request));
    }

    @Override
    public void describeInShard(DescribeInShardRequest request, StreamObserver<DescribeInShardResponse> to) {
        Replies.send(to, executor, () -> local.describe(shards.of(request.getName()), request.getName()));
    }

    @Override
    public void seekInShard(SeekInShardRequest request, StreamObserver<SeekInShardResponse> to) {
        Replies.send(to, executor, () -> local.seek(shards.of(request.getName()), request));
    }

    @Override
    public void measureLag(MeasureLagRequest request, StreamObserver<MeasureLagResponse> to) {
        Replies.send(to, executor, () -> local.measure(request));
    }
}
