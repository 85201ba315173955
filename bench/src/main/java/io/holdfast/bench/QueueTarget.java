package io.holdfast.bench;

import io.holdfast.client.HoldfastClient;
import io.holdfast.client.QueueConsumer;
import io.holdfast.client.QueueDelivery;
import io.holdfast.client.QueueSettings;
import java.time.Duration;
import java.util.function.Consumer;

/** A Holdfast cluster whose topics are consumed by a queue group: leased, then accepted one by one. */
public final class QueueTarget implements Target {
    private static final String GROUP = "bench";

    private final HoldfastClient client;
    private final HoldfastTarget log;
    private final int prefetch;

    /**
     * @param client not closed by this
     * @param prefetch records leased to the consumer and not accepted, at most
     */
    public QueueTarget(HoldfastClient client, int prefetch) {
        this.client = client;
        this.log = new HoldfastTarget(client, null);
        this.prefetch = prefetch;
    }

    @Override
    public void createTopic(String topic, int partitions, int replicas) {
        log.createTopic(topic, partitions, replicas);
    }

    @Override
    public void deleteTopic(String topic) {
        log.deleteTopic(topic);
    }

    @Override
    public Sink produce(LoadShape shape) {
        return log.produce(shape);
    }

    @Override
    public Source consume(String topic, boolean fromStart) {
        QueueConsumer consumer =
                client.newQueueConsumer(QueueSettings.of(topic, GROUP).withPrefetch(prefetch));
        return new Source() {
            @Override
            public int poll(Duration patience, Consumer<byte[]> record) {
                int count = 0;
                QueueDelivery next = consumer.poll(patience);
                while (next != null) {
                    byte[] value = next.record().value();
                    if (value != null) {
                        record.accept(value);
                    }
                    next.accept();
                    count++;
                    next = count < 10_000 ? consumer.poll(Duration.ZERO) : null;
                }
                return count;
            }

            @Override
            public void close() {
                consumer.close();
            }
        };
    }

    @Override
    public void close() {}
}
