package io.holdfast.client;

import io.grpc.ManagedChannel;
import io.grpc.netty.NettyChannelBuilder;
import java.util.ArrayList;
import java.util.Collection;
import java.util.List;
import java.util.Map;
import java.util.concurrent.ConcurrentHashMap;
import java.util.concurrent.TimeUnit;

/** One connection per node address, made when first needed and kept. */
final class Connections implements AutoCloseable {
    private static final int MESSAGE_BYTES_MAX = 80 << 20;

    private final List<String> seeds;
    private final Map<String, ManagedChannel> channels = new ConcurrentHashMap<>();
    private final ResponseMemory responseMemory = new ResponseMemory();
    private volatile List<String> learned = List.of();
    private volatile boolean closed;

    Connections(List<String> seeds) {
        this.seeds = List.copyOf(seeds);
    }

    /** The cluster's nodes as they are now: the seeds may all leave it, one by one. */
    void learn(Collection<String> addresses) {
        learned = List.copyOf(addresses);
    }

    /** The seeds, and every other node that the cluster was last known to have. */
    List<String> known() {
        List<String> all = new ArrayList<>(seeds);
        learned.stream().filter(address -> !seeds.contains(address)).forEach(all::add);
        return all;
    }

    /** After the end, one whose calls fail. */
    ManagedChannel to(String address) {
        ManagedChannel channel = channels.computeIfAbsent(
                address,
                key -> NettyChannelBuilder.forTarget(key)
                        .usePlaintext()
                        .maxInboundMessageSize(MESSAGE_BYTES_MAX)
                        .flowControlWindow(4 << 20)
                        .keepAliveTime(10, TimeUnit.SECONDS)
                        .keepAliveTimeout(5, TimeUnit.SECONDS)
                        .build());
        if (closed) {
            channel.shutdownNow();
        }
        return channel;
    }

    /** Of all reads over these connections. */
    ResponseMemory responseMemory() {
        return responseMemory;
    }

    boolean isClosed() {
        return closed;
    }

    /** Tries again at once to reach a node whose connection is backing off. */
    void retryNow(String address) {
        ManagedChannel channel = channels.get(address);
        if (channel != null) {
            channel.resetConnectBackoff();
        }
    }

    @Override
    public void close() {
        closed = true;
        channels.values().forEach(ManagedChannel::shutdownNow);
    }
}
