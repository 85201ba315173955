package io.holdfast.node.service;

import io.grpc.Status;
import io.grpc.StatusRuntimeException;
import io.grpc.stub.StreamObserver;
import io.holdfast.consensus.Causes;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.Executor;
import java.util.function.Supplier;

/** Answers unary calls from futures. */
public final class Replies {
    private Replies() {}

    /** Runs the handler and sends what it comes to; whatever it throws becomes a typed error. */
    public static <T> void send(StreamObserver<T> to, Executor executor, Supplier<CompletableFuture<T>> handler) {
        CompletableFuture<T> result = SecondLook.run(handler);
        // Answers of Raft come on the apply thread, which has better things to do than to write to sockets.
        Executor on = result.isDone() ? Runnable::run : executor;
        result.whenCompleteAsync(
                (reply, failure) -> {
                    if (failure == null) {
                        to.onNext(reply);
                        to.onCompleted();
                    } else {
                        to.onError(failure(failure));
                    }
                },
                on);
    }

    /** Errors of a node that was asked on the caller's behalf pass through as they are. */
    private static Throwable failure(Throwable failure) {
        Throwable cause = Causes.of(failure);
        return cause instanceof StatusRuntimeException status
                        && status.getStatus().getCode() != Status.Code.OK
                ? status
                : Errors.status(cause);
    }
}
