package io.holdfast.bench;

import java.time.Duration;

/**
 * What a load does.
 *
 * @param partitions the load goes round them, a batch's worth of records each
 * @param recordBytes size of each value; at least {@value #RECORD_BYTES_MIN}
 * @param recordsPerSecond 0: as fast as it goes
 * @param windowBytes values sent and not yet acknowledged, at most, when it goes as fast as it goes
 * @param batchBytes size of a producer's batch
 * @param linger how long a batch waits to fill
 * @param compression none, gzip, snappy, lz4 or zstd
 * @param warmUp load before anything is counted
 * @param measured load that is counted
 */
public record LoadShape(
        String topic,
        int partitions,
        int recordBytes,
        long recordsPerSecond,
        long windowBytes,
        int batchBytes,
        Duration linger,
        String compression,
        Duration warmUp,
        Duration measured) {
    /** Room for a sequence number and the time it was due. */
    public static final int RECORD_BYTES_MIN = 16;

    public LoadShape {
        if (partitions < 1 || batchBytes < 1 || windowBytes < 1 || recordsPerSecond < 0) {
            throw new IllegalArgumentException("partitions, batch and window must be positive, the rate not negative");
        }
        if (recordBytes < RECORD_BYTES_MIN) {
            throw new IllegalArgumentException("records need at least " + RECORD_BYTES_MIN + " bytes");
        }
        if (measured.isNegative() || measured.isZero() || warmUp.isNegative() || linger.isNegative()) {
            throw new IllegalArgumentException("the measured time must be positive, warm-up and linger not negative");
        }
    }

    /** Records that one batch holds, roughly: what goes to a partition before the next has its turn. */
    int recordsPerTurn() {
        return recordsPerSecond > 0 ? 1 : Math.max(1, batchBytes / recordBytes);
    }
}
