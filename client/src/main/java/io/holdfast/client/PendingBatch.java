package io.holdfast.client;

import com.google.protobuf.Timestamp;
import com.google.protobuf.UnsafeByteOperations;
import io.holdfast.record.Compression;
import io.holdfast.record.InvalidBatchException;
import io.holdfast.record.LogRecord;
import io.holdfast.record.RecordBatch;
import io.holdfast.record.RecordBatchBuilder;
import io.holdfast.v1.BatchStored;
import io.holdfast.v1.PublishResult;
import io.holdfast.v1.PublishStreamRequest;
import io.holdfast.v1.Sequence;
import io.holdfast.v1.TopicPartition;
import io.holdfast.v1.WriteOutcome;
import java.nio.ByteBuffer;
import java.util.ArrayList;
import java.util.BitSet;
import java.util.Collection;
import java.util.List;
import java.util.concurrent.CompletableFuture;
import org.jspecify.annotations.Nullable;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/** Records on their way to one partition: being filled, then frozen, then sent until they are acknowledged. */
final class PendingBatch {
    private static final Logger LOG = LoggerFactory.getLogger(PendingBatch.class);

    private final Lane lane;
    private final boolean scheduled;
    private final long keysVersion;
    private final long createdNanos = System.nanoTime();
    private final BatchMemory memory;
    private final RecordBatchBuilder builder;
    private final List<SendCallback> callbacks = new ArrayList<>();
    private final CompletableFuture<Void> settled = new CompletableFuture<>();

    private final long deadlineNanos;
    /** What the records are written to, if it is to be given back. */
    private byte @Nullable [] array;

    private @Nullable ByteBuffer bytes;
    /** Which of them are here because of their keys. */
    private final BitSet byKey = new BitSet();

    private long reservedBytes;
    private long firstSequence = -1;
    private int epoch;
    private @Nullable PublishConnection sentOn;
    private long sentNanos;
    /** After the first, nobody knows whether it was stored until an answer comes. */
    private int timesSent;

    /** @param scheduled for records that the partition keeps for later, which are not mixed with others */
    PendingBatch(Lane lane, boolean scheduled, Compression compression, BatchMemory memory, long deadlineNanos) {
        this.lane = lane;
        this.scheduled = scheduled;
        this.keysVersion = lane.keysVersion();
        this.memory = memory;
        byte[] taken = memory.take(lane.bytesExpected());
        this.array = taken;
        this.builder = taken == null
                ? new RecordBatchBuilder(compression, lane.bytesExpected())
                : new RecordBatchBuilder(compression, taken);
        this.deadlineNanos = deadlineNanos;
    }

    Lane lane() {
        return lane;
    }

    /** @param placedByKey whether it is here because of its key */
    void add(LogRecord record, long bytesReserved, boolean placedByKey, SendCallback callback) {
        builder.add(record);
        reservedBytes += bytesReserved;
        if (placedByKey) {
            byKey.set(callbacks.size());
        }
        callbacks.add(callback);
    }

    boolean isScheduled() {
        return scheduled;
    }

    long deadlineNanos() {
        return deadlineNanos;
    }

    /** Version of the partition's keys as of which it was placed. */
    long keysVersion() {
        return keysVersion;
    }

    boolean isByKey(int record) {
        return byKey.get(record);
    }

    /** Its records, in order. */
    List<LogRecord> records() {
        if (bytes == null) {
            seal();
        }
        try {
            return new RecordBatch(frozen()).records(Integer.MAX_VALUE);
        } catch (InvalidBatchException e) {
            throw new IllegalStateException("a batch of our own cannot be read", e);
        }
    }

    boolean hasRoomFor(boolean scheduledRecord, int recordBytesMax, int batchBytesMax) {
        return scheduledRecord == scheduled && fits(recordBytesMax, batchBytesMax);
    }

    private boolean fits(int recordBytesMax, int batchBytesMax) {
        return builder.recordCount() == 0 || builder.sizeInBytes() + recordBytesMax <= batchBytesMax;
    }

    /** Before compression. */
    int sizeInBytes() {
        return builder.sizeInBytes();
    }

    int recordCount() {
        return callbacks.size();
    }

    long reservedBytes() {
        return reservedBytes;
    }

    long createdNanos() {
        return createdNanos;
    }

    boolean isExpired(long nowNanos) {
        return nowNanos - deadlineNanos > 0;
    }

    boolean isInFlight() {
        return sentOn != null;
    }

    /** What is known of it as long as no answer came. */
    WriteOutcome outcome() {
        return timesSent > 0 ? WriteOutcome.WRITE_OUTCOME_UNKNOWN : WriteOutcome.WRITE_OUTCOME_NOT_APPLIED;
    }

    long sentNanos() {
        return sentNanos;
    }

    @Nullable
    PublishConnection sentOn() {
        return sentOn;
    }

    long firstSequence() {
        return firstSequence;
    }

    /** Freezes the records, with their place in the producer's order. */
    void seal(long producerId, int newEpoch, long newFirstSequence) {
        epoch = newEpoch;
        firstSequence = newFirstSequence;
        builder.producer(producerId, newEpoch, newFirstSequence);
        seal();
    }

    /** Freezes the records. */
    void seal() {
        ByteBuffer built = builder.build();
        bytes = built;
        if (built.array() != array) {
            giveBack();
        }
    }

    /**
     * It was stored, and is not sent again. Its memory is given back if it was sent once: the answer says that all of it has
     * left. Else an earlier attempt may still lie in a connection.
     */
    void stored() {
        if (timesSent == 1) {
            giveBack();
        }
    }

    private void giveBack() {
        byte[] mine = array;
        if (mine != null) {
            memory.giveBack(mine);
            array = null;
        }
    }

    /** Gives the frozen batch another place in the producer's order. */
    void assign(long producerId, int newEpoch, long newFirstSequence) {
        epoch = newEpoch;
        firstSequence = newFirstSequence;
        RecordBatch.assign(frozen(), producerId, newEpoch, newFirstSequence);
    }

    private ByteBuffer frozen() {
        ByteBuffer batch = bytes;
        if (batch == null) {
            throw new IllegalStateException("the batch is not sealed");
        }
        return batch;
    }

    PublishStreamRequest request(long correlationId, long producerId) {
        PublishStreamRequest.Builder request = PublishStreamRequest.newBuilder()
                .setCorrelationId(correlationId)
                .setPartition(TopicPartition.newBuilder()
                        .setTopic(lane.key().topic())
                        .setPartition(lane.key().partition()))
                .setBatch(UnsafeByteOperations.unsafeWrap(frozen()))
                .setScheduled(scheduled);
        if (!byKey.isEmpty()) {
            request.setKeysVersion(keysVersion);
        }
        if (firstSequence >= 0) {
            request.setSequence(Sequence.newBuilder()
                    .setProducerId(producerId)
                    .setEpoch(epoch)
                    .setFirstSequence(firstSequence));
        }
        return request.build();
    }

    void sent(PublishConnection on) {
        if (sentOn == null) {
            lane.inFlight(1, reservedBytes);
        }
        sentOn = on;
        sentNanos = System.nanoTime();
        timesSent++;
    }

    void notInFlight() {
        if (sentOn != null) {
            lane.inFlight(-1, -reservedBytes);
        }
        sentOn = null;
    }

    /** If it is under way, its answer is not waited for any more; false if it is not. */
    boolean takeBack() {
        PublishConnection on = sentOn;
        if (on == null) {
            return false;
        }
        on.abandon(this);
        notInFlight();
        return true;
    }

    /** Tells the callers; outside any lock. */
    void succeed(BatchStored stored) {
        long appendMs = millis(stored.getAppendTime());
        for (int i = 0; i < callbacks.size(); i++) {
            boolean early = i < stored.getAlreadyStored();
            boolean unknown = early || stored.getOffsetUnknown();
            RecordPosition position = stored.getResultsCount() > 0
                    ? position(stored.getResults(i))
                    : new RecordPosition(
                            lane.key().topic(),
                            lane.key().partition(),
                            unknown ? -1 : stored.getFirstOffset() + i - stored.getAlreadyStored(),
                            appendMs,
                            early || stored.getDuplicate(),
                            "");
            tell(callbacks.get(i), position, null);
        }
        settled.complete(null);
    }

    private static void tell(
            SendCallback callback, @Nullable RecordPosition position, @Nullable HoldfastException failure) {
        try {
            callback.onCompletion(position, failure);
        } catch (RuntimeException | Error e) {
            LOG.warn("a callback failed; those after it are told all the same", e);
        }
    }

    /** Of a record that went its own way. */
    private RecordPosition position(PublishResult result) {
        return new RecordPosition(
                lane.key().topic(),
                lane.key().partition(),
                result.hasOffset() ? result.getOffset() : -1,
                millis(result.getAppendTime()),
                result.getDuplicate(),
                result.getScheduleId());
    }

    private static long millis(Timestamp time) {
        return time.getSeconds() * 1000 + time.getNanos() / 1_000_000;
    }

    /** Tells the callers; outside any lock. */
    void fail(HoldfastException failure) {
        callbacks.forEach(callback -> tell(callback, null, failure));
        settled.complete(null);
    }

    /** Its records are in these now. */
    void movedTo(Collection<PendingBatch> batches) {
        CompletableFuture.allOf(batches.stream().map(PendingBatch::settled).toArray(CompletableFuture[]::new))
                .thenRun(() -> settled.complete(null));
    }

    /** Completes, never with a failure, when all of its records' callers have been told. */
    CompletableFuture<Void> settled() {
        return settled;
    }

    SendCallback callback(int record) {
        return callbacks.get(record);
    }
}
