package io.holdfast.node.service;

import com.google.protobuf.ByteString;
import io.grpc.stub.ServerCallStreamObserver;
import io.grpc.stub.StreamObserver;
import io.holdfast.consensus.Refusal;
import io.holdfast.consensus.partition.AppendResult;
import io.holdfast.consensus.raft.GroupId;
import io.holdfast.node.cluster.ClusterState;
import io.holdfast.v1.BatchStored;
import io.holdfast.v1.PublishStreamRequest;
import io.holdfast.v1.PublishStreamResponse;
import java.util.ArrayDeque;
import java.util.Deque;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.Executor;

/**
 * One PublishStream. Requests are taken in order and at most {@link #IN_FLIGHT_MAX} are unanswered at any time; a client
 * that does not take its answers is not read from either, so that it costs a bounded amount of memory.
 */
final class PublishStreamCall implements StreamObserver<PublishStreamRequest> {
    private static final int IN_FLIGHT_MAX = 64;

    private final ServerCallStreamObserver<PublishStreamResponse> to;
    private final ClusterState state;
    private final Appends appends;
    private final Headers headers;
    private final NodeMetrics metrics;
    private final Executor executor;
    private final Deque<PublishStreamResponse> answers = new ArrayDeque<>();
    private int unanswered;
    private boolean halfClosed;
    private boolean closed;

    PublishStreamCall(
            ServerCallStreamObserver<PublishStreamResponse> to,
            ClusterState state,
            Appends appends,
            Headers headers,
            NodeMetrics metrics,
            Executor executor) {
        this.to = to;
        this.state = state;
        this.appends = appends;
        this.headers = headers;
        this.metrics = metrics;
        this.executor = executor;
        metrics.publishStreams.inc();
        to.disableAutoRequest();
        to.setOnReadyHandler(this::send);
        to.setOnCancelHandler(this::close);
        to.request(IN_FLIGHT_MAX);
    }

    @Override
    public void onNext(PublishStreamRequest request) {
        synchronized (this) {
            unanswered++;
        }
        GroupId[] group = new GroupId[1];
        CompletableFuture<AppendResult> result;
        try {
            group[0] = state.group(
                    request.getPartition().getTopic(), request.getPartition().getPartition());
            result = appends.append(
                    group[0],
                    request.getBatch().asReadOnlyByteBuffer(),
                    request.hasSequence() ? request.getSequence() : null,
                    request.hasExpectedOffset() ? request.getExpectedOffset() : null);
        } catch (Refusal e) {
            result = CompletableFuture.failedFuture(e);
        }
        result.whenComplete((stored, failure) -> {
            PublishStreamResponse.Builder answer =
                    PublishStreamResponse.newBuilder().setCorrelationId(request.getCorrelationId());
            if (failure == null) {
                answer.setStored(stored(group[0], stored));
            } else {
                answer.setError(Errors.item(failure));
            }
            synchronized (this) {
                answers.add(answer.build());
            }
            executor.execute(this::send);
        });
    }

    private BatchStored stored(GroupId group, AppendResult result) {
        return BatchStored.newBuilder()
                .setHeader(headers.header()
                        .setSessionToken(Headers.token(ByteString.EMPTY, group, result.highWatermark())))
                .setFirstOffset(result.firstOffset())
                .setRecordCount(result.recordCount())
                .setAppendTime(Headers.timestamp(result.appendTimeMs()))
                .setDuplicate(result.duplicate())
                .setOffsetUnknown(result.offsetUnknown())
                .setAlreadyStored(result.alreadyStored())
                .build();
    }

    private synchronized void send() {
        int sent = 0;
        while (!closed && to.isReady() && !answers.isEmpty()) {
            to.onNext(answers.remove());
            unanswered--;
            sent++;
        }
        if (closed) {
            answers.clear();
        } else if (sent > 0 && !halfClosed) {
            to.request(sent);
        }
        if (halfClosed && unanswered == 0 && !closed) {
            close();
            to.onCompleted();
        }
    }

    @Override
    public void onError(Throwable t) {
        close();
    }

    @Override
    public synchronized void onCompleted() {
        halfClosed = true;
        send();
    }

    private synchronized void close() {
        if (!closed) {
            closed = true;
            metrics.publishStreams.dec();
        }
    }
}
