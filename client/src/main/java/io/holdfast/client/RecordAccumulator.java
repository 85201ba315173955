package io.holdfast.client;

import io.holdfast.client.RoutingCache.PartitionKey;
import io.holdfast.record.HeaderNames;
import io.holdfast.record.KeyHash;
import io.holdfast.record.LogRecord;
import io.holdfast.record.RecordBatchBuilder;
import io.holdfast.record.RecordHeader;
import java.util.ArrayList;
import java.util.Collection;
import java.util.HashMap;
import java.util.LinkedHashSet;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.ConcurrentHashMap;
import java.util.concurrent.TimeUnit;
import org.jspecify.annotations.Nullable;

/**
 * What a producer was given and has not been told the fate of. Records are placed by their keys into the lanes of their
 * partitions, and fill batches there. Guarded by the producer's lock.
 */
final class RecordAccumulator {
    private static final long TRIM_NANOS = TimeUnit.SECONDS.toNanos(5);

    private final ProducerSettings settings;
    private final ProducerIdentity identity;
    private final SendMemory memory;
    private final KeyPlacement placement;
    private final BatchMemory batchMemory;
    private final Map<PartitionKey, Lane> lanes = new HashMap<>();
    /** That a record was put into last. */
    private @Nullable Lane lastLane;

    /** Batches some of whose callers have not been told yet. Added to under the lock. */
    private final Set<PendingBatch> unsettled = ConcurrentHashMap.newKeySet();

    private long trimmedNanos = System.nanoTime();

    RecordAccumulator(ProducerSettings settings, ProducerIdentity identity, SendMemory memory, KeyPlacement placement) {
        this.settings = settings;
        this.identity = identity;
        this.memory = memory;
        this.placement = placement;
        batchMemory = new BatchMemory(settings.batchBytesMax());
    }

    Collection<Lane> lanes() {
        return lanes.values();
    }

    /**
     * Puts a record into the batch that is being filled for its partition.
     *
     * @param bytes that it may take there
     * @return the partition's lane
     */
    Lane add(ProducerRecord record, LogRecord log, int bytes, SendCallback callback) {
        Integer asked = record.partition();
        byte[] key = record.key() != null ? record.key() : record.messageId();
        boolean byKey = asked == null && key != null;
        int partition;
        if (asked != null) {
            partition = asked;
        } else if (key != null) {
            partition = placement.partitionOf(record.topic(), KeyHash.of(key));
        } else {
            partition = placement.stickyPartition(record.topic());
        }
        Lane lane = lane(record.topic(), partition);
        PendingBatch batch = openBatch(lane, bytes, record.isScheduled());
        if (batch == null) {
            batch = newBatch(
                    lane,
                    record.isScheduled(),
                    System.nanoTime() + settings.deliveryTimeout().toNanos());
        }
        batch.add(log, bytes, byKey, callback);
        memory.take(bytes);
        return lane;
    }

    private Lane lane(String topic, int partition) {
        Lane lane = lastLane;
        if (lane == null
                || lane.key().partition() != partition
                || !lane.key().topic().equals(topic)) {
            lane = lanes.computeIfAbsent(
                    new PartitionKey(topic, partition),
                    key -> new Lane(key, identity.epoch(), placement.ranges(topic)));
            lastLane = lane;
        }
        if (lane.isEmpty()) {
            lane.placeAsOf(placement.ranges(topic));
        }
        return lane;
    }

    /** The lane's batch that is being filled, if there is one with room for a record of so many bytes. */
    private @Nullable PendingBatch openBatch(Lane lane, int bytes, boolean scheduled) {
        PendingBatch open = lane.open();
        if (open != null && !open.hasRoomFor(scheduled, bytes, settings.batchBytesMax())) {
            seal(lane);
            return null;
        }
        return open;
    }

    private PendingBatch newBatch(Lane lane, boolean scheduled, long deadlineNanos) {
        PendingBatch batch = new PendingBatch(lane, scheduled, settings.compression(), batchMemory, deadlineNanos);
        lane.open(batch);
        unsettled.add(batch);
        batch.settled().thenRun(() -> unsettled.remove(batch));
        return batch;
    }

    /** The lane's batch has enough in it: it is ready to be sent, and records without a key go elsewhere. */
    void seal(Lane lane) {
        lane.seal(identity.id());
        placement.unstick(lane.key().topic());
    }

    /** The fate of a batch is known. */
    void remove(PendingBatch batch) {
        batch.lane().queue().remove(batch);
        memory.giveBack(batch.reservedBytes());
    }

    /** Takes what has not been answered out of all lanes. */
    List<PendingBatch> takeAll() {
        List<PendingBatch> all = new ArrayList<>();
        lanes.values().forEach(lane -> all.addAll(lane.takeAll()));
        return all;
    }

    /** Of each batch, completes, never with a failure, when all of its records' callers have been told. */
    List<CompletableFuture<Void>> unsettled() {
        return unsettled.stream().map(PendingBatch::settled).toList();
    }

    /** Lets go of memory that was not needed lately; to be called now and then. */
    void trim(long nowNanos) {
        if (nowNanos - trimmedNanos > TRIM_NANOS) {
            trimmedNanos = nowNanos;
            batchMemory.trim();
        }
    }

    // ---- keys that have moved

    /** There is news about the routes. */
    void adoptRoutes() {
        placement.adoptRoutes(lanes.values());
    }

    /**
     * Some of a lane's keys are another partition's now: what is in it and not under way is placed anew, in order.
     *
     * @return the lanes where it is now
     */
    Set<Lane> placeAnew(Lane lane) {
        String topic = lane.key().topic();
        List<PendingBatch> batches = lane.takeRefused(placement.ranges(topic));
        placement.settled(lane);
        Set<Lane> filled = new LinkedHashSet<>();
        for (PendingBatch batch : batches) {
            memory.giveBack(batch.reservedBytes());
            Set<PendingBatch> into = new LinkedHashSet<>();
            List<LogRecord> records = batch.records();
            for (int i = 0; i < records.size(); i++) {
                LogRecord record = records.get(i);
                boolean byKey = batch.isByKey(i);
                int partition = byKey
                        ? placement.partitionOf(topic, KeyHash.of(placingKey(record)))
                        : lane.key().partition();
                Lane to = lane(topic, partition);
                int bytes = RecordBatchBuilder.sizeInBytesMax(record);
                PendingBatch open = openBatch(to, bytes, batch.isScheduled());
                if (open == null) {
                    open = newBatch(to, batch.isScheduled(), batch.deadlineNanos());
                }
                open.add(record, bytes, byKey, batch.callback(i));
                memory.take(bytes);
                filled.add(to);
                into.add(open);
            }
            batch.movedTo(into);
        }
        return filled;
    }

    private static byte[] placingKey(LogRecord record) {
        byte[] key = record.key();
        if (key != null) {
            return key;
        }
        for (RecordHeader header : record.headers()) {
            byte[] id = header.value();
            if (header.name().equals(HeaderNames.MESSAGE_ID) && id != null) {
                return id;
            }
        }
        throw new IllegalStateException("a record that was placed by a key has none");
    }
}
