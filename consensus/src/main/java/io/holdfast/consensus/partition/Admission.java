package io.holdfast.consensus.partition;

import io.holdfast.consensus.partition.ProducerTable.Decision;
import io.holdfast.consensus.partition.ProducerTable.Verdict;
import io.holdfast.consensus.schedule.SchedulePosition;
import io.holdfast.consensus.schedule.ScheduleTable;
import io.holdfast.internal.v1.BatchHeader;
import io.holdfast.internal.v1.BatchReply;
import io.holdfast.internal.v1.BatchResult;
import java.io.IOException;

/**
 * Decides, in apply, what becomes of the batches of an append entry, and enters it in the tables: into the log, into the
 * schedule, or neither.
 */
final class Admission {
    private final ProducerTable producers;
    private final ScheduleTable schedule;

    Admission(ProducerTable producers, ScheduleTable schedule) {
        this.producers = producers;
        this.schedule = schedule;
    }

    /** @param endOfLog where the batch goes if it goes into the log */
    BatchReply admit(BatchHeader batch, long endOfLog, long nowMs) throws IOException {
        if (batch.hasDue()) {
            return schedule.remove(SchedulePosition.of(batch.getDue()))
                    ? appended(endOfLog, 0)
                    : refused(BatchResult.BATCH_RESULT_NOT_SCHEDULED, 0);
        }
        Decision decision = batch.getProducerId() == 0
                ? Decision.of(Verdict.APPEND, 0)
                : producers.decide(
                        batch.getProducerId(),
                        batch.getProducerEpoch(),
                        batch.getFirstSequence(),
                        batch.getRecordCount());
        return switch (decision.verdict()) {
            case APPEND ->
                batch.hasExpectedOffset() && batch.getExpectedOffset() != endOfLog
                        ? refused(BatchResult.BATCH_RESULT_OFFSET_MISMATCH, endOfLog)
                        : take(batch, decision.skip(), endOfLog, nowMs);
            case DUPLICATE ->
                BatchReply.newBuilder()
                        .setResult(BatchResult.BATCH_RESULT_DUPLICATE)
                        .setFirstOffset(decision.firstOffset())
                        .build();
            case DUPLICATE_OFFSET_UNKNOWN -> refused(BatchResult.BATCH_RESULT_DUPLICATE_OFFSET_UNKNOWN, 0);
            case FENCED -> refused(BatchResult.BATCH_RESULT_FENCED, decision.expected());
            case GAP -> refused(BatchResult.BATCH_RESULT_GAP, decision.expected());
            case UNKNOWN_PRODUCER -> refused(BatchResult.BATCH_RESULT_UNKNOWN_PRODUCER, 0);
        };
    }

    private BatchReply take(BatchHeader batch, int skip, long endOfLog, long nowMs) {
        boolean later = batch.hasScheduled();
        long place = later
                ? schedule.add(
                                batch.getScheduled().getDueMs(),
                                batch.getScheduled().getBatch())
                        .number()
                : endOfLog;
        if (batch.getProducerId() != 0) {
            producers.stored(
                    batch.getProducerId(),
                    batch.getProducerEpoch(),
                    batch.getFirstSequence() + skip,
                    batch.getRecordCount() - skip,
                    place,
                    later,
                    nowMs);
        }
        return later
                ? BatchReply.newBuilder()
                        .setResult(BatchResult.BATCH_RESULT_SCHEDULED)
                        .setFirstOffset(place)
                        .build()
                : appended(place, skip);
    }

    private static BatchReply appended(long firstOffset, int skip) {
        return BatchReply.newBuilder()
                .setResult(BatchResult.BATCH_RESULT_APPENDED)
                .setFirstOffset(firstOffset)
                .setAlreadyStored(skip)
                .build();
    }

    private static BatchReply refused(BatchResult why, long expected) {
        return BatchReply.newBuilder().setResult(why).setExpected(expected).build();
    }
}
