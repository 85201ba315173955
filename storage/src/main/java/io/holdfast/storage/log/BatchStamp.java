package io.holdfast.storage.log;

import io.holdfast.record.RecordBatch;
import java.nio.ByteBuffer;

/** Turns stored bytes into a batch that a reader may have: checked, and with what the log assigns written in. */
final class BatchStamp {
    private BatchStamp() {}

    static void checkAndStamp(ByteBuffer batch, BatchEntry entry, Segment segment) throws DamagedLogException {
        int crc = RecordBatch.computeCrc(batch);
        if (crc != entry.batchCrc() || RecordBatch.sizeAt(batch) != entry.batchBytes()) {
            throw new DamagedLogException(segment + " at " + entry.position() + ": batch of offset "
                    + entry.baseOffset() + " does not match its checksum");
        }
        RecordBatch.stamp(batch, entry.baseOffset() - entry.skippedRecords(), entry.term());
    }
}
