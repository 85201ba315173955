package io.holdfast.node.service;

import static java.nio.charset.StandardCharsets.UTF_8;

import com.google.protobuf.ByteString;
import io.grpc.Context;
import io.holdfast.consensus.Refusal;
import io.holdfast.consensus.metadata.TopicKeys;
import io.holdfast.consensus.partition.AppendResult;
import io.holdfast.consensus.partition.BatchAppend.Terms;
import io.holdfast.consensus.raft.GroupId;
import io.holdfast.internal.v1.TopicRow;
import io.holdfast.node.cluster.Calls;
import io.holdfast.node.cluster.ClusterState;
import io.holdfast.node.cluster.SystemTopics;
import io.holdfast.record.Compression;
import io.holdfast.record.KeyHash;
import io.holdfast.record.RecordBatchBuilder;
import io.holdfast.v1.ErrorReason;
import io.holdfast.v1.LogServiceGrpc;
import io.holdfast.v1.PublishRequest;
import io.holdfast.v1.PublishResponse;
import io.holdfast.v1.PublishResult;
import io.holdfast.v1.Record;
import io.holdfast.v1.Sequence;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.TreeMap;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.CompletionException;
import java.util.concurrent.Executor;
import java.util.concurrent.ThreadLocalRandom;
import java.util.concurrent.TimeUnit;
import org.jspecify.annotations.Nullable;

/** Publishes plain records: chooses partitions, forwards to their leaders, and makes batches where this node leads. */
final class Publishing {
    /** After keys have moved, until it is tried again. */
    private static final Executor LATER = CompletableFuture.delayedExecutor(20, TimeUnit.MILLISECONDS);

    private final ClusterState state;
    private final Appends appends;
    private final Intake intake;
    private final Headers headers;
    private final Forwarder forwarder;

    Publishing(ClusterState state, Appends appends, Intake intake, Headers headers, Forwarder forwarder) {
        this.state = state;
        this.appends = appends;
        this.intake = intake;
        this.headers = headers;
        this.forwarder = forwarder;
    }

    CompletableFuture<PublishResponse> publish(PublishRequest request) {
        if (request.getRecordsCount() == 0) {
            throw Refusal.invalid("send at least one record");
        }
        SystemTopics.refuse(request.getTopic());
        TopicRow topic = state.topic(request.getTopic());
        if (request.hasPartition()) {
            return publishTo(topic, request.getPartition(), request);
        }
        if (request.hasSequence() || request.hasExpectedOffset() || request.hasKeysVersion()) {
            throw Refusal.invalid(
                    "name the partition: a sequence, an expected offset or a version of keys is about one partition");
        }
        return publishByKey(topic, request, System.nanoTime() + Forwarder.left().toNanos());
    }

    private CompletableFuture<PublishResponse> publishByKey(TopicRow topic, PublishRequest request, long deadline) {
        TopicKeys keys = TopicKeys.of(topic);
        int keyless = keys.partition(ThreadLocalRandom.current().nextLong(1L << 32));
        Map<Integer, List<Integer>> byPartition = new TreeMap<>();
        for (int i = 0; i < request.getRecordsCount(); i++) {
            Record record = request.getRecords(i);
            int partition = record.hasKey()
                    ? keys.partition(KeyHash.of(record.getKey().toByteArray()))
                    : record.getMessageId().isEmpty()
                            ? keyless
                            : keys.partition(KeyHash.of(record.getMessageId().getBytes(UTF_8)));
            byPartition.computeIfAbsent(partition, p -> new ArrayList<>()).add(i);
        }
        PublishResult[] results = new PublishResult[request.getRecordsCount()];
        List<CompletableFuture<ByteString>> parts = new ArrayList<>();
        byPartition.forEach((partition, positions) -> {
            PublishRequest.Builder part = request.toBuilder()
                    .clearRecords()
                    .setPartition(partition)
                    .setKeysVersion(topic.getAssignments(partition).getKeysVersion());
            positions.forEach(i -> part.addRecords(request.getRecords(i)));
            parts.add(anew(part.build(), publishTo(topic, partition, part.build()), deadline)
                    .handle((response, failure) -> {
                        for (int i = 0; i < positions.size(); i++) {
                            results[positions.get(i)] =
                                    failure == null ? response.getResults(i) : failed(partition, failure);
                        }
                        if (failure != null && byPartition.size() == 1) {
                            throw new CompletionException(failure);
                        }
                        return failure == null ? response.getHeader().getSessionToken() : ByteString.EMPTY;
                    }));
        });
        return CompletableFuture.allOf(parts.toArray(CompletableFuture[]::new)).thenApply(ok -> {
            ByteString token = ByteString.EMPTY;
            for (CompletableFuture<ByteString> part : parts) {
                token = token.concat(part.join()); // tokens are lists of partitions, and these are different ones
            }
            return response(token, List.of(results));
        });
    }

    /** If keys have moved, chooses anew as soon as this node knows where they are, until the deadline. */
    private CompletableFuture<PublishResponse> anew(
            PublishRequest part, CompletableFuture<PublishResponse> answer, long deadline) {
        return answer.handle((response, failure) -> {
                    if (failure == null) {
                        return CompletableFuture.completedFuture(response);
                    }
                    boolean moved = Errors.refusal(failure).reason() == ErrorReason.ERROR_REASON_KEYS_MOVED;
                    if (!moved || System.nanoTime() - deadline > 0) {
                        return CompletableFuture.<PublishResponse>failedFuture(failure);
                    }
                    PublishRequest again =
                            part.toBuilder().clearPartition().clearKeysVersion().build();
                    return CompletableFuture.supplyAsync(
                                    () -> publishByKey(state.topic(part.getTopic()), again, deadline),
                                    Context.currentContextExecutor(LATER))
                            .thenCompose(next -> next);
                })
                .thenCompose(next -> next);
    }

    private CompletableFuture<PublishResponse> publishTo(TopicRow topic, int partition, PublishRequest request) {
        GroupId group = state.group(topic.getName(), partition);
        return forwarder.run(
                group,
                () -> publishHere(group, request),
                node -> LogServiceGrpc.newFutureStub(node).publish(request));
    }

    /** Records in a row that are for now make one batch, and so do those that are for later. */
    private CompletableFuture<PublishResponse> publishHere(GroupId group, PublishRequest request) {
        appends.leader(group);
        Sequence sequence = request.hasSequence() ? request.getSequence() : null;
        Terms terms = Terms.NONE
                .withExpectedOffset(request.hasExpectedOffset() ? request.getExpectedOffset() : null)
                .withKeysVersion(request.hasKeysVersion() ? request.getKeysVersion() : null);
        long nowMs = System.currentTimeMillis();
        List<Record> records = request.getRecordsList();
        records.forEach(record -> check(record, nowMs));
        if (terms.expectedOffset() != null && records.stream().anyMatch(Record::hasDeliverAt)) {
            throw Refusal.invalid("leave out the expected offset: a record that is kept for later has no offset yet");
        }
        List<CompletableFuture<PublishResponse>> parts = new ArrayList<>();
        int from = 0;
        while (from < records.size()) {
            int until = from + 1;
            while (until < records.size()
                    && records.get(from).hasDeliverAt() == records.get(until).hasDeliverAt()) {
                until++;
            }
            List<Record> part = records.subList(from, until);
            CompletableFuture<PublishResponse> answer = store(group, part, nowMs, Intake.plus(sequence, from), terms);
            parts.add(
                    records.size() == part.size()
                            ? answer
                            : answer.exceptionally(failure -> response(
                                    ByteString.EMPTY,
                                    part.stream()
                                            .map(record -> failed(group.partition(), failure))
                                            .toList())));
            from = until;
        }
        return Calls.all(parts).thenApply(all -> {
            List<PublishResult> results = new ArrayList<>();
            ByteString token = ByteString.EMPTY;
            for (PublishResponse part : all) {
                results.addAll(part.getResultsList());
                token = token.concat(part.getHeader().getSessionToken());
            }
            return response(token, results);
        });
    }

    private void check(Record record, long nowMs) {
        if (record.getSerializedSize() > appends.limits().recordBytesMax()) {
            throw Refusal.of(
                    ErrorReason.ERROR_REASON_RECORD_TOO_LARGE,
                    "split the record: it has " + record.getSerializedSize() + " bytes, the limit is "
                            + appends.limits().recordBytesMax());
        }
        if (record.hasDeliverAt()) {
            Records.checkDeliverAt(Headers.millis(record.getDeliverAt()), nowMs);
        }
    }

    private CompletableFuture<PublishResponse> store(
            GroupId group, List<Record> records, long nowMs, @Nullable Sequence sequence, Terms terms) {
        RecordBatchBuilder builder = new RecordBatchBuilder(Compression.NONE);
        if (sequence != null) {
            builder.producer(sequence.getProducerId(), sequence.getEpoch(), sequence.getFirstSequence());
        }
        for (Record record : records) {
            builder.add(Records.toLog(record, nowMs));
        }
        return intake.take(
                        group, builder.build(), sequence, terms, records.get(0).hasDeliverAt())
                .thenApply(taken -> {
                    List<PublishResult> singles = taken.singles();
                    return response(
                            Headers.token(ByteString.EMPTY, group, taken.last().highWatermark()),
                            singles == null ? inARow(group, records.size(), taken.last()) : singles);
                });
    }

    private static List<PublishResult> inARow(GroupId group, int count, AppendResult result) {
        List<PublishResult> results = new ArrayList<>();
        for (int i = 0; i < count; i++) {
            PublishResult.Builder one = PublishResult.newBuilder()
                    .setPartition(group.partition())
                    .setDuplicate(result.duplicate() || i < result.alreadyStored())
                    .setAppendTime(Headers.timestamp(result.appendTimeMs()));
            if (!result.offsetUnknown() && i >= result.alreadyStored()) {
                one.setOffset(result.firstOffset() + i - result.alreadyStored());
            }
            results.add(one.build());
        }
        return results;
    }

    private static PublishResult failed(int partition, Throwable failure) {
        return PublishResult.newBuilder()
                .setPartition(partition)
                .setError(Errors.item(failure))
                .build();
    }

    private PublishResponse response(ByteString token, List<PublishResult> results) {
        return PublishResponse.newBuilder()
                .setHeader(headers.header().setSessionToken(token))
                .addAllResults(results)
                .build();
    }
}
