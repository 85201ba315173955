package io.holdfast.node.cluster;

import com.google.common.util.concurrent.ListenableFuture;
import io.grpc.ManagedChannel;
import io.grpc.netty.NettyChannelBuilder;
import io.holdfast.internal.v1.NodeServiceGrpc;
import io.holdfast.internal.v1.NodeServiceGrpc.NodeServiceFutureStub;
import java.io.Closeable;
import java.util.Map;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.ConcurrentHashMap;
import java.util.concurrent.TimeUnit;
import java.util.function.Function;

/** Connections to other nodes' API ports, one per address, made when first needed. */
public final class NodeChannels implements Closeable {
    private static final int MESSAGE_BYTES_MAX = 80 << 20;

    private final Map<String, ManagedChannel> channels = new ConcurrentHashMap<>();

    public ManagedChannel to(String address) {
        return channels.computeIfAbsent(
                address,
                key -> NettyChannelBuilder.forTarget(key)
                        .usePlaintext()
                        .maxInboundMessageSize(MESSAGE_BYTES_MAX)
                        .keepAliveTime(10, TimeUnit.SECONDS)
                        .keepAliveTimeout(5, TimeUnit.SECONDS)
                        .build());
    }

    NodeServiceGrpc.NodeServiceBlockingStub node(String address, long timeoutMs) {
        return NodeServiceGrpc.newBlockingStub(to(address)).withDeadlineAfter(timeoutMs, TimeUnit.MILLISECONDS);
    }

    /** A call for this node's own sake; see {@link Calls#detached}. */
    <T> CompletableFuture<T> ask(
            String address, long timeoutMs, Function<NodeServiceFutureStub, ListenableFuture<T>> call) {
        return Calls.detached(() -> call.apply(
                NodeServiceGrpc.newFutureStub(to(address)).withDeadlineAfter(timeoutMs, TimeUnit.MILLISECONDS)));
    }

    @Override
    public void close() {
        channels.values().forEach(ManagedChannel::shutdownNow);
    }
}
