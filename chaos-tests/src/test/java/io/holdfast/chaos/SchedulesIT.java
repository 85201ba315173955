package io.holdfast.chaos;

import static java.nio.charset.StandardCharsets.UTF_8;
import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import com.google.protobuf.ByteString;
import com.google.protobuf.util.Timestamps;
import io.grpc.StatusRuntimeException;
import io.holdfast.client.Producer;
import io.holdfast.client.ProducerRecord;
import io.holdfast.client.Reader;
import io.holdfast.client.ReaderSettings;
import io.holdfast.client.ReceivedRecord;
import io.holdfast.client.RecordPosition;
import io.holdfast.v1.CancelScheduledResult;
import io.holdfast.v1.ErrorReason;
import io.holdfast.v1.ListScheduledResponse;
import io.holdfast.v1.LogServiceGrpc;
import io.holdfast.v1.LogServiceGrpc.LogServiceBlockingStub;
import io.holdfast.v1.OpenProducerRequest;
import io.holdfast.v1.PublishRequest;
import io.holdfast.v1.PublishResponse;
import io.holdfast.v1.PublishResult;
import io.holdfast.v1.Record;
import io.holdfast.v1.ReplicaRole;
import io.holdfast.v1.ScheduledRecord;
import io.holdfast.v1.Sequence;
import java.time.Duration;
import java.time.Instant;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.TimeUnit;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;

/** Records that are delivered later: in time, in order, once; or cancelled. Partitions rest soon here. */
@Timeout(120)
class SchedulesIT extends SharedCluster {
    private static final Duration PATIENCE = Duration.ofSeconds(40);

    @BeforeAll
    static void start() throws Exception {
        share(List.of("partitions:", "  rest-after: 300ms"));
    }

    private static LogServiceBlockingStub log(int node) {
        return LogServiceGrpc.newBlockingStub(cluster.channel(node)).withDeadlineAfter(30, TimeUnit.SECONDS);
    }

    private static ProducerRecord record(String topic, String value, Instant due) {
        return ProducerRecord.of(topic, value.getBytes(UTF_8), value.getBytes(UTF_8))
                .withDeliverAt(due);
    }

    private static Record.Builder record(String value) {
        return Record.newBuilder().setValue(ByteString.copyFromUtf8(value));
    }

    private static List<ReceivedRecord> read(String topic) {
        List<ReceivedRecord> records = new ArrayList<>();
        try (Reader reader = client.newReader(ReaderSettings.of(topic))) {
            reader.forEach(records::add);
        }
        return records;
    }

    private static List<ReceivedRecord> await(String topic, int count) {
        TestCluster.await(
                count + " records in " + topic, PATIENCE, () -> read(topic).size() >= count);
        return read(topic);
    }

    private static List<String> values(List<ReceivedRecord> records) {
        return records.stream().map(r -> new String(r.value(), UTF_8)).toList();
    }

    @Test
    void shouldAppendRecordsWithinASecondOfTheirTimeAndNoneSooner() {
        client.admin().createTopic("reminders", 4, 3);
        Instant now = Instant.now();
        try (Producer producer = client.newProducer()) {
            for (int i = 0; i < 300; i++) {
                producer.send(record("reminders", "r" + i, now.plusMillis(1000 + 10L * (i * 7 % 300))));
            }
            producer.send(ProducerRecord.of("reminders", "now".getBytes(UTF_8), "now".getBytes(UTF_8)));
        }
        List<ReceivedRecord> all = await("reminders", 301);
        assertThat(values(all)).doesNotHaveDuplicates().hasSize(301);
        int inTime = 0;
        long latest = 0;
        for (ReceivedRecord record : all) {
            String value = new String(record.value(), UTF_8);
            if (!value.equals("now")) {
                int i = Integer.parseInt(value.substring(1));
                long late = record.appendTimeMs()
                        - now.plusMillis(1000 + 10L * (i * 7 % 300)).toEpochMilli();
                assertThat(late).as(value).isBetween(0L, 15_000L);
                inTime += late <= 1_000 ? 1 : 0;
                latest = Math.max(latest, late);
            }
        }
        assertThat(inTime).as("within a second").isGreaterThan(270);
        System.out.println("the latest of 300 came " + latest + " ms after its time");
    }

    @Test
    void shouldKeepTheOrderOfTimeAndOfComing() {
        client.admin().createTopic("ordered", 1, 3);
        Instant due = Instant.now().plusMillis(1500);
        try (Producer producer = client.newProducer()) {
            for (int i = 0; i < 50; i++) {
                producer.send(record("ordered", "second " + i, due.plusMillis(1)));
            }
            for (int i = 0; i < 50; i++) {
                producer.send(record("ordered", "first " + i, due));
            }
        }
        List<String> expected = new ArrayList<>();
        for (String when : List.of("first ", "second ")) {
            for (int i = 0; i < 50; i++) {
                expected.add(when + i);
            }
        }
        assertThat(values(await("ordered", 100))).isEqualTo(expected);
    }

    @Test
    void shouldListByTimeInPagesAndCancelForGood() {
        client.admin().createTopic("plans", 4, 3);
        Instant base = Instant.ofEpochMilli(Instant.now().plusSeconds(3600).toEpochMilli());
        List<RecordPosition> positions;
        try (Producer producer = client.newProducer()) {
            List<CompletableFuture<RecordPosition>> sent = new ArrayList<>();
            for (int i = 0; i < 60; i++) {
                sent.add(producer.send(record("plans", "p" + i, base.plusSeconds(i / 5))));
            }
            positions = sent.stream().map(CompletableFuture::join).toList();
        }
        assertThat(positions)
                .allMatch(at -> at.offset() == -1 && !at.scheduleId().isEmpty());

        List<ScheduledRecord> listed = new ArrayList<>();
        ListScheduledResponse page;
        String after = "";
        do {
            page = client.schedules().list("plans", after, 7);
            assertThat(page.getTotalRecords()).isEqualTo(60);
            listed.addAll(page.getRecordsList());
            after = listed.get(listed.size() - 1).getScheduleId();
        } while (page.getMore());
        assertThat(listed)
                .hasSize(60)
                .isSortedAccordingTo((a, b) -> Timestamps.compare(a.getDeliverAt(), b.getDeliverAt()));
        assertThat(listed).extracting(ScheduledRecord::getScheduleId).doesNotHaveDuplicates();
        assertThat(listed.get(0).getDeliverAt()).isEqualTo(Timestamps.fromMillis(base.toEpochMilli()));

        List<String> ids = positions.stream().map(RecordPosition::scheduleId).toList();
        List<CancelScheduledResult> cancelled = client.schedules().cancel("plans", ids.subList(0, 40));
        assertThat(cancelled).hasSize(40).allMatch(CancelScheduledResult::getCancelled);
        List<CancelScheduledResult> again = client.schedules().cancel("plans", ids.subList(30, 50));
        assertThat(again.subList(0, 10)).noneMatch(CancelScheduledResult::getCancelled);
        assertThat(again.subList(10, 20)).allMatch(CancelScheduledResult::getCancelled);

        page = client.schedules().list("plans", "", 100);
        assertThat(page.getRecordsList())
                .extracting(ScheduledRecord::getScheduleId)
                .containsExactlyInAnyOrderElementsOf(ids.subList(50, 60));
        assertThat(page.getTotalRecords()).isEqualTo(10);
        assertThat(read("plans")).isEmpty();
    }

    @Test
    void shouldKeepARecordThatIsSentTwiceOnce() {
        client.admin().createTopic("once", 1, 3);
        long producerId =
                log(1).openProducer(OpenProducerRequest.getDefaultInstance()).getProducerId();
        Instant due = Instant.now().plusMillis(1500);
        PublishRequest request = PublishRequest.newBuilder()
                .setTopic("once")
                .setPartition(0)
                .setSequence(Sequence.newBuilder().setProducerId(producerId))
                .addRecords(record("a"))
                .addRecords(record("b"))
                .addRecords(record("later").setDeliverAt(Timestamps.fromMillis(due.toEpochMilli())))
                .addRecords(record("c"))
                .build();
        PublishResponse first = log(1).publish(request);
        PublishResponse second = log(2).publish(request);

        assertThat(first.getResultsList()).extracting(PublishResult::getOffset).containsExactly(0L, 1L, 0L, 2L);
        assertThat(first.getResults(2).getScheduleId()).isNotEmpty();
        for (int i = 0; i < 4; i++) {
            assertThat(second.getResults(i).getDuplicate()).isTrue();
            assertThat(second.getResults(i).getOffset())
                    .isEqualTo(first.getResults(i).getOffset());
            assertThat(second.getResults(i).getScheduleId())
                    .isEqualTo(first.getResults(i).getScheduleId());
        }
        assertThat(values(await("once", 4))).containsExactly("a", "b", "c", "later");
        PublishResponse third = log(3).publish(request); // its time has come, and it is not kept again
        assertThat(third.getResults(2).getDuplicate()).isTrue();
        assertThat(client.schedules().list("once", "", 10).getTotalRecords()).isZero();
        assertThat(client.schedules().cancel("once", List.of(first.getResults(2).getScheduleId())))
                .noneMatch(CancelScheduledResult::getCancelled);
    }

    @Test
    void shouldRefuseWhatMakesNoSenseAndLoseNothing() {
        client.admin().createTopic("odd", 1, 3);
        PublishRequest.Builder request =
                PublishRequest.newBuilder().setTopic("odd").setPartition(0);
        Instant twoYears = Instant.now().plus(Duration.ofDays(731));
        assertThatThrownBy(() -> log(1).publish(request.clone()
                        .addRecords(record("x").setDeliverAt(Timestamps.fromMillis(twoYears.toEpochMilli())))
                        .build()))
                .isInstanceOf(StatusRuntimeException.class)
                .hasMessageContaining("within a year");
        assertThatThrownBy(() -> log(1).publish(request.clone()
                        .setExpectedOffset(0)
                        .addRecords(record("x").setDeliverAt(Timestamps.fromMillis(System.currentTimeMillis())))
                        .build()))
                .hasMessageContaining("expected offset");
        assertThatThrownBy(() -> client.schedules().cancel("odd", List.of("17")))
                .hasMessageContaining("schedule id");
        assertThatThrownBy(() -> client.schedules().cancel("odd", List.of("1-7-1")))
                .extracting("reason")
                .isEqualTo(ErrorReason.ERROR_REASON_PARTITION_NOT_FOUND);

        log(1).publish(request.clone()
                .addRecords(record("long ago").setDeliverAt(Timestamps.fromMillis(-5)))
                .addRecords(record("plain"))
                .build());
        assertThat(values(await("odd", 2))).containsExactlyInAnyOrder("long ago", "plain");
    }

    /** Nobody else wakes the partition of a node that has died. */
    @Test
    void shouldRestMeanwhileAndComeAllTheSameEvenIfItsLeaderHasDied() throws Exception {
        client.admin().createTopic("sleepy", 3, 3);
        Instant due = Instant.now().plusSeconds(15);
        try (Producer producer = client.newProducer()) {
            for (int partition = 0; partition < 3; partition++) {
                producer.send(ProducerRecord.of("sleepy", partition, null, "good morning".getBytes(UTF_8))
                                .withDeliverAt(due))
                        .join();
            }
        }
        TestCluster.await(
                "rest",
                PATIENCE,
                () -> cluster.replicas(client, 1, "sleepy").values().stream()
                        .allMatch(replica -> replica.getRole() == ReplicaRole.REPLICA_ROLE_RESTING));
        assertThat(Instant.now()).as("when all were at rest").isBefore(due.minusSeconds(3));
        assertThat(client.schedules().list("sleepy", "", 10).getTotalRecords()).isEqualTo(3);
        int dead = cluster.leaderOf(client, "sleepy", 0);
        cluster.node(dead).kill();

        for (ReceivedRecord record : await("sleepy", 3)) {
            long late = record.appendTimeMs() - due.toEpochMilli();
            System.out.println(
                    "partition " + record.partition() + " was woken and had its record " + late + " ms late");
            assertThat(late).isBetween(0L, 15_000L);
        }
        cluster.restart(dead);
    }
}
