package io.holdfast.bench.peer;

import io.holdfast.bench.LoadShape;
import io.holdfast.bench.Target;
import java.time.Duration;
import java.util.List;
import java.util.Map;
import java.util.Properties;
import java.util.concurrent.ExecutionException;
import java.util.function.Consumer;
import java.util.stream.IntStream;
import org.apache.kafka.clients.admin.Admin;
import org.apache.kafka.clients.admin.NewTopic;
import org.apache.kafka.clients.consumer.ConsumerRecord;
import org.apache.kafka.clients.consumer.KafkaConsumer;
import org.apache.kafka.clients.producer.KafkaProducer;
import org.apache.kafka.clients.producer.ProducerRecord;
import org.apache.kafka.common.TopicPartition;
import org.apache.kafka.common.errors.TopicExistsException;
import org.apache.kafka.common.serialization.ByteArrayDeserializer;
import org.apache.kafka.common.serialization.ByteArraySerializer;
import org.jspecify.annotations.Nullable;

/** A Kafka cluster, through its own client: all replicas in sync acknowledge, idempotence on, as by default. */
final class KafkaTarget implements Target {
    private final String servers;
    private final Map<String, String> topicSettings;

    /** @param topicSettings for new topics: {@code flush.messages=1} makes Kafka flush before it acknowledges */
    KafkaTarget(String servers, Map<String, String> topicSettings) {
        this.servers = servers;
        this.topicSettings = topicSettings;
    }

    private Properties properties() {
        Properties properties = new Properties();
        properties.put("bootstrap.servers", servers);
        return properties;
    }

    @Override
    public void createTopic(String topic, int partitions, int replicas) throws Exception {
        try (Admin admin = Admin.create(properties())) {
            NewTopic wanted = new NewTopic(topic, partitions, (short) (replicas == 0 ? 3 : replicas));
            admin.createTopics(List.of(wanted.configs(topicSettings))).all().get();
            Thread.sleep(1000); // its metadata spreads meanwhile
        } catch (ExecutionException e) {
            if (!(e.getCause() instanceof TopicExistsException)) {
                throw e;
            }
        }
    }

    @Override
    public void deleteTopic(String topic) throws Exception {
        try (Admin admin = Admin.create(properties())) {
            admin.deleteTopics(List.of(topic)).all().get();
        }
    }

    @Override
    public Sink produce(LoadShape shape) {
        Properties properties = properties();
        properties.put("acks", "all");
        properties.put("batch.size", shape.batchBytes());
        properties.put("linger.ms", shape.linger().toMillis());
        properties.put("compression.type", shape.compression());
        properties.put("buffer.memory", Math.max(32L << 20, 2 * shape.windowBytes()));
        KafkaProducer<byte[], byte[]> producer =
                new KafkaProducer<>(properties, new ByteArraySerializer(), new ByteArraySerializer());
        return new Sink() {
            @Override
            public void send(int partition, byte[] value, Consumer<@Nullable Throwable> acknowledged) {
                producer.send(
                        new ProducerRecord<>(shape.topic(), partition, null, value),
                        (metadata, failure) -> acknowledged.accept(failure));
            }

            @Override
            public void flush() {
                producer.flush();
            }

            @Override
            public void close() {
                producer.close(Duration.ofSeconds(10));
            }
        };
    }

    @Override
    public Source consume(String topic, boolean fromStart) {
        Properties properties = properties();
        properties.put("max.poll.records", 5000);
        properties.put("max.partition.fetch.bytes", 8 << 20);
        KafkaConsumer<byte[], byte[]> consumer =
                new KafkaConsumer<>(properties, new ByteArrayDeserializer(), new ByteArrayDeserializer());
        List<TopicPartition> all = IntStream.range(
                        0, consumer.partitionsFor(topic).size())
                .mapToObj(p -> new TopicPartition(topic, p))
                .toList();
        consumer.assign(all);
        if (fromStart) {
            consumer.seekToBeginning(all);
        } else {
            consumer.seekToEnd(all);
            all.forEach(consumer::position);
        }
        return new Source() {
            @Override
            public int poll(Duration patience, Consumer<byte[]> record) {
                int count = 0;
                for (ConsumerRecord<byte[], byte[]> one : consumer.poll(patience)) {
                    record.accept(one.value());
                    count++;
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
