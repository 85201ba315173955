package io.holdfast.storage.log;

/**
 * A batch of a frame that apply has accepted.
 *
 * @param positionInPayload where it starts in the frame's payload
 * @param recordCount records that count
 * @param skippedRecords leading records that do not, because an earlier batch has them
 * @param crc CRC32C out of its header
 */
public record AcceptedBatch(int positionInPayload, int batchBytes, int recordCount, int skippedRecords, int crc) {}
