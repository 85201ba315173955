package io.holdfast.node.service;

import com.google.protobuf.ByteString;
import io.grpc.stub.ServerCallStreamObserver;
import io.grpc.stub.StreamObserver;
import io.holdfast.consensus.Refusal;
import io.holdfast.consensus.partition.AppendResult;
import io.holdfast.consensus.raft.GroupId;
import io.holdfast.node.cluster.ClusterState;
import io.holdfast.node.cluster.SystemTopics;
import io.holdfast.v1.BatchStored;
import io.holdfast.v1.PublishStreamRequest;
import io.holdfast.v1.PublishStreamResponse;
import java.util.ArrayDeque;
import java.util.Deque;
import java.util.concurrent.CompletableFuture;

/**
 * One PublishStream. Requests are taken in order, and no more of them while {@link #REQUESTS_MAX} or {@link #BYTES_MAX}
 * are unanswered: a client that does not take its answers is not read from either, so that it costs a bounded amount of
 * memory.
 */
final class PublishStreamCall implements StreamObserver<PublishStreamRequest> {
    private static final int REQUESTS_MAX = 1024;
    private static final long BYTES_MAX = 8 << 20;
    private static final int ASKED_FOR_BYTES = 4 << 20;
    private static final int ASKED_FOR_MIN = 4;
    private static final int ASKED_FOR_MAX = 64;

    private final ServerCallStreamObserver<PublishStreamResponse> to;
    private final ClusterState state;
    private final Appends appends;
    private final Headers headers;
    private final NodeMetrics metrics;
    private final Deque<Answer> answers = new ArrayDeque<>();
    private int unanswered;
    private long unansweredBytes;
    /** Requests asked for that have not come yet. */
    private int askedFor;
    /** How many to ask for at a time: as many as {@link #ASKED_FOR_BYTES} hold of the size that came last. */
    private int askedForAtOnce = ASKED_FOR_MIN;

    private boolean halfClosed;
    private boolean closed;

    private record Answer(PublishStreamResponse response, int requestBytes) {}

    PublishStreamCall(
            ServerCallStreamObserver<PublishStreamResponse> to,
            ClusterState state,
            Appends appends,
            Headers headers,
            NodeMetrics metrics) {
        this.to = to;
        this.state = state;
        this.appends = appends;
        this.headers = headers;
        this.metrics = metrics;
        metrics.publishStreams.inc();
        to.disableAutoRequest();
        to.setOnReadyHandler(this::send);
        to.setOnCancelHandler(this::close);
        requestMore();
    }

    private synchronized void requestMore() {
        boolean room = unanswered < REQUESTS_MAX && unansweredBytes < BYTES_MAX;
        if (!closed && !halfClosed && room && askedFor <= askedForAtOnce / 2) {
            to.request(askedForAtOnce - askedFor);
            askedFor = askedForAtOnce;
        }
    }

    @Override
    public void onNext(PublishStreamRequest request) {
        int bytes = request.getBatch().size();
        synchronized (this) {
            askedFor--;
            askedForAtOnce = Math.max(ASKED_FOR_MIN, Math.min(ASKED_FOR_MAX, ASKED_FOR_BYTES / Math.max(1, bytes)));
            unanswered++;
            unansweredBytes += bytes;
        }
        GroupId[] group = new GroupId[1];
        CompletableFuture<AppendResult> result;
        try {
            SystemTopics.refuse(request.getPartition().getTopic());
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
                answers.add(new Answer(answer.build(), bytes));
            }
            send(); // on the apply thread: it only hands the answer to the connection
        });
        requestMore();
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
        while (!closed && to.isReady() && !answers.isEmpty()) {
            Answer answer = answers.remove();
            to.onNext(answer.response);
            unanswered--;
            unansweredBytes -= answer.requestBytes;
        }
        if (closed) {
            answers.clear();
        }
        requestMore();
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
