package io.holdfast.node.service;

import com.google.protobuf.ByteString;
import io.grpc.stub.ServerCallStreamObserver;
import io.grpc.stub.StreamObserver;
import io.holdfast.consensus.Refusal;
import io.holdfast.consensus.partition.AppendResult;
import io.holdfast.consensus.partition.BatchAppend.Terms;
import io.holdfast.consensus.raft.GroupId;
import io.holdfast.node.cluster.ClusterState;
import io.holdfast.node.cluster.SystemTopics;
import io.holdfast.v1.BatchStored;
import io.holdfast.v1.PublishResult;
import io.holdfast.v1.PublishStreamRequest;
import io.holdfast.v1.PublishStreamResponse;
import io.holdfast.v1.Sequence;
import io.holdfast.v1.TopicPartition;
import java.nio.ByteBuffer;
import java.util.ArrayDeque;
import java.util.Deque;
import java.util.List;
import java.util.concurrent.CompletableFuture;

/**
 * One PublishStream. Requests are taken in order, and no more of them while {@link #REQUESTS_MAX} or {@link #BYTES_MAX}
 * are unanswered: a client that does not take its answers is not read from either, so that it costs a bounded amount of
 * memory.
 */
final class PublishStreamCall implements StreamObserver<PublishStreamRequest> {
    private static final int REQUESTS_MAX = 4096;
    private static final long BYTES_MAX = 8 << 20;
    private static final int ASKED_FOR_BYTES = 4 << 20;
    private static final int ASKED_FOR_MIN = 4;
    private static final int ASKED_FOR_MAX = 64;

    private final ServerCallStreamObserver<PublishStreamResponse> to;
    private final ClusterState state;
    private final Intake intake;
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
            Intake intake,
            Headers headers,
            NodeMetrics metrics) {
        this.to = to;
        this.state = state;
        this.intake = intake;
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
        CompletableFuture<BatchStored> result;
        try {
            result = store(request);
        } catch (Refusal e) {
            result = CompletableFuture.failedFuture(e);
        }
        result.whenComplete((stored, failure) -> {
            PublishStreamResponse.Builder answer =
                    PublishStreamResponse.newBuilder().setCorrelationId(request.getCorrelationId());
            if (failure == null) {
                answer.setStored(stored);
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

    private CompletableFuture<BatchStored> store(PublishStreamRequest request) {
        TopicPartition partition = request.getPartition();
        SystemTopics.refuse(partition.getTopic());
        GroupId group = state.group(partition.getTopic(), partition.getPartition());
        ByteBuffer batch = request.getBatch().asReadOnlyByteBuffer();
        Sequence sequence = request.hasSequence() ? request.getSequence() : null;
        Terms terms = Terms.NONE
                .withExpectedOffset(request.hasExpectedOffset() ? request.getExpectedOffset() : null)
                .withKeysVersion(request.hasKeysVersion() ? request.getKeysVersion() : null);
        return intake.take(group, batch, sequence, terms, request.getScheduled())
                .thenApply(taken -> stored(group, taken));
    }

    private BatchStored stored(GroupId group, Intake.Taken taken) {
        AppendResult last = taken.last();
        BatchStored.Builder stored = BatchStored.newBuilder()
                .setHeader(
                        headers.header().setSessionToken(Headers.token(ByteString.EMPTY, group, last.highWatermark())))
                .setAppendTime(Headers.timestamp(last.appendTimeMs()));
        List<PublishResult> singles = taken.singles();
        return singles != null
                ? stored.setRecordCount(singles.size()).addAllResults(singles).build()
                : stored.setFirstOffset(last.firstOffset())
                        .setRecordCount(last.recordCount())
                        .setDuplicate(last.duplicate())
                        .setOffsetUnknown(last.offsetUnknown())
                        .setAlreadyStored(last.alreadyStored())
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
