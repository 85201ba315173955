package io.holdfast.chaos;

import static java.nio.charset.StandardCharsets.UTF_8;
import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import com.google.common.util.concurrent.ListenableFuture;
import io.grpc.ManagedChannel;
import io.grpc.netty.NettyChannelBuilder;
import io.holdfast.client.HoldfastException;
import io.holdfast.client.Position;
import io.holdfast.client.Producer;
import io.holdfast.client.ProducerRecord;
import io.holdfast.client.ProducerSettings;
import io.holdfast.client.ReadMode;
import io.holdfast.client.Reader;
import io.holdfast.client.ReaderSettings;
import io.holdfast.client.ReceivedRecord;
import io.holdfast.client.RecordPosition;
import io.holdfast.record.Compression;
import io.holdfast.v1.CreateTopicRequest;
import io.holdfast.v1.DeleteTopicRequest;
import io.holdfast.v1.ErrorReason;
import io.holdfast.v1.GetTopicRequest;
import io.holdfast.v1.GetTopicResponse;
import io.holdfast.v1.ListTopicsRequest;
import io.holdfast.v1.TopicConfig;
import io.holdfast.v1.TopicServiceGrpc;
import java.time.Duration;
import java.time.Instant;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.TimeUnit;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.EnumSource;

/** Reads in every mode, from leaders and followers, and what else readers and producers may ask for. */
@Timeout(120)
class ReadModesIT extends SharedCluster {

    @BeforeAll
    static void start() throws Exception {
        share(List.of());
    }

    @Test
    void shouldReadOwnWritesFromEveryReplicaAtOnce() {
        client.admin().createTopic("modes", 1, 3);
        try (Producer producer = client.newProducer()) {
            for (int i = 1; i <= 40; i++) {
                producer.send(ProducerRecord.of("modes", null, ("record " + i).getBytes(UTF_8)))
                        .join();
                ReadMode session = ReadMode.session(producer.sessionToken());
                int node = 1 + i % 3;
                // Right after the acknowledgement, from any replica: all three modes that promise it must keep it.
                assertThat(read(node, session)).hasSize(i);
                assertThat(read(1 + (i + 1) % 3, ReadMode.leader())).hasSize(i);
                assertThat(read(1 + (i + 2) % 3, ReadMode.maxStaleness(Duration.ZERO)))
                        .hasSize(i);
                assertThat(read(node, ReadMode.any()).size()).isBetween(0, i);
            }
        }
    }

    private static List<ReceivedRecord> read(int node, ReadMode mode) {
        // A far end, and follow: the stream gives what the replica has, and we take what comes at once.
        ReaderSettings settings = ReaderSettings.of("modes")
                .withNode(cluster.node(node).address())
                .withMode(mode)
                .withFollow(true);
        List<ReceivedRecord> records = new ArrayList<>();
        try (Reader reader = client.newReader(settings)) {
            ReceivedRecord record = reader.poll(Duration.ofSeconds(10));
            while (record != null) {
                records.add(record);
                record = reader.poll(Duration.ZERO);
            }
        }
        return records;
    }

    @ParameterizedTest
    @EnumSource(Compression.class)
    void shouldKeepRecordsThroughEveryCompression(Compression compression) {
        String topic = "compressed-" + compression;
        client.admin().createTopic(topic, 1, 3);
        try (Producer producer = client.newProducer(ProducerSettings.DEFAULT.withCompression(compression))) {
            for (int i = 0; i < 500; i++) {
                producer.send(ProducerRecord.of(
                        topic,
                        ("k" + i).getBytes(UTF_8),
                        ("value " + i + " ").repeat(20).getBytes(UTF_8)));
            }
        }
        int i = 0;
        try (Reader reader = client.newReader(ReaderSettings.of(topic))) {
            for (ReceivedRecord record : reader) {
                assertThat(new String(record.key(), UTF_8)).isEqualTo("k" + i);
                assertThat(new String(record.value(), UTF_8)).isEqualTo(("value " + i + " ").repeat(20));
                i++;
            }
        }
        assertThat(i).isEqualTo(500);
    }

    @Test
    void shouldStartAndStopWhereAsked() throws Exception {
        client.admin().createTopic("positions", 1, 3);
        Instant between;
        try (Producer producer = client.newProducer()) {
            for (int i = 0; i < 10; i++) {
                producer.send(ProducerRecord.of("positions", null, ("a" + i).getBytes(UTF_8)))
                        .join();
            }
            Thread.sleep(5);
            between = Instant.now();
            Thread.sleep(5);
            for (int i = 10; i < 20; i++) {
                producer.send(ProducerRecord.of("positions", null, ("b" + i).getBytes(UTF_8)))
                        .join();
            }
        }
        assertThat(offsets(ReaderSettings.of("positions").withFrom(Position.time(between))))
                .hasSize(10)
                .first()
                .isEqualTo(10L);
        assertThat(offsets(ReaderSettings.of("positions").withUntil(Position.time(between))))
                .hasSize(10)
                .last()
                .isEqualTo(9L);
        assertThat(offsets(ReaderSettings.of("positions")
                        .withFrom(Position.offset(5))
                        .withUntil(Position.offset(8))))
                .containsExactly(5L, 6L, 7L);
        assertThat(offsets(ReaderSettings.of("positions").withFrom(Position.latest())))
                .isEmpty();
        assertThat(client.admin().trimTopic("positions", 0, 7)).isEqualTo(7);
        assertThat(offsets(ReaderSettings.of("positions"))).hasSize(13).first().isEqualTo(7L);
        assertThatThrownBy(() -> offsets(ReaderSettings.of("positions").withFrom(Position.offset(3))))
                .isInstanceOfSatisfying(
                        HoldfastException.class,
                        e -> assertThat(e.reason()).isEqualTo(ErrorReason.ERROR_REASON_OFFSET_OUT_OF_RANGE));
    }

    private static List<Long> offsets(ReaderSettings settings) {
        List<Long> offsets = new ArrayList<>();
        try (Reader reader = client.newReader(settings)) {
            reader.forEach(record -> offsets.add(record.offset()));
        }
        return offsets;
    }

    @Test
    void shouldFenceTheInstanceBeforeWhenANamedProducerOpensAgain() {
        client.admin().createTopic("named", 1, 3);
        ProducerSettings settings = ProducerSettings.DEFAULT.withName("billing");
        try (Producer first = client.newProducer(settings)) {
            first.send(ProducerRecord.of("named", 0, null, "one".getBytes(UTF_8)))
                    .join();
            try (Producer second = client.newProducer(settings)) {
                RecordPosition position = second.send(ProducerRecord.of("named", 0, null, "two".getBytes(UTF_8)))
                        .join();
                assertThat(position.offset()).isEqualTo(1);
                assertThat(second.producerId()).isEqualTo(first.producerId());
                assertThatThrownBy(() -> first.send(ProducerRecord.of("named", 0, null, "late".getBytes(UTF_8)))
                                .join())
                        .hasCauseInstanceOf(HoldfastException.class)
                        .hasMessageContaining("newer instance");
                assertThat(client.admin()
                                .describeProducer("named", 0, second.producerId())
                                .getNextSequence())
                        .isEqualTo(1);
            }
        }
        assertThat(offsets(ReaderSettings.of("named"))).containsExactly(0L, 1L);
    }

    @Test
    void shouldDeleteATopicAndItsFilesEverywhere() {
        client.admin().createTopic("doomed", 2, 3);
        try (Producer producer = client.newProducer()) {
            producer.send(ProducerRecord.of("doomed", null, new byte[1000])).join();
        }
        long id = client.admin().getTopic("doomed").getTopicId();
        client.admin().deleteTopic("doomed");
        assertThatThrownBy(() -> client.admin().getTopic("doomed")).isInstanceOf(HoldfastException.class);
        for (int node = 1; node <= 3; node++) {
            var folder = cluster.node(node).dataDirectory().resolve("partitions");
            TestCluster.await("the files of the topic to go", Duration.ofSeconds(30), () -> {
                String[] left = folder.toFile().list((f, name) -> name.startsWith(id + "-"));
                return left != null && left.length == 0;
            });
        }
        client.admin().createTopic("doomed", 1, 3); // the name is free again
        assertThat(offsets(ReaderSettings.of("doomed"))).isEmpty();
    }

    @Test
    void shouldPlanFromTheMetadataOfNowOnEveryNode() {
        List<ManagedChannel> channels = cluster.processes().nodes().stream()
                .map(node -> NettyChannelBuilder.forTarget(node.address())
                        .usePlaintext()
                        .build())
                .toList();
        try {
            // The name is free the moment that a delete elsewhere is answered: a stale node would say that it is taken.
            for (int i = 0; i < 8; i++) {
                topics(channels, 2 * i)
                        .createTopic(CreateTopicRequest.newBuilder()
                                .setName("again")
                                .setConfig(TopicConfig.newBuilder().setPartitions(1))
                                .build());
                topics(channels, 2 * i + 1)
                        .deleteTopic(
                                DeleteTopicRequest.newBuilder().setName("again").build());
            }
        } finally {
            channels.forEach(ManagedChannel::shutdownNow);
        }
    }

    @Test
    void shouldNotDenyWhatWasMadeWhileTheNodeWasPaused() throws Exception {
        int node = 1 + cluster.metadataLeader(client) % 3;
        TopicServiceGrpc.TopicServiceFutureStub topics = TopicServiceGrpc.newFutureStub(cluster.channel(node));
        topics.listTopics(ListTopicsRequest.getDefaultInstance()).get(10, TimeUnit.SECONDS); // it is connected
        cluster.freeze(node);
        ListenableFuture<GetTopicResponse> asked;
        try {
            client.admin().createTopic("meanwhile", 1, 3);
            asked = topics.getTopic(
                    GetTopicRequest.newBuilder().setName("meanwhile").build());
        } finally {
            cluster.goOn(node); // the request is the first that it sees, before any news
        }
        assertThat(asked.get(10, TimeUnit.SECONDS).getTopic().getName()).isEqualTo("meanwhile");
    }

    private static TopicServiceGrpc.TopicServiceBlockingStub topics(List<ManagedChannel> channels, int turn) {
        return TopicServiceGrpc.newBlockingStub(channels.get(turn % channels.size()))
                .withDeadlineAfter(10, TimeUnit.SECONDS);
    }
}
