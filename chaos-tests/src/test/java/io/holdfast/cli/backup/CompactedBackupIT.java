package io.holdfast.cli.backup;

import static java.nio.charset.StandardCharsets.UTF_8;
import static org.assertj.core.api.Assertions.assertThat;

import com.google.protobuf.util.Durations;
import io.holdfast.chaos.TestCluster;
import io.holdfast.client.HoldfastClient;
import io.holdfast.client.Position;
import io.holdfast.client.Producer;
import io.holdfast.client.ProducerRecord;
import io.holdfast.client.Reader;
import io.holdfast.client.ReaderSettings;
import io.holdfast.client.ReceivedRecord;
import io.holdfast.record.RecordBatch;
import io.holdfast.v1.Compaction;
import io.holdfast.v1.TopicConfig;
import java.nio.file.Path;
import java.time.Duration;
import java.util.List;
import java.util.Set;
import java.util.TreeSet;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.io.TempDir;

/** A backup of a compacted topic that takes longer than the topic leaves superseded records in peace. */
@Timeout(120)
class CompactedBackupIT {
    private static final Duration PATIENCE = Duration.ofSeconds(30);
    private static final Duration AFTER = Duration.ofSeconds(1);
    private static final String TOPIC = "states";
    private static final int KEYS = 60;
    /** All together are more than is read at once. */
    private static final int LARGE = 100 << 10;

    @Test
    void shouldHaveAllKeysWhateverIsWrittenMeanwhile(@TempDir Path temporary) throws Exception {
        try (TestCluster cluster = TestCluster.start(1, List.of());
                HoldfastClient client = cluster.connect();
                BackupStore store = new FolderStore(temporary.resolve("backups"))) {
            client.admin()
                    .createTopic(
                            TOPIC,
                            TopicConfig.newBuilder()
                                    .setPartitions(1)
                                    .setReplicas(1)
                                    .setCompaction(Compaction.newBuilder()
                                            .setAfter(Durations.fromSeconds(AFTER.toSeconds()))
                                            .setWithin(Durations.fromSeconds(1)))
                                    .build());
            writeAll(client, "old", LARGE);
            BackupFolder folder = BackupFolder.openFor(
                    store, client.admin().getRoutes(List.of()).getHeader().getClusterId());

            Snapshot made = new BackupRun(client, folder, new Rewriting(client), 1 << 20).run();

            assertThat(made.topics()).hasSize(1);
            assertThat(copied(BackupFolder.open(store), made.topics().get(0)))
                    .as("keys, %s records", made.topics().get(0).records())
                    .hasSize(KEYS);
            cluster.passed();
        }
    }

    /** Writes every key again, and waits until the old values have gone, after the first piece was read. */
    private static final class Rewriting implements BackupStore.Hold {
        private final HoldfastClient client;
        private boolean done;

        Rewriting(HoldfastClient client) {
            this.client = client;
        }

        @Override
        public void check() {
            if (!done) {
                done = true;
                writeAll(client, "new", 10);
                TestCluster.await("old values to go", PATIENCE, () -> read(client) == KEYS);
            }
        }

        @Override
        public void close() {}
    }

    private static void writeAll(HoldfastClient client, String value, int size) {
        try (Producer producer = client.newProducer()) {
            for (int k = 0; k < KEYS; k++) {
                byte[] bytes = (value + " ".repeat(size)).getBytes(UTF_8);
                producer.send(ProducerRecord.of(TOPIC, ("key " + k).getBytes(UTF_8), bytes));
            }
        }
    }

    private static int read(HoldfastClient client) {
        int records = 0;
        try (Reader reader = client.newReader(
                ReaderSettings.of(TOPIC).withFrom(Position.earliest()).withFollow(false))) {
            for (ReceivedRecord record : reader) {
                assertThat(record.offset()).isNotNegative();
                records++;
            }
        }
        return records;
    }

    private static Set<String> copied(BackupFolder folder, Snapshot.TopicPart topic) throws Exception {
        Set<String> keys = new TreeSet<>();
        long end = topic.partitions().get(0).end();
        for (BatchFile file : folder.data(topic, 0)) {
            assertThat(file.end()).isLessThanOrEqualTo(end);
            try (BatchFile.Reader reader = file.open()) {
                for (BatchFile.Frame frame = reader.next(); frame != null; frame = reader.next()) {
                    if (!frame.isGap()) {
                        new RecordBatch(frame.batch())
                                .forEach(1 << 24, (delta, record) -> keys.add(new String(record.key(), UTF_8)));
                    }
                }
            }
        }
        return keys;
    }
}
