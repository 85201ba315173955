package io.holdfast.chaos;

import static java.nio.charset.StandardCharsets.UTF_8;
import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import com.google.protobuf.Duration;
import io.holdfast.client.HoldfastException;
import io.holdfast.client.Position;
import io.holdfast.client.Producer;
import io.holdfast.client.ProducerRecord;
import io.holdfast.client.ProducerSettings;
import io.holdfast.client.QueueConsumer;
import io.holdfast.client.QueueDelivery;
import io.holdfast.client.QueueSettings;
import io.holdfast.v1.ErrorReason;
import io.holdfast.v1.QueueConfig;
import io.holdfast.v1.SettledRetention;
import io.holdfast.v1.TopicConfig;
import java.util.List;
import java.util.concurrent.CompletionException;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;

/** What topics keep, and for how long. */
@Timeout(120)
class RetentionIT extends SharedCluster {
    private static final java.time.Duration PATIENCE = java.time.Duration.ofSeconds(30);
    private static final int RECORD_BYTES = 1000;

    @BeforeAll
    static void start() throws Exception {
        share(List.of("storage:", "  segment-size: 1MiB"));
    }

    private static void create(String topic, TopicConfig.Builder config) {
        client.admin().createTopic(topic, config.setPartitions(1).setReplicas(3).build());
    }

    private static void publish(String topic, int count) {
        try (Producer producer = client.newProducer()) {
            for (int i = 0; i < count; i++) {
                producer.send(
                        ProducerRecord.of(topic, null, "x".repeat(RECORD_BYTES).getBytes(UTF_8)));
            }
            producer.flush();
        }
    }

    private static long start(String topic) {
        return client.admin()
                .lookupOffsets(topic, 1, Position.earliest().start())
                .get(0);
    }

    private static long end(String topic) {
        return client.admin().lookupOffsets(topic, 1, Position.latest().start()).get(0);
    }

    private static void settle(String topic, String group, int count) {
        try (QueueConsumer consumer = client.newQueueConsumer(QueueSettings.of(topic, group))) {
            for (int i = 0; i < count; i++) {
                QueueDelivery delivery = consumer.poll(PATIENCE);
                assertThat(delivery).isNotNull();
                delivery.accept().join();
            }
        }
    }

    @Test
    void shouldDropTheOldestBySizeAndFreeTheDisk() {
        create("by-size", TopicConfig.newBuilder().setRetainBytes(2 << 20));
        publish("by-size", 6000);
        TestCluster.await("the log to be small", PATIENCE, () -> {
            long kept = end("by-size") - start("by-size");
            return kept * RECORD_BYTES <= 2 << 20;
        });
        assertThat((end("by-size") - start("by-size")) * RECORD_BYTES).isGreaterThan(1 << 20);
        publish("by-size", 10); // and it goes on
        assertThat(end("by-size")).isEqualTo(6010);
    }

    @Test
    void shouldDropByAgeAndChangeWhileItRuns() {
        create("by-age", TopicConfig.newBuilder());
        publish("by-age", 5);
        assertThat(start("by-age")).isZero();
        client.admin()
                .updateTopic(
                        "by-age",
                        TopicConfig.newBuilder()
                                .setRetainFor(Duration.newBuilder().setSeconds(2))
                                .build());
        TestCluster.await("the old records to go", PATIENCE, () -> start("by-age") == 5);
        assertThat(client.admin().getTopic("by-age").getConfig().getRetainFor().getSeconds())
                .isEqualTo(2);
        assertThatThrownBy(() -> client.admin()
                        .updateTopic(
                                "by-age",
                                TopicConfig.newBuilder().setReplicas(2).build()))
                .isInstanceOfSatisfying(
                        HoldfastException.class,
                        e -> assertThat(e.reason()).isEqualTo(ErrorReason.ERROR_REASON_INVALID_REQUEST));
    }

    @Test
    void shouldLetRecordsGoWhenEveryGroupHasSettledThemAndNotBefore() throws Exception {
        create("interest", TopicConfig.newBuilder().setSettled(SettledRetention.SETTLED_RETENTION_INTEREST));
        publish("interest", 10);
        Thread.sleep(2500); // two rounds of retention
        assertThat(start("interest")).as("nobody is interested yet").isZero();
        client.queues().create("interest", "a", QueueConfig.getDefaultInstance());
        client.queues().create("interest", "b", QueueConfig.getDefaultInstance());
        settle("interest", "a", 10);
        Thread.sleep(2500);
        assertThat(start("interest")).as("b has settled nothing").isZero();
        settle("interest", "b", 4);
        TestCluster.await("what both have settled to go", PATIENCE, () -> start("interest") == 4);
    }

    @Test
    void shouldHaveOneGroupInAWorkQueue() {
        create("work", TopicConfig.newBuilder().setSettled(SettledRetention.SETTLED_RETENTION_WORK_QUEUE));
        publish("work", 3);
        settle("work", "only", 3);
        assertThatThrownBy(() -> client.queues().create("work", "second", QueueConfig.getDefaultInstance()))
                .hasMessageContaining("no more than one");
        TestCluster.await("settled records to go", PATIENCE, () -> start("work") == 3);
    }

    @Test
    void shouldRefuseNewRecordsWhenFullOfUnsettledOnesAndTakeThemAgainWhenTheyAreSettled() {
        create(
                "protected",
                TopicConfig.newBuilder()
                        .setRetainBytes(500_000)
                        .setProtectUnsettled(true)
                        .setSettled(SettledRetention.SETTLED_RETENTION_INTEREST));
        client.queues().create("protected", "g", QueueConfig.getDefaultInstance());
        publish("protected", 700);
        TestCluster.await("the topic to be full", PATIENCE, () -> isFull("protected"));
        assertThat(start("protected")).as("nothing unsettled goes").isZero();
        settle("protected", "g", (int) end("protected"));
        TestCluster.await("room", PATIENCE, () -> !isFull("protected"));
    }

    @Test
    void shouldTakeNoMoreBytesASecondThanTheTopicSays() throws Exception {
        create("slow", TopicConfig.newBuilder().setPublishBytesPerSecond(100_000));
        Thread.sleep(1500); // leaders look once a second
        long begun = System.nanoTime();
        publish("slow", 500);
        double seconds = (System.nanoTime() - begun) / 1e9;
        assertThat(end("slow")).as("all of them, once").isEqualTo(500);
        assertThat(seconds).as("500,000 bytes, 100,000 of them at once").isBetween(3.0, 20.0);

        client.admin().updateTopic("slow", TopicConfig.getDefaultInstance());
        Thread.sleep(1500);
        begun = System.nanoTime();
        publish("slow", 500);
        assertThat((System.nanoTime() - begun) / 1e9).isLessThan(3);
    }

    private static boolean isFull(String topic) {
        try (Producer producer =
                client.newProducer(ProducerSettings.DEFAULT.withDeliveryTimeout(java.time.Duration.ofMillis(800)))) {
            producer.send(ProducerRecord.of(topic, null, "y".getBytes(UTF_8))).join();
            return false;
        } catch (CompletionException e) {
            assertThat(e.getCause())
                    .isInstanceOfSatisfying(
                            HoldfastException.class,
                            refusal -> assertThat(refusal.reason())
                                    .isIn(
                                            ErrorReason.ERROR_REASON_TOPIC_FULL,
                                            ErrorReason.ERROR_REASON_DEADLINE_EXPIRED));
            return true;
        }
    }
}
