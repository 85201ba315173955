package io.holdfast.node.service;

import io.grpc.Context;
import io.grpc.Contexts;
import io.grpc.Metadata;
import io.grpc.ServerCall;
import io.grpc.ServerCallHandler;
import io.grpc.ServerInterceptor;
import io.holdfast.consensus.Causes;
import io.holdfast.consensus.Refusal;
import io.holdfast.consensus.SharedCall;
import io.holdfast.node.cluster.ClusterState;
import io.holdfast.node.cluster.MetadataClient;
import io.holdfast.v1.ErrorReason;
import java.time.Duration;
import java.util.concurrent.CompletableFuture;
import java.util.function.Supplier;

/**
 * Before a node says that there is no such topic, partition or group, it looks at the metadata as they are now: it may
 * have been down or paused when they were made. However much is asked for, no more than two looks are under way. Any
 * thread.
 */
final class SecondLook {
    private static final Context.Key<SecondLook> KEY = Context.key("second look");
    private static final Duration PATIENCE = Duration.ofSeconds(2);

    private final ClusterState state;
    private final MetadataClient metadata;
    private final SharedCall<Void> looks = new SharedCall<>(this::look);

    SecondLook(ClusterState state, MetadataClient metadata) {
        this.state = state;
        this.metadata = metadata;
    }

    /** Gives calls a second look. */
    ServerInterceptor interceptor() {
        return new ServerInterceptor() {
            @Override
            public <Q, R> ServerCall.Listener<Q> interceptCall(
                    ServerCall<Q, R> call, Metadata headers, ServerCallHandler<Q, R> next) {
                return Contexts.interceptCall(Context.current().withValue(KEY, SecondLook.this), call, headers, next);
            }
        };
    }

    /** Runs the handler of the present call, and once more if it denies something that is news to this node. */
    static <T> CompletableFuture<T> run(Supplier<CompletableFuture<T>> handler) {
        SecondLook look = KEY.get();
        if (look == null) {
            return attempt(handler);
        }
        long known = look.state.image().version();
        Context context = Context.current();
        return attempt(handler)
                .exceptionallyCompose(failure -> isDenial(failure)
                        ? look.again(known, failure, () -> within(context, handler))
                        : CompletableFuture.failedFuture(failure));
    }

    private static <T> CompletableFuture<T> attempt(Supplier<CompletableFuture<T>> handler) {
        try {
            return handler.get();
        } catch (RuntimeException e) {
            return CompletableFuture.failedFuture(e);
        }
    }

    private static <T> CompletableFuture<T> within(Context context, Supplier<CompletableFuture<T>> handler) {
        Context previous = context.attach();
        try {
            return attempt(handler);
        } finally {
            context.detach(previous);
        }
    }

    private static boolean isDenial(Throwable failure) {
        return Causes.of(failure) instanceof Refusal refusal
                && switch (refusal.reason()) {
                    case ERROR_REASON_TOPIC_NOT_FOUND, ERROR_REASON_PARTITION_NOT_FOUND, ERROR_REASON_GROUP_NOT_FOUND ->
                        true;
                    default -> false;
                };
    }

    private <T> CompletableFuture<T> again(long known, Throwable denial, Supplier<CompletableFuture<T>> handler) {
        return looks.ask().handle((ok, failure) -> failure).thenCompose(failure -> {
            if (failure != null) {
                return CompletableFuture.failedFuture(Refusal.later(
                        ErrorReason.ERROR_REASON_UNAVAILABLE,
                        "try again in a moment: node " + state.nodeId()
                                + " knows nothing of it, and cannot find out whether there is one",
                        Duration.ofMillis(200)));
            }
            return state.image().version() > known ? handler.get() : CompletableFuture.failedFuture(denial);
        });
    }

    /** This node knows all that was decided before, once it completes. */
    private CompletableFuture<Void> look() {
        return metadata.current(PATIENCE).thenAccept(state::publish);
    }
}
