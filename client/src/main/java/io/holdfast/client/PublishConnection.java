package io.holdfast.client;

import io.grpc.Context;
import io.grpc.stub.StreamObserver;
import io.holdfast.v1.LogServiceGrpc;
import io.holdfast.v1.PublishStreamRequest;
import io.holdfast.v1.PublishStreamResponse;
import java.util.HashMap;
import java.util.List;
import java.util.Map;

/**
 * A producer's stream to one node. Guarded by the producer's lock, except for gRPC's callbacks, which take it.
 */
final class PublishConnection {
    private final BatchSender sender;
    private final String address;
    private final Context.CancellableContext context = Context.ROOT.withCancellation();
    private final Map<Long, PendingBatch> waiting = new HashMap<>();
    private final StreamObserver<PublishStreamRequest> out;
    private long nextId;
    private long heardNanos = System.nanoTime();

    PublishConnection(BatchSender sender, Connections connections, String address) {
        this.sender = sender;
        this.address = address;
        connections.retryNow(address);
        StreamObserver<PublishStreamResponse> in = new StreamObserver<>() {
            @Override
            public void onNext(PublishStreamResponse response) {
                sender.answered(PublishConnection.this, response);
            }

            @Override
            public void onError(Throwable t) {
                sender.broken(PublishConnection.this, HoldfastException.of(t));
            }

            @Override
            public void onCompleted() {
                onError(io.grpc.Status.UNAVAILABLE
                        .withDescription("the node closed the stream")
                        .asRuntimeException());
            }
        };
        StreamObserver<PublishStreamRequest>[] opened = newArray();
        // Answers are taken on the connection's thread, which then sends what they make room for.
        context.run(() -> opened[0] = LogServiceGrpc.newStub(connections.to(address))
                .withExecutor(sender::withoutTheLock)
                .publishStream(in));
        out = opened[0];
    }

    @SuppressWarnings("unchecked")
    private static StreamObserver<PublishStreamRequest>[] newArray() {
        return new StreamObserver[1];
    }

    String address() {
        return address;
    }

    void send(PendingBatch batch, long producerId) {
        long id = nextId++;
        waiting.put(id, batch);
        batch.sent(this);
        out.onNext(batch.request(id, producerId));
    }

    /** An answer came; the batch that it is about, or null if nobody waits for it any more. */
    @org.jspecify.annotations.Nullable
    PendingBatch take(long id) {
        heardNanos = System.nanoTime();
        return waiting.remove(id);
    }

    /** When the last answer came, to whichever batch. */
    long heardNanos() {
        return heardNanos;
    }

    /** Takes no answer for this batch any more. */
    void abandon(PendingBatch batch) {
        waiting.values().remove(batch);
    }

    List<PendingBatch> takeAll() {
        List<PendingBatch> all = List.copyOf(waiting.values());
        waiting.clear();
        return all;
    }

    void cancel() {
        context.cancel(null);
    }
}
