package io.holdfast.node.service;

import com.google.common.util.concurrent.RateLimiter;
import io.grpc.stub.ServerCallStreamObserver;
import io.holdfast.internal.v1.FetchCheckpointResponse;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.locks.Condition;
import java.util.concurrent.locks.ReentrantLock;

/**
 * Sends a replica's checkpoint, no faster than the receiver takes it, and all of a node's together no faster than it may, so
 * that copies leave disks and network to clients. Blocks.
 */
final class CheckpointSender {
    private static final long RECEIVER_PATIENCE_SECONDS = 30;

    private final ServerCallStreamObserver<FetchCheckpointResponse> call;
    private final RateLimiter bytesPerSecond;
    private final ReentrantLock lock = new ReentrantLock();
    private final Condition ready = lock.newCondition();

    /** @param bytesPerSecond shared by all senders of the node */
    CheckpointSender(ServerCallStreamObserver<FetchCheckpointResponse> call, RateLimiter bytesPerSecond) {
        this.call = call;
        this.bytesPerSecond = bytesPerSecond;
        call.setOnReadyHandler(this::wake);
        call.setOnCancelHandler(this::wake);
    }

    private void wake() {
        lock.lock();
        try {
            ready.signalAll();
        } finally {
            lock.unlock();
        }
    }

    void send(FetchCheckpointResponse part) {
        bytesPerSecond.acquire(Math.max(1, part.getSerializedSize()));
        lock.lock();
        try {
            while (!call.isReady() && !call.isCancelled()) {
                if (!ready.await(RECEIVER_PATIENCE_SECONDS, TimeUnit.SECONDS)) {
                    throw new IllegalStateException("the receiver takes nothing");
                }
            }
        } catch (InterruptedException e) {
            Thread.currentThread().interrupt();
            throw new IllegalStateException("interrupted", e);
        } finally {
            lock.unlock();
        }
        if (call.isCancelled()) {
            throw new IllegalStateException("the receiver has gone");
        }
        call.onNext(part);
    }
}
