package io.holdfast.node.service;

import com.google.protobuf.util.Durations;
import io.holdfast.consensus.Refusal;
import io.holdfast.consensus.dedup.MessageId;
import io.holdfast.consensus.partition.AppendResult;
import io.holdfast.consensus.partition.BatchAppend.Ids;
import io.holdfast.consensus.partition.BatchAppend.Terms;
import io.holdfast.consensus.raft.GroupId;
import io.holdfast.consensus.schedule.SchedulePosition;
import io.holdfast.internal.v1.TopicRow;
import io.holdfast.node.cluster.ClusterState;
import io.holdfast.record.Compression;
import io.holdfast.record.HeaderNames;
import io.holdfast.record.LogRecord;
import io.holdfast.record.RecordBatchBuilder;
import io.holdfast.record.RecordHeader;
import io.holdfast.v1.PublishResult;
import io.holdfast.v1.Sequence;
import io.holdfast.v1.WriteOutcome;
import java.nio.ByteBuffer;
import java.nio.charset.StandardCharsets;
import java.util.ArrayList;
import java.util.Collections;
import java.util.List;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.CompletionException;
import org.jspecify.annotations.Nullable;

/**
 * Takes batches for partitions that this node leads: whole, or record by record where each has a fate of its own, because
 * it is kept for later or may be a duplicate of another with its id. Each has its own place in its producer's order then.
 */
final class Intake {
    private static final int TIME_DIGITS_MAX = 15;

    private final ClusterState state;
    private final Appends appends;

    Intake(ClusterState state, Appends appends) {
        this.state = state;
        this.appends = appends;
    }

    /**
     * A batch that was taken.
     *
     * @param last of its parts, and the only one if it was taken whole
     * @param singles what became of each record; null if it was taken whole
     */
    record Taken(AppendResult last, @Nullable List<PublishResult> singles) {}

    /**
     * @param terms that the sender has set
     * @param scheduled whether each record says in a header until when it is to be kept
     */
    CompletableFuture<Taken> take(
            GroupId group, ByteBuffer bytes, @Nullable Sequence sequence, Terms terms, boolean scheduled) {
        Long expectedOffset = terms.expectedOffset();
        if (scheduled && expectedOffset != null) {
            throw Refusal.invalid("leave out the expected offset: a record that is kept for later has no offset yet");
        }
        long windowMs = windowMs(group);
        if (!scheduled && windowMs == 0) {
            return whole(group, bytes, sequence, terms);
        }
        List<LogRecord> records = Records.decode(appends.check(bytes));
        List<@Nullable Long> dueMs = scheduled ? dueTimes(records) : Collections.nCopies(records.size(), null);
        Ids ids = new Ids(records.stream().map(Intake::id).toList(), windowMs);
        if (windowMs == 0 || ids.ids().stream().allMatch(MessageId::isNone)) {
            return scheduled
                    ? byRecord(group, records, dueMs, sequence, terms, null)
                    : whole(group, bytes, sequence, terms);
        }
        CompletableFuture<Void> answered = new CompletableFuture<>();
        boolean alone = appends.leader(group).messageIds().enter(ids, answered);
        CompletableFuture<Taken> taken;
        if (scheduled || (!alone && records.size() > 1 && expectedOffset == null)) {
            taken = byRecord(group, records, dueMs, sequence, terms, ids);
        } else if (!alone && records.size() > 1) {
            taken = CompletableFuture.failedFuture(
                    Refusal.invalid(
                            "send the records one by one: some may be duplicates, and the log is expected to end at an offset"));
        } else {
            taken = whole(group, bytes, sequence, terms.withIds(ids))
                    .thenApply(one -> records.size() > 1 ? one : new Taken(one.last, List.of(result(group, one.last))));
        }
        taken.whenComplete((ok, failure) -> answered.complete(null));
        return taken;
    }

    private long windowMs(GroupId group) {
        TopicRow topic = state.image().topic(group.topicId());
        return topic == null || !topic.getConfig().hasDedupWindow()
                ? 0
                : Durations.toMillis(topic.getConfig().getDedupWindow());
    }

    private CompletableFuture<Taken> whole(GroupId group, ByteBuffer bytes, @Nullable Sequence sequence, Terms terms) {
        return appends.append(group, bytes, sequence, terms).thenApply(result -> new Taken(result, null));
    }

    // ---- record by record

    /** @param ids null if nobody wants to know; else under way already */
    private CompletableFuture<Taken> byRecord(
            GroupId group,
            List<LogRecord> records,
            List<@Nullable Long> dueMs,
            @Nullable Sequence sequence,
            Terms common,
            @Nullable Ids ids) {
        List<CompletableFuture<AppendResult>> parts = new ArrayList<>();
        for (int i = 0; i < records.size(); i++) {
            Sequence place = plus(sequence, i);
            Terms terms = common.withDueMs(dueMs.get(i));
            if (ids != null) {
                terms = terms.withIds(new Ids(ids.ids().subList(i, i + 1), ids.windowMs()));
            }
            parts.add(appends.append(group, batch(records.get(i), place), place, terms));
        }
        return CompletableFuture.allOf(parts.toArray(CompletableFuture[]::new)).handle((ok, anyFailure) -> {
            List<AppendResult> results = all(parts, sequence != null);
            return new Taken(
                    results.get(results.size() - 1),
                    results.stream().map(result -> result(group, result)).toList());
        });
    }

    private static ByteBuffer batch(LogRecord record, @Nullable Sequence sequence) {
        RecordBatchBuilder builder = new RecordBatchBuilder(Compression.NONE);
        if (sequence != null) {
            builder.producer(sequence.getProducerId(), sequence.getEpoch(), sequence.getFirstSequence());
        }
        builder.add(record);
        return builder.build();
    }

    /** The place of a record that comes so many later. */
    static @Nullable Sequence plus(@Nullable Sequence sequence, int records) {
        return sequence == null
                ? null
                : sequence.toBuilder()
                        .setFirstSequence(sequence.getFirstSequence() + records)
                        .build();
    }

    /** If some are stored and some are not, only a sequence, or ids, make it safe to send all of them again. */
    private static List<AppendResult> all(List<CompletableFuture<AppendResult>> parts, boolean sequenced) {
        List<AppendResult> results = new ArrayList<>();
        Throwable first = null;
        for (CompletableFuture<AppendResult> part : parts) {
            Throwable failure = part.handle((result, why) -> {
                        if (why == null) {
                            results.add(result);
                        }
                        return why;
                    })
                    .join();
            first = first == null ? failure : first;
        }
        if (first == null) {
            return results;
        }
        Refusal refusal = Errors.refusal(first);
        throw new CompletionException(
                results.isEmpty() || sequenced
                        ? refusal
                        : new Refusal(
                                refusal.reason(),
                                WriteOutcome.WRITE_OUTCOME_UNKNOWN,
                                "some records of the batch are stored: " + refusal.message(),
                                refusal.retryAfter(),
                                refusal.facts()));
    }

    /** What became of one record. */
    private static PublishResult result(GroupId group, AppendResult result) {
        PublishResult.Builder one = PublishResult.newBuilder()
                .setPartition(group.partition())
                .setDuplicate(result.duplicate())
                .setAppendTime(Headers.timestamp(result.appendTimeMs()));
        Long dueMs = result.dueMs();
        if (!result.offsetUnknown()) {
            if (dueMs == null) {
                one.setOffset(result.firstOffset());
            } else {
                SchedulePosition position = new SchedulePosition(dueMs, result.firstOffset());
                one.setScheduleId(new ScheduleId(group.partition(), position).toString());
            }
        }
        return one.build();
    }

    // ---- headers

    private static List<@Nullable Long> dueTimes(List<LogRecord> records) {
        long nowMs = System.currentTimeMillis();
        List<@Nullable Long> times = new ArrayList<>();
        for (LogRecord record : records) {
            times.add(Math.max(0, Records.checkDeliverAt(deliverAt(record), nowMs)));
        }
        return times;
    }

    private static long deliverAt(LogRecord record) {
        byte[] value = header(record, HeaderNames.DELIVER_AT_MS);
        if (value != null && value.length <= TIME_DIGITS_MAX) {
            try {
                return Long.parseLong(new String(value, StandardCharsets.US_ASCII));
            } catch (NumberFormatException e) {
                // said below
            }
        }
        throw Refusal.invalid("say in the header " + HeaderNames.DELIVER_AT_MS
                + " of each record of a scheduled batch when it is due, in milliseconds since 1970");
    }

    private static MessageId id(LogRecord record) {
        byte[] id = header(record, HeaderNames.MESSAGE_ID);
        return id == null ? MessageId.NONE : MessageId.of(id);
    }

    private static byte @Nullable [] header(LogRecord record, String name) {
        for (RecordHeader header : record.headers()) {
            if (header.name().equals(name)) {
                return header.value();
            }
        }
        return null;
    }
}
