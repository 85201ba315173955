package io.holdfast.node.stream;

import io.holdfast.consensus.raft.GroupId;
import io.holdfast.internal.v1.DescribeInShardRequest;
import io.holdfast.internal.v1.DescribeInShardResponse;
import io.holdfast.internal.v1.ListShardRequest;
import io.holdfast.internal.v1.ListShardResponse;
import io.holdfast.internal.v1.SeekInShardRequest;
import io.holdfast.internal.v1.SeekInShardResponse;
import io.holdfast.internal.v1.StreamNodeServiceGrpc;
import io.holdfast.internal.v1.StreamSeek;
import io.holdfast.node.service.Forwarder;
import java.util.concurrent.CompletableFuture;

/** Asks shards, wherever their leaders are. Any thread. */
final class ShardLeaders {
    private final Shards shards;
    private final LocalShards local;
    private final Forwarder forwarder;

    ShardLeaders(Shards shards, LocalShards local, Forwarder forwarder) {
        this.shards = shards;
        this.local = local;
        this.forwarder = forwarder;
    }

    CompletableFuture<ListShardResponse> list(GroupId shard) {
        ListShardRequest request = ListShardRequest.newBuilder()
                .setTopicId(shard.topicId())
                .setShard(shard.partition())
                .build();
        return forwarder.run(
                shard,
                () -> local.list(request),
                node -> StreamNodeServiceGrpc.newFutureStub(node).listShard(request));
    }

    CompletableFuture<DescribeInShardResponse> describe(String name) {
        GroupId shard = shards.of(name);
        DescribeInShardRequest request =
                DescribeInShardRequest.newBuilder().setName(name).build();
        return forwarder.run(
                shard,
                () -> local.describe(shard, name),
                node -> StreamNodeServiceGrpc.newFutureStub(node).describeInShard(request));
    }

    CompletableFuture<SeekInShardResponse> seek(String name, StreamSeek seek) {
        GroupId shard = shards.of(name);
        SeekInShardRequest request =
                SeekInShardRequest.newBuilder().setName(name).setSeek(seek).build();
        return forwarder.run(
                shard,
                () -> local.seek(shard, request),
                node -> StreamNodeServiceGrpc.newFutureStub(node).seekInShard(request));
    }
}
