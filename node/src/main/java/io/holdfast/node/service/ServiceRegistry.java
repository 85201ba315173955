package io.holdfast.node.service;

import io.grpc.HandlerRegistry;
import io.grpc.Metadata;
import io.grpc.MethodDescriptor;
import io.grpc.ServerCall;
import io.grpc.ServerMethodDefinition;
import io.grpc.ServerServiceDefinition;
import io.grpc.StatusRuntimeException;
import io.holdfast.consensus.Refusal;
import io.holdfast.v1.ErrorReason;
import java.io.ByteArrayInputStream;
import java.io.InputStream;
import java.util.List;
import java.util.Map;
import java.util.concurrent.ConcurrentHashMap;
import org.jspecify.annotations.Nullable;

/**
 * The services of the public API, which come when the node is ready. Until then a call to one is told to try again;
 * "unimplemented", which gRPC would say, means never.
 */
final class ServiceRegistry extends HandlerRegistry {
    private static final String PUBLIC_API = "holdfast.v1.";

    private final Map<String, ServerServiceDefinition> services = new ConcurrentHashMap<>();

    void add(ServerServiceDefinition service) {
        services.put(service.getServiceDescriptor().getName(), service);
    }

    @Override
    public List<ServerServiceDefinition> getServices() {
        return List.copyOf(services.values());
    }

    @Override
    public @Nullable ServerMethodDefinition<?, ?> lookupMethod(String method, @Nullable String authority) {
        String serviceName = MethodDescriptor.extractFullServiceName(method);
        ServerServiceDefinition service = serviceName == null ? null : services.get(serviceName);
        if (service != null) {
            return service.getMethod(method);
        }
        return services.isEmpty() && method.startsWith(PUBLIC_API) ? starting(method) : null;
    }

    private static ServerMethodDefinition<byte[], byte[]> starting(String method) {
        MethodDescriptor<byte[], byte[]> descriptor = MethodDescriptor.<byte[], byte[]>newBuilder()
                .setType(MethodDescriptor.MethodType.UNKNOWN)
                .setFullMethodName(method)
                .setRequestMarshaller(new Nothing())
                .setResponseMarshaller(new Nothing())
                .build();
        return ServerMethodDefinition.create(descriptor, (call, headers) -> {
            StatusRuntimeException refusal = Errors.status(
                    Refusal.of(ErrorReason.ERROR_REASON_UNAVAILABLE, "try again in a moment: the node is starting"));
            Metadata trailers = refusal.getTrailers();
            call.close(refusal.getStatus(), trailers == null ? new Metadata() : trailers);
            return new ServerCall.Listener<>() {};
        });
    }

    private static final class Nothing implements MethodDescriptor.Marshaller<byte[]> {
        @Override
        public InputStream stream(byte[] value) {
            return new ByteArrayInputStream(value);
        }

        @Override
        public byte[] parse(InputStream stream) {
            return new byte[0];
        }
    }
}
