package io.holdfast.node.service;

import io.grpc.BindableService;
import io.grpc.Server;
import io.grpc.ServerInterceptor;
import io.grpc.ServerInterceptors;
import io.grpc.ServerServiceDefinition;
import io.grpc.health.v1.HealthCheckResponse.ServingStatus;
import io.grpc.netty.NettyServerBuilder;
import io.grpc.protobuf.services.HealthStatusManager;
import io.grpc.protobuf.services.ProtoReflectionServiceV1;
import io.holdfast.node.config.NodeConfig;
import io.netty.channel.EventLoopGroup;
import io.netty.channel.MultiThreadIoEventLoopGroup;
import io.netty.channel.nio.NioIoHandler;
import java.io.Closeable;
import java.io.IOException;
import java.net.InetSocketAddress;
import java.util.List;
import java.util.concurrent.CopyOnWriteArrayList;
import java.util.concurrent.Executor;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.atomic.AtomicInteger;

/**
 * The node's gRPC port. Up from the first moment with health and Hello; the other services are added when the node is
 * ready and refuse with UNAVAILABLE until then.
 */
public final class ApiServer implements Closeable {
    private static final int MESSAGE_OVERHEAD_BYTES = 1 << 20;
    private static final int WORKERS =
            Math.max(2, Math.min(8, Runtime.getRuntime().availableProcessors()));

    private final EventLoopGroup boss = new MultiThreadIoEventLoopGroup(1, NioIoHandler.newFactory());
    private final EventLoopGroup workers = new MultiThreadIoEventLoopGroup(WORKERS, NioIoHandler.newFactory());
    private final ServiceRegistry services = new ServiceRegistry();
    private final HealthStatusManager health = new HealthStatusManager();
    private final List<ServerInterceptor> interceptors = new CopyOnWriteArrayList<>();
    private final AtomicInteger connections = new AtomicInteger();
    private final Server server;

    public ApiServer(NodeConfig config, Executor executor, BindableService internal) throws IOException {
        int connectionsMax = config.limits().connectionsMax();
        server = NettyServerBuilder.forAddress(new InetSocketAddress(config.bindHost(), config.apiPort()))
                .channelFactory(() -> new BoundedServerChannel(connectionsMax, connections))
                .bossEventLoopGroup(boss)
                .workerEventLoopGroup(workers)
                .executor(executor)
                .maxInboundMessageSize(config.limits().batchBytesMax() * 2 + MESSAGE_OVERHEAD_BYTES)
                .maxInboundMetadataSize(16 << 10)
                .maxConcurrentCallsPerConnection(1000)
                .flowControlWindow(4 << 20)
                .handshakeTimeout(10, TimeUnit.SECONDS)
                .permitKeepAliveTime(5, TimeUnit.SECONDS)
                .permitKeepAliveWithoutCalls(true)
                .keepAliveTime(30, TimeUnit.SECONDS)
                .keepAliveTimeout(10, TimeUnit.SECONDS)
                .addService(internal)
                .addService(health.getHealthService())
                .addService(ProtoReflectionServiceV1.newInstance())
                .fallbackHandlerRegistry(services)
                .build();
        setServing(false);
        try {
            server.start();
        } catch (IOException e) {
            stopLoops();
            throw new IOException(
                    "cannot listen on " + config.bindHost() + ":" + config.apiPort() + " (listen.api-port): "
                            + rootMessage(e),
                    e);
        }
    }

    private static String rootMessage(Throwable e) {
        Throwable cause = e;
        while (cause.getCause() != null) {
            cause = cause.getCause();
        }
        return String.valueOf(cause.getMessage());
    }

    /** Has calls to services that are added from now on intercepted. */
    void intercept(ServerInterceptor interceptor) {
        interceptors.add(interceptor);
    }

    /** Adds a service of the public API. */
    public void add(BindableService service) {
        ServerServiceDefinition definition = ServerInterceptors.intercept(service, interceptors);
        services.add(definition);
        health.setStatus(definition.getServiceDescriptor().getName(), ServingStatus.SERVING);
    }

    /** Readiness, as grpc.health.v1 tells it for the whole server. */
    public void setServing(boolean serving) {
        health.setStatus("", serving ? ServingStatus.SERVING : ServingStatus.NOT_SERVING);
        health.setStatus("io.holdfast.ready", serving ? ServingStatus.SERVING : ServingStatus.NOT_SERVING);
        services.getServices()
                .forEach(service -> health.setStatus(
                        service.getServiceDescriptor().getName(),
                        serving ? ServingStatus.SERVING : ServingStatus.NOT_SERVING));
    }

    public int connections() {
        return connections.get();
    }

    @Override
    public void close() {
        health.enterTerminalState();
        server.shutdown();
        try {
            if (!server.awaitTermination(1, TimeUnit.SECONDS)) {
                server.shutdownNow();
                server.awaitTermination(1, TimeUnit.SECONDS);
            }
        } catch (InterruptedException e) {
            server.shutdownNow();
            Thread.currentThread().interrupt();
        }
        stopLoops();
    }

    private void stopLoops() {
        boss.shutdownGracefully(0, 1, TimeUnit.SECONDS);
        workers.shutdownGracefully(0, 1, TimeUnit.SECONDS);
    }
}
