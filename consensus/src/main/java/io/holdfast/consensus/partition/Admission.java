package io.holdfast.consensus.partition;

import io.holdfast.consensus.dedup.DedupTable;
import io.holdfast.consensus.dedup.KnownId;
import io.holdfast.consensus.dedup.MessageId;
import io.holdfast.consensus.partition.ProducerTable.Decision;
import io.holdfast.consensus.partition.ProducerTable.Verdict;
import io.holdfast.consensus.schedule.SchedulePosition;
import io.holdfast.consensus.schedule.ScheduleTable;
import io.holdfast.internal.v1.BatchHeader;
import io.holdfast.internal.v1.BatchReply;
import io.holdfast.internal.v1.BatchResult;
import java.io.IOException;
import java.nio.ByteBuffer;
import java.util.ArrayList;
import java.util.HashSet;
import java.util.List;
import java.util.Set;

/**
 * Decides, in apply, what becomes of the batches of an append entry, and enters it in the tables: into the log, into the
 * schedule, or neither.
 */
final class Admission {
    private final ProducerTable producers;
    private final ScheduleTable schedule;
    private final DedupTable dedup;
    /** Longest of the entry. */
    private long windowMs;
    /** What was placed by key as of an older version may belong elsewhere. */
    private long keysVersion;

    Admission(ProducerTable producers, ScheduleTable schedule, DedupTable dedup) {
        this.producers = producers;
        this.schedule = schedule;
        this.dedup = dedup;
    }

    /** The partition has fewer keys since this version. */
    void setKeysVersion(long version) {
        keysVersion = version;
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
            case APPEND -> admitNew(batch, decision.skip(), endOfLog, nowMs);
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

    /** Ends an entry. */
    void flush(long nowMs) throws IOException {
        schedule.flush();
        dedup.flush(nowMs, windowMs);
        windowMs = 0;
    }

    private BatchReply admitNew(BatchHeader batch, int skip, long endOfLog, long nowMs) throws IOException {
        if (batch.hasKeysVersion() && batch.getKeysVersion() < keysVersion) {
            return refused(BatchResult.BATCH_RESULT_KEYS_MOVED, keysVersion);
        }
        List<MessageId> ids = ids(batch, skip);
        long window = batch.getMessageIds().getWindowMs();
        Set<MessageId> seen = new HashSet<>();
        for (MessageId id : ids) {
            KnownId known = dedup.find(id, nowMs, window);
            if (known != null && batch.getRecordCount() == 1) {
                enterProducer(batch, 0, known.offset(), known.dueMs() != null, nowMs);
                return duplicate(known);
            }
            if (known != null || (!id.isNone() && !seen.add(id))) {
                return refused(BatchResult.BATCH_RESULT_HAS_DUPLICATES, 0);
            }
        }
        if (batch.hasExpectedOffset() && batch.getExpectedOffset() != endOfLog) {
            return refused(BatchResult.BATCH_RESULT_OFFSET_MISMATCH, endOfLog);
        }
        windowMs = Math.max(windowMs, window);
        if (!batch.hasScheduled()) {
            enterProducer(batch, skip, endOfLog, false, nowMs);
            for (int i = 0; i < ids.size(); i++) {
                dedup.add(ids.get(i), nowMs, endOfLog + i, null);
            }
            return appended(endOfLog, skip);
        }
        SchedulePosition position = schedule.add(
                batch.getScheduled().getDueMs(), batch.getScheduled().getBatch());
        enterProducer(batch, 0, position.number(), true, nowMs);
        ids.forEach(id -> dedup.add(id, nowMs, position.number(), position.dueMs()));
        return BatchReply.newBuilder()
                .setResult(BatchResult.BATCH_RESULT_SCHEDULED)
                .setFirstOffset(position.number())
                .setDueMs(position.dueMs())
                .build();
    }

    private void enterProducer(BatchHeader batch, int skip, long place, boolean scheduled, long nowMs) {
        if (batch.getProducerId() != 0) {
            producers.stored(
                    batch.getProducerId(),
                    batch.getProducerEpoch(),
                    batch.getFirstSequence() + skip,
                    batch.getRecordCount() - skip,
                    place,
                    scheduled,
                    nowMs);
        }
    }

    private static List<MessageId> ids(BatchHeader batch, int skip) {
        List<MessageId> ids = new ArrayList<>();
        ByteBuffer hashes = batch.getMessageIds().getHashes().asReadOnlyByteBuffer();
        while (hashes.remaining() >= MessageId.BYTES) {
            ids.add(MessageId.read(hashes));
        }
        return ids.subList(Math.min(skip, ids.size()), ids.size());
    }

    private static BatchReply appended(long firstOffset, int skip) {
        return BatchReply.newBuilder()
                .setResult(BatchResult.BATCH_RESULT_APPENDED)
                .setFirstOffset(firstOffset)
                .setAlreadyStored(skip)
                .build();
    }

    private static BatchReply duplicate(KnownId known) {
        BatchReply.Builder reply = BatchReply.newBuilder()
                .setResult(BatchResult.BATCH_RESULT_DUPLICATE_ID)
                .setFirstOffset(known.offset());
        Long dueMs = known.dueMs();
        return dueMs == null ? reply.build() : reply.setDueMs(dueMs).build();
    }

    private static BatchReply refused(BatchResult why, long expected) {
        return BatchReply.newBuilder().setResult(why).setExpected(expected).build();
    }
}
