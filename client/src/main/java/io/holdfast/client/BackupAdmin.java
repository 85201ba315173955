package io.holdfast.client;

import com.google.protobuf.UnsafeByteOperations;
import io.holdfast.v1.BackupServiceGrpc;
import io.holdfast.v1.ErrorReason;
import io.holdfast.v1.LogServiceGrpc;
import io.holdfast.v1.PublishRequest;
import io.holdfast.v1.PublishResult;
import io.holdfast.v1.ReadFormat;
import io.holdfast.v1.ReadRequest;
import io.holdfast.v1.ReadResponse;
import io.holdfast.v1.Record;
import io.holdfast.v1.RestoreBatchesRequest;
import io.holdfast.v1.Start;
import io.holdfast.v1.TopicPartition;
import java.nio.ByteBuffer;
import java.util.List;

/** Records as they are stored, out of a cluster and back into one. Thread-safe; calls block. */
public final class BackupAdmin {
    private final Admin admin;

    BackupAdmin(Admin admin) {
        this.admin = admin;
    }

    /**
     * Encoded batches from this offset on; the first may begin before it. None if the log ends here.
     *
     * @param untilOffset stop before it
     * @param bytesMax at least one batch comes all the same
     */
    public ReadResponse read(String topic, int partition, long offset, long untilOffset, int bytesMax) {
        ReadRequest request = ReadRequest.newBuilder()
                .setPartition(partition(topic, partition))
                .setStart(Start.newBuilder().setOffset(offset))
                .setUntilOffset(untilOffset)
                .setMaxBytes(bytesMax)
                .setFormat(ReadFormat.READ_FORMAT_BATCHES)
                .build();
        return admin.call(
                true,
                channel -> Admin.timed(LogServiceGrpc.newBlockingStub(channel)).read(request));
    }

    /**
     * Puts batches back. A partition that never had a record begins at the offset, any other must end there.
     *
     * @param batches none: an empty partition just begins at the offset
     * @param records in the batches together
     * @return where the next go
     * @throws HoldfastException EXPECTED_OFFSET_MISMATCH if the partition has other records than that
     */
    public long restore(
            String topic, int partition, long firstOffset, long appendMs, List<ByteBuffer> batches, int records) {
        RestoreBatchesRequest.Builder request = RestoreBatchesRequest.newBuilder()
                .setPartition(partition(topic, partition))
                .setFirstOffset(firstOffset)
                .setAppendTimeMs(appendMs);
        batches.forEach(batch -> request.addBatches(UnsafeByteOperations.unsafeWrap(batch)));
        return restore(request.build(), firstOffset + records);
    }

    /**
     * Makes a partition that ends at an offset go on at another: there is nothing in between, since the records that were
     * there had been compacted.
     *
     * @throws HoldfastException EXPECTED_OFFSET_MISMATCH if the partition has other records than that
     */
    public void skip(String topic, int partition, long from, long to, long appendMs) {
        restore(
                RestoreBatchesRequest.newBuilder()
                        .setPartition(partition(topic, partition))
                        .setSkipFrom(from)
                        .setFirstOffset(to)
                        .setAppendTimeMs(appendMs)
                        .build(),
                to);
    }

    /** @param after where the partition must end then */
    private long restore(RestoreBatchesRequest built, long after) {
        String topic = built.getPartition().getTopic();
        int partition = built.getPartition().getPartition();
        try {
            long end = admin.call(
                            true,
                            channel -> Admin.timed(BackupServiceGrpc.newBlockingStub(channel))
                                    .restoreBatches(built))
                    .getNextOffset();
            if (end != after) { // without batches nothing was compared
                throw HoldfastException.notApplied(
                        ErrorReason.ERROR_REASON_EXPECTED_OFFSET_MISMATCH,
                        "name an empty partition: " + topic + "/" + partition + " ends at offset " + end);
            }
            return end;
        } catch (HoldfastException e) {
            if (e.reason() == ErrorReason.ERROR_REASON_EXPECTED_OFFSET_MISMATCH && end(topic, partition) == after) {
                return after; // an attempt before, of unknown outcome, had done it
            }
            throw e;
        }
    }

    /** Offset after the last record of a partition. */
    public long end(String topic, int partition) {
        return admin.lookupOffsets(topic, partition + 1, Position.latest().start())
                .get(partition);
    }

    /** Publishes records to a partition, as a simple client does: if a call fails they may be there, and come again. */
    public List<PublishResult> publish(String topic, int partition, List<Record> records) {
        PublishRequest request = PublishRequest.newBuilder()
                .setTopic(topic)
                .setPartition(partition)
                .addAllRecords(records)
                .build();
        return admin.call(
                        false,
                        channel -> Admin.timed(LogServiceGrpc.newBlockingStub(channel))
                                .publish(request))
                .getResultsList();
    }

    private static TopicPartition partition(String topic, int partition) {
        return TopicPartition.newBuilder()
                .setTopic(topic)
                .setPartition(partition)
                .build();
    }
}
