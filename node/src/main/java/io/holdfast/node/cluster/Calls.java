package io.holdfast.node.cluster;

import com.google.common.util.concurrent.Futures;
import com.google.common.util.concurrent.ListenableFuture;
import com.google.common.util.concurrent.MoreExecutors;
import io.grpc.Context;
import java.util.List;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.ExecutionException;
import java.util.function.Function;
import java.util.function.Supplier;

/** gRPC's futures as ours. */
public final class Calls {
    private Calls() {}

    /**
     * A call for the node's own sake. One that is made while a caller's request is being served is otherwise cancelled
     * with it, by gRPC's context, also when others have come to wait for its answer.
     */
    static <T> CompletableFuture<T> detached(Supplier<ListenableFuture<T>> call) {
        Context before = Context.ROOT.attach();
        try {
            return future(call.get());
        } finally {
            Context.ROOT.detach(before);
        }
    }

    /** The part of an answer that is wanted. */
    public static <A, B> ListenableFuture<B> map(ListenableFuture<A> answer, Function<A, B> part) {
        return Futures.transform(answer, part::apply, MoreExecutors.directExecutor());
    }

    /** Completes when all have, with their results in order; fails with the first that fails. */
    public static <T> CompletableFuture<List<T>> all(List<CompletableFuture<T>> parts) {
        return CompletableFuture.allOf(parts.toArray(CompletableFuture[]::new))
                .thenApply(ok -> parts.stream().map(CompletableFuture::join).toList());
    }

    /** Completes on gRPC's thread; fails with the call's StatusRuntimeException. */
    public static <T> CompletableFuture<T> future(ListenableFuture<T> call) {
        CompletableFuture<T> future = new CompletableFuture<>();
        call.addListener(
                () -> {
                    try {
                        future.complete(Futures.getDone(call));
                    } catch (ExecutionException e) {
                        future.completeExceptionally(e.getCause() == null ? e : e.getCause());
                    } catch (RuntimeException e) {
                        future.completeExceptionally(e);
                    }
                },
                MoreExecutors.directExecutor());
        return future;
    }
}
