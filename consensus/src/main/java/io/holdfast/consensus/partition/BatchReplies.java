package io.holdfast.consensus.partition;

import com.google.protobuf.InvalidProtocolBufferException;
import io.holdfast.consensus.Refusal;
import io.holdfast.internal.v1.BatchReply;
import io.holdfast.internal.v1.BatchResult;
import io.holdfast.internal.v1.PartitionReply;
import io.holdfast.v1.ErrorReason;
import java.nio.ByteBuffer;
import java.time.Duration;
import java.util.Map;
import java.util.concurrent.CompletableFuture;

/** What apply said of batches, as callers hear it. */
final class BatchReplies {
    private static final Duration RETRY_AFTER = Duration.ofMillis(20);

    private BatchReplies() {}

    /** Answers the one who wants a batch stored. */
    static void complete(
            BatchAppend append, CompletableFuture<AppendResult> result, PartitionReply answer, BatchReply batch) {
        switch (batch.getResult()) {
            case BATCH_RESULT_APPENDED, BATCH_RESULT_SCHEDULED ->
                result.complete(result(append, answer, batch, false, false));
            case BATCH_RESULT_DUPLICATE, BATCH_RESULT_DUPLICATE_ID ->
                result.complete(result(append, answer, batch, true, false));
            case BATCH_RESULT_DUPLICATE_OFFSET_UNKNOWN -> result.complete(result(append, answer, batch, true, true));
            default -> result.completeExceptionally(refusal(batch));
        }
    }

    private static AppendResult result(
            BatchAppend append, PartitionReply answer, BatchReply batch, boolean duplicate, boolean offsetUnknown) {
        boolean byId = batch.getResult() == BatchResult.BATCH_RESULT_DUPLICATE_ID;
        return new AppendResult(
                batch.getFirstOffset(),
                append.recordCount() - batch.getAlreadyStored(),
                answer.getAppendTimeMs(),
                duplicate,
                offsetUnknown,
                batch.getAlreadyStored(),
                byId
                        ? batch.hasDueMs() ? batch.getDueMs() : null
                        : append.terms().dueMs(),
                answer.getHighWatermark());
    }

    static Refusal refusal(BatchReply batch) {
        String expected = Long.toUnsignedString(batch.getExpected());
        return switch (batch.getResult()) {
            case BATCH_RESULT_FENCED ->
                Refusal.of(
                        ErrorReason.ERROR_REASON_PRODUCER_FENCED,
                        "a newer instance of this producer has epoch " + expected
                                + ": stop, or open the producer again",
                        Map.of("epoch", expected));
            case BATCH_RESULT_GAP ->
                Refusal.of(
                        ErrorReason.ERROR_REASON_SEQUENCE_GAP,
                        "send the batch with sequence " + expected + " first: it has not arrived",
                        Map.of("expected_sequence", expected));
            case BATCH_RESULT_UNKNOWN_PRODUCER ->
                Refusal.of(
                        ErrorReason.ERROR_REASON_UNKNOWN_PRODUCER,
                        "open a new producer: the partition does not know this one, which must start at sequence 0");
            case BATCH_RESULT_HAS_DUPLICATES ->
                Refusal.later(
                        ErrorReason.ERROR_REASON_UNAVAILABLE,
                        "try again: a record of the batch was stored by another a moment ago",
                        RETRY_AFTER);
            case BATCH_RESULT_KEYS_MOVED ->
                Refusal.of(
                        ErrorReason.ERROR_REASON_KEYS_MOVED,
                        "look up the routes again, and choose the partition anew: some keys are another's now",
                        Map.of("keys_version", expected));
            case BATCH_RESULT_NOT_SCHEDULED -> Refusal.invalid("nothing to do: the record left the schedule before");
            case BATCH_RESULT_OFFSET_MISMATCH ->
                Refusal.of(
                        ErrorReason.ERROR_REASON_EXPECTED_OFFSET_MISMATCH,
                        "the log ends at " + expected + ", not where you expected: read on from there and decide again",
                        Map.of("end_offset", expected));
            default -> Refusal.of(ErrorReason.ERROR_REASON_INTERNAL, "the replica answered " + batch.getResult());
        };
    }

    static PartitionReply parse(ByteBuffer reply) {
        try {
            return PartitionReply.parseFrom(reply);
        } catch (InvalidProtocolBufferException e) {
            throw new IllegalStateException("apply's own answer cannot be parsed", e);
        }
    }
}
