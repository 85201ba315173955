package io.holdfast.node.service;

import io.holdfast.consensus.Refusal;
import io.holdfast.consensus.partition.AppendResult;
import io.holdfast.consensus.raft.GroupId;
import io.holdfast.consensus.schedule.SchedulePosition;
import io.holdfast.record.Compression;
import io.holdfast.record.HeaderNames;
import io.holdfast.record.LogRecord;
import io.holdfast.record.RecordBatch;
import io.holdfast.record.RecordBatchBuilder;
import io.holdfast.record.RecordHeader;
import io.holdfast.v1.Sequence;
import io.holdfast.v1.WriteOutcome;
import java.nio.ByteBuffer;
import java.nio.charset.StandardCharsets;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.CompletionException;
import org.jspecify.annotations.Nullable;

/**
 * Takes records that are to be kept for later. Each becomes a batch of its own, with its own place in its producer's order,
 * so that each comes in its time, or is cancelled, without the others.
 */
final class Scheduling {
    private static final int TIME_DIGITS_MAX = 15;

    private final Appends appends;

    Scheduling(Appends appends) {
        this.appends = appends;
    }

    /**
     * A record that is kept, or was.
     *
     * @param id empty if it is a duplicate of one so long ago that nobody knows any more
     */
    record Kept(String id, AppendResult result) {}

    /** Keeps every record of a batch until the time that its header says; one answer for each, in order. */
    CompletableFuture<List<Kept>> keep(GroupId group, ByteBuffer bytes, @Nullable Sequence sequence) {
        RecordBatch batch = appends.check(bytes);
        List<LogRecord> records = Records.decode(batch);
        List<Long> times = new ArrayList<>();
        long nowMs = System.currentTimeMillis();
        for (LogRecord record : records) {
            times.add(Records.checkDeliverAt(deliverAt(record), nowMs));
        }
        List<CompletableFuture<Kept>> parts = new ArrayList<>();
        for (int i = 0; i < records.size(); i++) {
            parts.add(keep(group, records.get(i), times.get(i), Appends.plus(sequence, i)));
        }
        return all(parts, sequence != null);
    }

    /** Keeps one record. */
    CompletableFuture<Kept> keep(GroupId group, LogRecord record, long dueMs, @Nullable Sequence sequence) {
        RecordBatchBuilder builder = new RecordBatchBuilder(Compression.NONE);
        if (sequence != null) {
            builder.producer(sequence.getProducerId(), sequence.getEpoch(), sequence.getFirstSequence());
        }
        builder.add(record);
        long due = Math.max(0, dueMs);
        return appends.schedule(group, builder.build(), sequence, due)
                .thenApply(result -> new Kept(
                        result.offsetUnknown()
                                ? ""
                                : new ScheduleId(group.partition(), new SchedulePosition(due, result.firstOffset()))
                                        .toString(),
                        result));
    }

    private static long deliverAt(LogRecord record) {
        for (RecordHeader header : record.headers()) {
            byte[] value = header.value();
            if (header.name().equals(HeaderNames.DELIVER_AT_MS) && value != null && value.length <= TIME_DIGITS_MAX) {
                try {
                    return Long.parseLong(new String(value, StandardCharsets.US_ASCII));
                } catch (NumberFormatException e) {
                    break;
                }
            }
        }
        throw Refusal.invalid("say in the header " + HeaderNames.DELIVER_AT_MS
                + " of each record of a scheduled batch when it is due, in milliseconds since 1970");
    }

    /** If some are kept and some are not, only a sequence makes it safe to send all of them again. */
    private static CompletableFuture<List<Kept>> all(List<CompletableFuture<Kept>> parts, boolean sequenced) {
        return CompletableFuture.allOf(parts.toArray(CompletableFuture[]::new)).handle((ok, anyFailure) -> {
            Throwable first = null;
            boolean someKept = false;
            List<Kept> kept = new ArrayList<>();
            for (CompletableFuture<Kept> part : parts) {
                Throwable failure = part.handle((value, why) -> {
                            if (why == null) {
                                kept.add(value);
                            }
                            return why;
                        })
                        .join();
                someKept |= failure == null;
                first = first == null ? failure : first;
            }
            if (first == null) {
                return kept;
            }
            Refusal refusal = Errors.refusal(first);
            throw new CompletionException(
                    !someKept || sequenced
                            ? refusal
                            : new Refusal(
                                    refusal.reason(),
                                    WriteOutcome.WRITE_OUTCOME_UNKNOWN,
                                    "some records of the batch are kept: " + refusal.message(),
                                    refusal.retryAfter(),
                                    refusal.facts()));
        });
    }
}
