package io.holdfast.chaos;

import static java.nio.charset.StandardCharsets.UTF_8;
import static org.assertj.core.api.Assertions.assertThat;

import io.holdfast.client.HoldfastClient;
import io.holdfast.client.Producer;
import io.holdfast.client.ProducerRecord;
import io.holdfast.client.Reader;
import io.holdfast.client.ReaderSettings;
import java.nio.file.Path;
import java.time.Duration;
import java.time.Instant;
import java.util.ArrayList;
import java.util.List;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.io.TempDir;
import software.amazon.awssdk.core.sync.RequestBody;
import software.amazon.awssdk.services.s3.S3Client;
import software.amazon.awssdk.services.s3.model.S3Object;

/** holdfast backup, into a bucket of a real S3 server and back. */
@Timeout(120)
class BucketIT {
    private static final String BUCKET = "backups-of-tests";
    private static final String PLACE = "s3://" + BUCKET + "/main";

    private static String address = "";
    private static String endpoint = "";

    @Test
    void shouldComeBackOutOfABucket(@TempDir Path temporary) throws Exception {
        try (S3Server server = S3Server.start(temporary, BUCKET);
                TestCluster cluster = TestCluster.start(1, List.of());
                HoldfastClient client = cluster.connect()) {
            address = cluster.node(1).address();
            endpoint = server.endpoint().toString();
            client.admin().createTopic("events", 2, 1);
            produce(client, 0, 2_000);
            schedule(client);
            assertThat(onCluster(0, "create", PLACE)).contains("copied 2000 records");
            produce(client, 2_000, 2_100);
            assertThat(onCluster(0, "create", PLACE)).contains("copied 100 records");
            assertThat(onCluster(0, "create", PLACE)).contains("copied 0 records");
            assertThat(run(0, "list", PLACE).lines()).hasSize(4);
            assertThat(run(0, "verify", PLACE)).contains("3 backups, 2100 records read, 0 damaged places");

            assertThat(onCluster(0, "restore", PLACE, "--topic", "events=back")).contains("restored 2100 records");

            assertThat(values(client, "back")).containsExactlyInAnyOrderElementsOf(values(client, "events"));
            assertThat(client.schedules().list("back", "", 10).getTotalRecords())
                    .isEqualTo(1);
            shouldFindDamage(server);
            shouldRefuse(server);
            cluster.passed();
        }
    }

    private static void shouldFindDamage(S3Server server) {
        try (S3Client s3 = server.client()) {
            List<S3Object> files = s3.listObjectsV2(list -> list.bucket(BUCKET).prefix("main/data/"))
                    .contents();
            assertThat(files).as("two partitions, filled twice").hasSize(4);
            String key = files.get(0).key();
            byte[] good =
                    s3.getObjectAsBytes(get -> get.bucket(BUCKET).key(key)).asByteArray();
            byte[] bad = good.clone();
            bad[bad.length / 2] ^= 1;
            s3.putObject(put -> put.bucket(BUCKET).key(key), RequestBody.fromBytes(bad));
            assertThat(run(1, "verify", PLACE)).contains(key.substring("main/".length()) + " is damaged");
            s3.deleteObject(delete -> delete.bucket(BUCKET).key(key));
            assertThat(run(1, "verify", PLACE)).contains("is damaged: no file has the record");
            s3.putObject(put -> put.bucket(BUCKET).key(key), RequestBody.fromBytes(good));
            run(0, "verify", PLACE);
        }
    }

    private static void shouldRefuse(S3Server server) {
        onCluster(3, "create", "s3://no-such-bucket");
        run(3, "list", "s3://" + BUCKET + "/nothing-here");
        run(3, "list", "s3://");
        try (S3Client s3 = server.client()) {
            s3.putObject(put -> put.bucket(BUCKET).key("other/file"), RequestBody.fromString("not a backup"));
            onCluster(3, "create", "s3://" + BUCKET + "/other");
            s3.putObject(put -> put.bucket(BUCKET).key("main/lock"), RequestBody.fromString("of another"));
            onCluster(3, "create", PLACE);
            s3.deleteObject(delete -> delete.bucket(BUCKET).key("main/lock"));
            onCluster(0, "create", PLACE);
        }
        System.setProperty("aws.secretAccessKey", "wrong");
        run(1, "list", PLACE);
    }

    private static void produce(HoldfastClient client, int from, int to) {
        try (Producer producer = client.newProducer()) {
            for (int i = from; i < to; i++) {
                producer.send(
                        ProducerRecord.of("events", ("key-" + i).getBytes(UTF_8), ("value-" + i).getBytes(UTF_8)));
            }
        }
    }

    private static void schedule(HoldfastClient client) {
        try (Producer producer = client.newProducer()) {
            producer.send(ProducerRecord.of("events", new byte[0], "later".getBytes(UTF_8))
                    .withDeliverAt(Instant.now().plus(Duration.ofDays(1))));
        }
    }

    private static List<String> values(HoldfastClient client, String topic) {
        List<String> values = new ArrayList<>();
        try (Reader reader = client.newReader(ReaderSettings.of(topic))) {
            reader.forEach(record ->
                    values.add(record.partition() + " " + record.offset() + " " + new String(record.value(), UTF_8)));
        }
        return values;
    }

    private static String onCluster(int exitCode, String command, String place, String... options) {
        List<String> all = new ArrayList<>(List.of(options));
        all.addAll(List.of("-a", address));
        return run(exitCode, command, place, all.toArray(String[]::new));
    }

    private static String run(int exitCode, String command, String place, String... options) {
        List<String> arguments = new ArrayList<>(List.of("backup", command, place, "--s3-endpoint", endpoint));
        arguments.addAll(List.of(options));
        return CommandLineRun.run(exitCode, arguments.toArray(String[]::new));
    }
}
