package io.holdfast.node.service;

import io.netty.channel.socket.SocketChannel;
import io.netty.channel.socket.nio.NioServerSocketChannel;
import java.util.List;
import java.util.concurrent.atomic.AtomicInteger;

/** Accepts up to a number of connections; closes the ones beyond it at once, before they cost anything. */
final class BoundedServerChannel extends NioServerSocketChannel {
    private final int connectionsMax;
    private final AtomicInteger connections;

    BoundedServerChannel(int connectionsMax, AtomicInteger connections) {
        this.connectionsMax = connectionsMax;
        this.connections = connections;
    }

    @Override
    protected int doReadMessages(List<Object> accepted) throws Exception {
        int before = accepted.size();
        int result = super.doReadMessages(accepted);
        for (int i = accepted.size() - 1; i >= before; i--) {
            if (accepted.get(i) instanceof SocketChannel connection) {
                if (connections.incrementAndGet() > connectionsMax) {
                    connections.decrementAndGet();
                    accepted.remove(i);
                    connection.unsafe().closeForcibly();
                } else {
                    connection.closeFuture().addListener(closed -> connections.decrementAndGet());
                }
            }
        }
        return result > 0 ? accepted.size() - before : result;
    }
}
