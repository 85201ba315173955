package io.holdfast.bench;

import io.holdfast.client.HoldfastClient;
import io.holdfast.client.HoldfastException;
import io.holdfast.client.Position;
import io.holdfast.client.Producer;
import io.holdfast.client.ProducerRecord;
import io.holdfast.client.ProducerSettings;
import io.holdfast.client.ReadMode;
import io.holdfast.client.Reader;
import io.holdfast.client.ReaderSettings;
import io.holdfast.client.ReceivedRecord;
import io.holdfast.record.Compression;
import io.holdfast.v1.ErrorReason;
import java.time.Duration;
import java.util.Locale;
import java.util.function.Consumer;
import org.jspecify.annotations.Nullable;

/** A Holdfast cluster, through the Java client. */
public final class HoldfastTarget implements Target {
    private static final int BYTES_AHEAD = 8 << 20;

    private final HoldfastClient client;
    private final @Nullable String readFrom;

    /**
     * @param client not closed by this
     * @param readFrom address of the node to read from, in any state; null for the leaders
     */
    public HoldfastTarget(HoldfastClient client, @Nullable String readFrom) {
        this.client = client;
        this.readFrom = readFrom;
    }

    @Override
    public void createTopic(String topic, int partitions, int replicas) {
        try {
            client.admin().createTopic(topic, partitions, replicas);
        } catch (HoldfastException e) {
            if (e.reason() != ErrorReason.ERROR_REASON_TOPIC_EXISTS) {
                throw e;
            }
        }
    }

    @Override
    public void deleteTopic(String topic) {
        client.admin().deleteTopic(topic);
    }

    @Override
    public Sink produce(LoadShape shape) {
        Producer producer = client.newProducer(ProducerSettings.DEFAULT
                .withBatchBytesMax(shape.batchBytes())
                .withLinger(shape.linger())
                .withCompression(Compression.valueOf(shape.compression().toUpperCase(Locale.ROOT)))
                .withMemoryBytesMax(Math.max(ProducerSettings.DEFAULT.memoryBytesMax(), 2 * shape.windowBytes())));
        return new Sink() {
            @Override
            public void send(int partition, byte[] value, Consumer<@Nullable Throwable> acknowledged) {
                producer.send(
                        ProducerRecord.of(shape.topic(), partition, null, value),
                        (position, failure) -> acknowledged.accept(failure));
            }

            @Override
            public void flush() {
                producer.flush();
            }

            @Override
            public void close() {
                producer.close();
            }
        };
    }

    @Override
    public Source consume(String topic, boolean fromStart) {
        ReaderSettings settings = ReaderSettings.of(topic)
                .withFrom(fromStart ? Position.earliest() : Position.latest())
                .withFollow(true)
                .withBytesAheadMax(BYTES_AHEAD);
        if (readFrom != null) {
            settings = settings.withNode(readFrom).withMode(ReadMode.any());
        }
        Reader reader = client.newReader(settings);
        return new Source() {
            @Override
            public int poll(Duration patience, Consumer<byte[]> record) {
                int count = 0;
                ReceivedRecord next = reader.poll(patience);
                while (next != null) {
                    byte[] value = next.value();
                    if (value != null) {
                        record.accept(value);
                    }
                    count++;
                    next = count < 10_000 ? reader.poll(Duration.ZERO) : null;
                }
                return count;
            }

            @Override
            public void close() {
                reader.close();
            }
        };
    }

    @Override
    public void close() {}
}
