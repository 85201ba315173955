package io.holdfast.node.cluster;

import com.google.common.util.concurrent.Futures;
import com.google.common.util.concurrent.ListenableFuture;
import com.google.common.util.concurrent.MoreExecutors;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.ExecutionException;

/** gRPC's futures as ours. */
public final class Calls {
    private Calls() {}

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
