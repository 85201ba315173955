package io.holdfast.client;

import io.holdfast.record.Compression;
import java.time.Duration;
import org.jspecify.annotations.Nullable;

/**
 * How a producer behaves; {@link #DEFAULT} with changes.
 *
 * @param name null for a fresh identity each time. A named producer fences the instance that had the name before
 * @param idempotent retries never store a record twice, and keep the order per partition. Without it a failed send with
 *     outcome UNKNOWN is reported, not retried
 * @param batchBytesMax a batch is sent when it has this size, before compression
 * @param linger how long a batch waits for more records; zero: it is sent as soon as the connection can take it
 * @param batchesInFlightMax unanswered batches per partition; a batch that is not full waits much sooner
 * @param deliveryTimeout from send to acknowledgement, all retries included
 * @param memoryBytesMax unacknowledged records; send blocks beyond it
 */
public record ProducerSettings(
        @Nullable String name,
        boolean idempotent,
        Compression compression,
        int batchBytesMax,
        Duration linger,
        int batchesInFlightMax,
        Duration deliveryTimeout,
        long memoryBytesMax) {
    public static final ProducerSettings DEFAULT = new ProducerSettings(
            null, true, Compression.NONE, 64 << 10, Duration.ZERO, 64, Duration.ofSeconds(60), 32L << 20);

    public ProducerSettings {
        if (batchBytesMax < 1 || batchesInFlightMax < 1 || memoryBytesMax < 1) {
            throw new IllegalArgumentException("batchBytesMax, batchesInFlightMax and memoryBytesMax must be positive");
        }
        if (deliveryTimeout.isNegative() || deliveryTimeout.isZero() || linger.isNegative()) {
            throw new IllegalArgumentException("deliveryTimeout must be positive, linger not negative");
        }
    }

    public ProducerSettings withName(@Nullable String newName) {
        return new ProducerSettings(
                newName,
                idempotent,
                compression,
                batchBytesMax,
                linger,
                batchesInFlightMax,
                deliveryTimeout,
                memoryBytesMax);
    }

    public ProducerSettings withIdempotent(boolean on) {
        return new ProducerSettings(
                name,
                on,
                compression,
                batchBytesMax,
                linger,
                on ? batchesInFlightMax : 1,
                deliveryTimeout,
                memoryBytesMax);
    }

    public ProducerSettings withCompression(Compression other) {
        return new ProducerSettings(
                name, idempotent, other, batchBytesMax, linger, batchesInFlightMax, deliveryTimeout, memoryBytesMax);
    }

    public ProducerSettings withBatchBytesMax(int bytes) {
        return new ProducerSettings(
                name, idempotent, compression, bytes, linger, batchesInFlightMax, deliveryTimeout, memoryBytesMax);
    }

    public ProducerSettings withLinger(Duration other) {
        return new ProducerSettings(
                name,
                idempotent,
                compression,
                batchBytesMax,
                other,
                batchesInFlightMax,
                deliveryTimeout,
                memoryBytesMax);
    }

    public ProducerSettings withDeliveryTimeout(Duration other) {
        return new ProducerSettings(
                name, idempotent, compression, batchBytesMax, linger, batchesInFlightMax, other, memoryBytesMax);
    }

    public ProducerSettings withMemoryBytesMax(long bytes) {
        return new ProducerSettings(
                name, idempotent, compression, batchBytesMax, linger, batchesInFlightMax, deliveryTimeout, bytes);
    }
}
