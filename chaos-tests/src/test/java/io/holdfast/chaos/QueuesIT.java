package io.holdfast.chaos;

import static java.nio.charset.StandardCharsets.UTF_8;
import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import com.google.protobuf.Duration;
import io.grpc.Status;
import io.grpc.StatusRuntimeException;
import io.grpc.stub.StreamObserver;
import io.holdfast.client.HoldfastException;
import io.holdfast.client.Position;
import io.holdfast.client.Producer;
import io.holdfast.client.ProducerRecord;
import io.holdfast.client.QueueConsumer;
import io.holdfast.client.QueueDelivery;
import io.holdfast.client.QueueSettings;
import io.holdfast.client.QueueWorker;
import io.holdfast.client.Reader;
import io.holdfast.client.ReaderSettings;
import io.holdfast.client.ReceivedRecord;
import io.holdfast.v1.DeadLetter;
import io.holdfast.v1.Delivery;
import io.holdfast.v1.ErrorReason;
import io.holdfast.v1.ExplainRecordResponse;
import io.holdfast.v1.ItemError;
import io.holdfast.v1.Outcome;
import io.holdfast.v1.ParkedDecision;
import io.holdfast.v1.ParkedPlace;
import io.holdfast.v1.ParkedRecord;
import io.holdfast.v1.PollRequest;
import io.holdfast.v1.PollResponse;
import io.holdfast.v1.QueueConfig;
import io.holdfast.v1.QueueOrder;
import io.holdfast.v1.QueuePartition;
import io.holdfast.v1.QueuePriority;
import io.holdfast.v1.QueueServiceGrpc;
import io.holdfast.v1.QueueServiceGrpc.QueueServiceBlockingStub;
import io.holdfast.v1.ReceiveRequest;
import io.holdfast.v1.ReceiveResponse;
import io.holdfast.v1.RecordPhase;
import io.holdfast.v1.RedriveResult;
import io.holdfast.v1.RedriveState;
import io.holdfast.v1.SettleRequest;
import io.holdfast.v1.Settlement;
import io.holdfast.v1.SoughtPartition;
import io.holdfast.v1.Start;
import java.util.ArrayList;
import java.util.Collections;
import java.util.HashMap;
import java.util.HashSet;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.ConcurrentHashMap;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.atomic.AtomicInteger;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;

/** Queue groups on a healthy cluster: what a member may ask for, and what it gets. */
@Timeout(120)
class QueuesIT extends SharedCluster {
    private static final java.time.Duration PATIENCE = java.time.Duration.ofSeconds(20);

    @BeforeAll
    static void start() throws Exception {
        share(List.of());
    }

    // ---- helpers

    /** A node to talk to: any will do, so each test takes another one now and then. */
    private static QueueServiceBlockingStub queue(int node) {
        return QueueServiceGrpc.newBlockingStub(cluster.channel(1 + Math.floorMod(node, 3)))
                .withDeadlineAfter(30, TimeUnit.SECONDS);
    }

    private static PollRequest.Builder ask(String topic, String member, int max) {
        return PollRequest.newBuilder()
                .setTopic(topic)
                .setGroup("g")
                .setMember(member)
                .setMaxRecords(max)
                .setWait(seconds(5));
    }

    private static Duration seconds(int seconds) {
        return Duration.newBuilder().setSeconds(seconds).build();
    }

    private static Duration millis(int millis) {
        return Duration.newBuilder().setNanos(millis * 1_000_000).build();
    }

    private static void publish(String topic, int count) {
        try (Producer producer = client.newProducer()) {
            for (int i = 0; i < count; i++) {
                producer.send(ProducerRecord.of(topic, ("k" + i % 3).getBytes(UTF_8), ("v" + i).getBytes(UTF_8)));
            }
            producer.flush();
        }
    }

    private static Settlement.Builder settlement(Delivery delivery, Outcome outcome) {
        return Settlement.newBuilder()
                .setPartition(delivery.getRecord().getPartition())
                .setOffset(delivery.getRecord().getOffset())
                .setLeaseId(delivery.getLeaseId())
                .setOutcome(outcome);
    }

    private static ItemError settle(int node, String topic, Settlement.Builder settlement) {
        return queue(node)
                .settle(SettleRequest.newBuilder()
                        .setTopic(topic)
                        .setGroup("g")
                        .addSettlements(settlement)
                        .build())
                .getResults(0);
    }

    private static Delivery pollOne(int node, String topic) {
        PollResponse response = queue(node).poll(ask(topic, "m", 1).build());
        assertThat(response.getDeliveriesList()).hasSize(1);
        return response.getDeliveries(0);
    }

    private static String value(Delivery delivery) {
        return delivery.getRecord().getRecord().getValue().toStringUtf8();
    }

    // ---- tests

    @Test
    void shouldHandOutEachRecordOnceThroughAnyNodeAndForgetWhatIsAccepted() {
        client.admin().createTopic("once", 4, 3);
        publish("once", 200);
        Set<String> seen = new HashSet<>();
        for (int i = 0; seen.size() < 200; i++) {
            PollResponse response = queue(i).poll(ask("once", "m" + i % 5, 17).build());
            assertThat(response.getDeliveriesCount()).isBetween(1, 17);
            SettleRequest.Builder settle =
                    SettleRequest.newBuilder().setTopic("once").setGroup("g");
            for (Delivery delivery : response.getDeliveriesList()) {
                assertThat(seen.add(value(delivery))).as(value(delivery)).isTrue();
                assertThat(delivery.getDeliveryCount()).isEqualTo(1);
                settle.addSettlements(settlement(delivery, Outcome.OUTCOME_ACCEPT));
            }
            assertThat(queue(i + 1).settle(settle.build()).getResultsList())
                    .allMatch(result -> result.getReason() == ErrorReason.ERROR_REASON_UNSPECIFIED);
        }
        assertThat(queue(0).poll(ask("once", "late", 10).setWait(millis(200)).build())
                        .getDeliveriesList())
                .isEmpty();
        for (QueuePartition partition : client.queues().describe("once", "g").getPartitionsList()) {
            assertThat(partition.getFloor()).isEqualTo(partition.getEnd());
            assertThat(partition.getLeased() + partition.getReady()).isZero();
        }
        // Another group has it all to itself.
        assertThat(queue(0).poll(ask("once", "m", 10).setGroup("other").build()).getDeliveriesList())
                .isNotEmpty();
    }

    @Test
    void shouldGiveARecordToSomebodyElseWhenItsLeaseRunsOutAndRefuseTheLateAcceptance() {
        client.admin().createTopic("late", 1, 3);
        publish("late", 1);
        Delivery first = queue(0).poll(
                        ask("late", "slow", 1).setLease(millis(400)).build())
                .getDeliveries(0);
        assertThat(queue(1).poll(ask("late", "m", 1).setWait(millis(50)).build())
                        .getDeliveriesCount())
                .as("while it is leased")
                .isZero();

        Delivery second = pollOne(2, "late");

        assertThat(second.getRecord()).isEqualTo(first.getRecord());
        assertThat(second.getLeaseId()).isNotEqualTo(first.getLeaseId());
        assertThat(second.getDeliveryCount()).isEqualTo(2);
        assertThat(second.getFailureCount()).isEqualTo(1);
        assertThat(settle(0, "late", settlement(first, Outcome.OUTCOME_ACCEPT)).getReason())
                .isEqualTo(ErrorReason.ERROR_REASON_LEASE_LOST);
        assertThat(settle(0, "late", settlement(second, Outcome.OUTCOME_ACCEPT)).getReason())
                .isEqualTo(ErrorReason.ERROR_REASON_UNSPECIFIED);
        assertThat(settle(0, "late", settlement(second, Outcome.OUTCOME_ACCEPT)).getReason())
                .as("settled before")
                .isEqualTo(ErrorReason.ERROR_REASON_LEASE_LOST);
    }

    @Test
    void shouldKeepALeaseAliveThatIsExtended() {
        client.admin().createTopic("extend", 1, 3);
        publish("extend", 1);
        Delivery held = queue(0).poll(
                        ask("extend", "m", 1).setLease(millis(500)).build())
                .getDeliveries(0);
        for (int i = 0; i < 5; i++) {
            assertThat(queue(i).poll(ask("extend", "other", 1)
                                    .setWait(millis(250))
                                    .build())
                            .getDeliveriesCount())
                    .isZero();
            assertThat(settle(
                                    i,
                                    "extend",
                                    settlement(held, Outcome.OUTCOME_EXTEND).setDelay(millis(500)))
                            .getReason())
                    .isEqualTo(ErrorReason.ERROR_REASON_UNSPECIFIED);
        }
        assertThat(settle(0, "extend", settlement(held, Outcome.OUTCOME_ACCEPT)).getReason())
                .isEqualTo(ErrorReason.ERROR_REASON_UNSPECIFIED);
    }

    @Test
    void shouldCountDeliveriesAndFailuresApart() {
        client.admin().createTopic("counts", 1, 3);
        client.queues()
                .create(
                        "counts",
                        "g",
                        QueueConfig.newBuilder().setRetryDelay(millis(1)).build());
        publish("counts", 1);
        settle(0, "counts", settlement(pollOne(0, "counts"), Outcome.OUTCOME_RELEASE));
        Delivery second = pollOne(1, "counts");
        assertThat(second.getDeliveryCount()).isEqualTo(2);
        assertThat(second.getFailureCount()).isZero();
        settle(0, "counts", settlement(second, Outcome.OUTCOME_RETRY).setReason("not yet"));
        Delivery third = pollOne(2, "counts");
        assertThat(third.getDeliveryCount()).isEqualTo(3);
        assertThat(third.getFailureCount()).isEqualTo(1);
        long before = System.nanoTime();
        settle(0, "counts", settlement(third, Outcome.OUTCOME_RETRY).setDelay(seconds(3)));
        ExplainRecordResponse why = client.queues().explain("counts", 0, 0, "g");
        assertThat(why.getPhase())
                .as(() -> why + " after " + (System.nanoTime() - before) / 1_000_000 + " ms")
                .isEqualTo(RecordPhase.RECORD_PHASE_WAITING);
        assertThat(why.getFailureCount()).isEqualTo(2);
        pollOne(0, "counts");
        assertThat(System.nanoTime() - before).isGreaterThan(TimeUnit.MILLISECONDS.toNanos(2990));
    }

    @Test
    void shouldMoveWhatFailsToTheDeadLetterTopicOnceAndGiveItBackOnce() {
        client.admin().createTopic("dead", 2, 3);
        client.queues()
                .create(
                        "dead",
                        "g",
                        QueueConfig.newBuilder()
                                .setFailuresMax(2)
                                .setRetryDelay(millis(1))
                                .build());
        publish("dead", 30);
        AtomicInteger tried = new AtomicInteger();
        try (QueueWorker worker =
                client.newQueueWorker(QueueSettings.of("dead", "g").withMember("bad-luck"), 3, record -> {
                    tried.incrementAndGet();
                    int number = Integer.parseInt(new String(record.value(), UTF_8).substring(1));
                    if (number % 10 == 0) {
                        throw new QueueWorker.RejectedException("tens are no good");
                    }
                    if (number % 10 == 5) {
                        throw new IllegalStateException("fives fail");
                    }
                })) {
            TestCluster.await("all to be settled", PATIENCE, () -> isSettled("dead"));
        }
        assertThat(tried).hasValue(30 + 3); // fives a second time

        List<ReceivedRecord> letters = read("dead.g.dlq");

        assertThat(letters).hasSize(6);
        Map<String, String> reasons = new HashMap<>();
        List<DeadLetter> redrive = new ArrayList<>();
        for (ReceivedRecord letter : letters) {
            String value = new String(letter.value(), UTF_8);
            assertThat(reasons.put(value, header(letter, "reason"))).as(value).isNull();
            assertThat(header(letter, "topic")).isEqualTo("dead");
            assertThat(header(letter, "group")).isEqualTo("g");
            assertThat(header(letter, "member")).isEqualTo("bad-luck");
            assertThat(header(letter, "failures")).isEqualTo(value.endsWith("0") ? "1" : "2");
            redrive.add(DeadLetter.newBuilder()
                    .setPartition(Integer.parseInt(header(letter, "partition")))
                    .setOffset(Long.parseLong(header(letter, "offset")))
                    .setNumber(Long.parseLong(header(letter, "number")))
                    .build());
        }
        assertThat(reasons)
                .containsEntry("v0", "tens are no good")
                .containsEntry("v5", "fives fail")
                .containsKeys("v10", "v15", "v20", "v25");

        // Twice asked, once given back; and to this group only.
        assertThat(client.queues().redrive("dead", "g", redrive))
                .extracting(RedriveResult::getState)
                .containsOnly(RedriveState.REDRIVE_STATE_REDRIVEN);
        assertThat(client.queues().redrive("dead", "g", redrive))
                .extracting(RedriveResult::getState)
                .containsOnly(RedriveState.REDRIVE_STATE_ALREADY);
        Set<String> again = ConcurrentHashMap.newKeySet();
        try (QueueWorker worker = client.newQueueWorker(
                QueueSettings.of("dead", "g"), 1, record -> again.add(new String(record.value(), UTF_8)))) {
            TestCluster.await("the redriven to be settled", PATIENCE, () -> again.size() == 6 && isSettled("dead"));
        }
        assertThat(again).isEqualTo(reasons.keySet());
        assertThat(read("dead.g.dlq")).hasSize(6);
    }

    private static boolean isSettled(String topic) {
        return client.queues().describe(topic, "g").getPartitionsList().stream()
                .allMatch(partition -> partition.getFloor() == partition.getEnd() && !partition.hasError());
    }

    private static List<ReceivedRecord> read(String topic) {
        List<ReceivedRecord> records = new ArrayList<>();
        try (Reader reader = client.newReader(ReaderSettings.of(topic))) {
            reader.forEach(records::add);
        }
        return records;
    }

    private static String header(ReceivedRecord record, String name) {
        return record.headers().stream()
                .filter(header -> header.name().equals("holdfast-dlq-" + name))
                .map(header -> new String(header.value(), UTF_8))
                .findFirst()
                .orElseThrow();
    }

    @Test
    void shouldSayHowLongItTakesUntilAGroupIsDone() {
        client.admin().createTopic("rates", 1, 3);
        client.queues().create("rates", "g", QueueConfig.getDefaultInstance());
        publish("rates", 300); // 5 a second, over the last minute
        QueuePartition before = client.queues().describe("rates", "g").getPartitions(0);
        assertThat(before.getProducedPerSecond()).isEqualTo(5);
        assertThat(before.hasDrain()).as("nobody works on it").isFalse();

        for (int i = 0; i < 5; i++) {
            queue(i).poll(ask("rates", "m", 20).build())
                    .getDeliveriesList()
                    .forEach(delivery -> settle(0, "rates", settlement(delivery, Outcome.OUTCOME_ACCEPT)));
        }
        QueuePartition after = client.queues().describe("rates", "g").getPartitions(0);
        double gain = after.getSettledPerSecond() - after.getProducedPerSecond();
        assertThat(gain).isPositive();
        assertThat(after.getDrain().getSeconds()).isBetween((long) (200 / gain) - 1, (long) (200 / gain) + 1);
    }

    @Test
    void shouldParkAKeyWhoseRecordFailsForGoodUntilSomebodyDecides() {
        client.admin().createTopic("parked", 1, 3);
        client.queues()
                .create(
                        "parked",
                        "g",
                        QueueConfig.newBuilder()
                                .setOrder(QueueOrder.QUEUE_ORDER_KEYED_PARK_FAILED)
                                .setFailuresMax(2)
                                .setRetryDelay(millis(1))
                                .build());
        publish("parked", 30); // keys k0 k1 k2 in turn
        Set<String> poison = ConcurrentHashMap.newKeySet();
        poison.addAll(Set.of("v3", "v4", "v5"));
        Map<String, List<String>> done = new ConcurrentHashMap<>();
        try (QueueWorker worker = client.newQueueWorker(QueueSettings.of("parked", "g"), 3, record -> {
            String value = new String(record.value(), UTF_8);
            if (poison.contains(value)) {
                throw new IllegalStateException("no good");
            }
            done.computeIfAbsent(new String(record.key(), UTF_8), k -> Collections.synchronizedList(new ArrayList<>()))
                    .add(value);
        })) {
            TestCluster.await("three to be parked", PATIENCE, () -> parkedCount() == 3);
            List<ParkedRecord> parked = client.queues().parked("parked", "g", 10);
            assertThat(parked).extracting(ParkedRecord::getOffset).containsExactly(3L, 4L, 5L);
            assertThat(parked)
                    .allMatch(record -> record.getFailureCount() == 2
                            && record.getLastFailure().equals("no good")
                            && record.getRecord().getValue().toStringUtf8().equals("v" + record.getOffset()));
            assertThat(done)
                    .hasSize(3)
                    .allSatisfy((key, values) -> assertThat(values).hasSize(1));
            assertThat(client.queues().explain("parked", 0, 3, "g").getPhase())
                    .isEqualTo(RecordPhase.RECORD_PHASE_PARKED);
            assertThat(client.queues().explain("parked", 0, 6, "g").getExplanationList())
                    .anyMatch(line -> line.contains("record 3, which has the same key"));

            poison.remove("v3");
            assertThat(decide(3, ParkedDecision.PARKED_DECISION_RETRY)).isTrue();
            assertThat(decide(4, ParkedDecision.PARKED_DECISION_DEAD)).isTrue();
            assertThat(decide(5, ParkedDecision.PARKED_DECISION_DONE)).isTrue();
            assertThat(decide(5, ParkedDecision.PARKED_DECISION_RETRY))
                    .as("not parked any more")
                    .isFalse();
            assertThat(decide(29, ParkedDecision.PARKED_DECISION_RETRY)).isFalse();
            TestCluster.await("all to be settled", PATIENCE, () -> isSettled("parked"));
        }
        assertThat(done.get("k0")).startsWith("v0", "v3", "v6").hasSize(10);
        assertThat(done.get("k1")).startsWith("v1", "v7").hasSize(9);
        assertThat(done.get("k2")).startsWith("v2", "v8").hasSize(9);
        assertThat(read("parked.g.dlq"))
                .singleElement()
                .satisfies(letter -> assertThat(header(letter, "reason")).isEqualTo("no good"));
    }

    private static long parkedCount() {
        return client.queues().describe("parked", "g").getPartitions(0).getParked();
    }

    private static boolean decide(long offset, ParkedDecision decision) {
        return client.queues()
                .decide(
                        "parked",
                        "g",
                        List.of(ParkedPlace.newBuilder().setOffset(offset).build()),
                        decision)
                .get(0)
                .getDecided();
    }

    @Test
    void shouldKeepTheOrderOfAKeyWhileOtherKeysFlow() {
        client.admin().createTopic("keyed", 1, 3);
        client.queues()
                .create(
                        "keyed",
                        "g",
                        QueueConfig.newBuilder()
                                .setOrder(QueueOrder.QUEUE_ORDER_KEYED)
                                .setRetryDelay(millis(100))
                                .build());
        publish("keyed", 60); // keys k0 k1 k2 in turn
        PollResponse first = queue(0).poll(ask("keyed", "m", 50).build());
        assertThat(first.getDeliveriesList())
                .extracting(QueuesIT::value)
                .as("one of each key")
                .containsExactly("v0", "v1", "v2");
        assertThat(client.queues().explain("keyed", 0, 6, "g").getExplanationList())
                .as("of the third one of k0")
                .anyMatch(line -> line.contains("record 0, which has the same key"));
        settle(
                0,
                "keyed",
                settlement(first.getDeliveries(0), Outcome.OUTCOME_RETRY).setDelay(millis(300)));
        settle(0, "keyed", settlement(first.getDeliveries(1), Outcome.OUTCOME_ACCEPT));
        settle(0, "keyed", settlement(first.getDeliveries(2), Outcome.OUTCOME_RELEASE));
        PollResponse second = queue(1).poll(ask("keyed", "m", 50).build());
        assertThat(second.getDeliveriesList())
                .extracting(QueuesIT::value)
                .as("k0 waits for its retry")
                .containsExactly("v2", "v4");
        second.getDeliveriesList().forEach(d -> settle(0, "keyed", settlement(d, Outcome.OUTCOME_RELEASE)));

        // Then all of it, by several workers that fail on every seventh record once: each key in order.
        Map<String, List<Integer>> done = new ConcurrentHashMap<>();
        Set<Integer> failed = ConcurrentHashMap.newKeySet();
        try (QueueWorker worker = client.newQueueWorker(QueueSettings.of("keyed", "g"), 4, record -> {
            int number = Integer.parseInt(new String(record.value(), UTF_8).substring(1));
            if (number % 7 == 0 && failed.add(number)) {
                throw new IllegalStateException("once");
            }
            done.computeIfAbsent(new String(record.key(), UTF_8), k -> new ArrayList<>())
                    .add(number);
        })) {
            TestCluster.await("all to be settled", PATIENCE, () -> isSettled("keyed"));
        }
        assertThat(done.values().stream().mapToInt(List::size).sum()).isEqualTo(59); // v1 was accepted above
        done.values().forEach(numbers -> assertThat(numbers).isSorted().doesNotHaveDuplicates());
    }

    @Test
    void shouldGiveAPartitionToOneMemberAtATimeIfExclusive() {
        client.admin().createTopic("exclusive", 1, 3);
        client.queues()
                .create(
                        "exclusive",
                        "g",
                        QueueConfig.newBuilder()
                                .setOrder(QueueOrder.QUEUE_ORDER_EXCLUSIVE)
                                .build());
        publish("exclusive", 10);
        Delivery held = queue(0).poll(ask("exclusive", "a", 1).build()).getDeliveries(0);
        assertThat(queue(1).poll(ask("exclusive", "b", 1).setWait(millis(300)).build())
                        .getDeliveriesCount())
                .isZero();
        settle(0, "exclusive", settlement(held, Outcome.OUTCOME_ACCEPT));
        assertThat(queue(1).poll(ask("exclusive", "b", 1).setWait(millis(300)).build())
                        .getDeliveriesCount())
                .as("a had the last word a moment ago")
                .isZero();
        Delivery again = queue(2).poll(ask("exclusive", "a", 1).build()).getDeliveries(0);
        settle(0, "exclusive", settlement(again, Outcome.OUTCOME_ACCEPT));
        // a falls silent: b's turn comes.
        assertThat(queue(1).poll(ask("exclusive", "b", 1).setWait(seconds(15)).build())
                        .getDeliveriesCount())
                .isEqualTo(1);
    }

    @Test
    void shouldWaitForRecordsAndLeaseNothingMeanwhile() throws Exception {
        client.admin().createTopic("wait", 3, 3);
        CompletableFuture<PollResponse> waiting = CompletableFuture.supplyAsync(
                () -> queue(1).poll(ask("wait", "m", 10).setWait(seconds(20)).build()));
        Thread.sleep(500); // let it wait
        assertThat(waiting).isNotDone();
        publish("wait", 1);
        assertThat(waiting.get(10, TimeUnit.SECONDS).getDeliveriesCount()).isEqualTo(1);
        assertThat(queue(2).poll(ask("wait", "m", 1).clearWait().build()).getDeliveriesCount())
                .as("no wait, nothing there")
                .isZero();
    }

    @Test
    void shouldLeaseNoMoreThanItsConsumerHasRoomFor() {
        client.admin().createTopic("credit", 1, 3);
        publish("credit", 100);
        try (QueueConsumer consumer =
                client.newQueueConsumer(QueueSettings.of("credit", "g").withPrefetch(7))) {
            List<QueueDelivery> taken = new ArrayList<>();
            for (int i = 0; i < 7; i++) {
                taken.add(consumer.poll(PATIENCE));
            }
            assertThat(consumer.poll(java.time.Duration.ofMillis(300))).isNull();
            assertThat(client.queues().describe("credit", "g").getPartitions(0).getLeased())
                    .isEqualTo(7);
            taken.get(3).accept().join();
            assertThat(consumer.poll(PATIENCE)).isNotNull();
            taken.get(0).release().join();
        }
        TestCluster.await(
                "what was not read to be given back",
                PATIENCE,
                () -> client.queues().describe("credit", "g").getPartitions(0).getLeased() == 6);
    }

    @Test
    void shouldKeepALongTaskToItself() {
        client.admin().createTopic("long", 1, 3);
        publish("long", 1);
        AtomicInteger runs = new AtomicInteger();
        QueueSettings settings = QueueSettings.of("long", "g").withLease(java.time.Duration.ofMillis(500));
        QueueWorker.Handler handler = record -> {
            runs.incrementAndGet();
            Thread.sleep(2500);
        };
        try (QueueWorker one = client.newQueueWorker(settings, 1, handler);
                QueueWorker other = client.newQueueWorker(settings.withMember("other"), 1, handler)) {
            TestCluster.await("the task to be done", PATIENCE, () -> isSettled("long"));
        }
        assertThat(runs).hasValue(1);
    }

    @Test
    void shouldHandOutNothingWhilePausedAndObeyItsLimits() {
        client.admin().createTopic("limits", 1, 3);
        publish("limits", 20);
        QueueConfig limited = QueueConfig.newBuilder()
                .setInFlightMax(5)
                .setMemberInFlightMax(3)
                .build();
        client.queues().create("limits", "g", limited);
        assertThat(queue(0).poll(ask("limits", "a", 10).build()).getDeliveriesCount())
                .isEqualTo(3);
        assertThat(queue(1).poll(ask("limits", "b", 10).build()).getDeliveriesCount())
                .isEqualTo(2);
        assertThat(queue(1).poll(ask("limits", "c", 10).setWait(millis(100)).build())
                        .getDeliveriesCount())
                .isZero();
        assertThat(client.queues().explain("limits", 0, 9, "g").getExplanationList())
                .anyMatch(line -> line.contains("as many records of this partition as it may"));
        client.queues()
                .update(
                        "limits",
                        "g",
                        limited.toBuilder().setInFlightMax(20).setPaused(true).build());
        assertThat(queue(1).poll(ask("limits", "c", 10).setWait(millis(100)).build())
                        .getDeliveriesCount())
                .isZero();
        CompletableFuture<PollResponse> waiting = CompletableFuture.supplyAsync(
                () -> queue(1).poll(ask("limits", "c", 10).setWait(seconds(20)).build()));
        client.queues()
                .update("limits", "g", limited.toBuilder().setInFlightMax(20).build());
        assertThat(waiting.join().getDeliveriesCount()).isEqualTo(3);
    }

    @Test
    void shouldSeekToWhereThePlanSaid() {
        client.admin().createTopic("seek", 1, 3);
        publish("seek", 10);
        List<Delivery> held = queue(0).poll(ask("seek", "m", 4).build()).getDeliveriesList();
        Position five = Position.offset(5);
        SoughtPartition plan =
                client.queues().seek("seek", "g", List.of(), five, true).get(0);
        assertThat(plan.getFrom()).isZero();
        assertThat(plan.getTo()).isEqualTo(5);
        assertThat(settle(0, "seek", settlement(held.get(0), Outcome.OUTCOME_ACCEPT))
                        .getReason())
                .as("a plan changes nothing")
                .isEqualTo(ErrorReason.ERROR_REASON_UNSPECIFIED);
        client.queues().seek("seek", "g", List.of(), five, false);
        assertThat(settle(0, "seek", settlement(held.get(1), Outcome.OUTCOME_ACCEPT))
                        .getReason())
                .isEqualTo(ErrorReason.ERROR_REASON_LEASE_LOST);
        assertThat(value(pollOne(0, "seek"))).isEqualTo("v5");
        client.queues().seek("seek", "g", List.of(), Position.earliest(), false);
        assertThat(value(pollOne(0, "seek"))).isEqualTo("v0");
        assertThat(client.queues()
                        .seek("seek", "g", List.of(), Position.offset(99), false)
                        .get(0)
                        .getError()
                        .getReason())
                .isEqualTo(ErrorReason.ERROR_REASON_OFFSET_OUT_OF_RANGE);
    }

    @Test
    void shouldBeginWhereTheGroupSays() {
        client.admin().createTopic("begin", 1, 3);
        publish("begin", 5);
        client.queues()
                .create(
                        "begin",
                        "g",
                        QueueConfig.newBuilder()
                                .setStart(Start.newBuilder().setLatest(true))
                                .build());
        publish("begin", 3);
        PollResponse response = queue(0).poll(ask("begin", "m", 10).build());
        assertThat(response.getDeliveries(0).getRecord().getOffset()).isEqualTo(5);
    }

    @Test
    void shouldNotHandOutARecordWhoseTimeToLiveIsOver() throws Exception {
        client.admin().createTopic("ttl", 1, 3);
        try (Producer producer = client.newProducer()) {
            for (int i = 0; i < 1500; i++) {
                ProducerRecord record = ProducerRecord.of("ttl", null, ("v" + i).getBytes(UTF_8));
                producer.send(i == 1499 ? record : record.withTimeToLive(java.time.Duration.ofMillis(300)));
            }
            producer.flush();
        }
        Thread.sleep(600); // longer than they live
        Delivery alive = pollOne(0, "ttl");
        assertThat(value(alive)).isEqualTo("v1499");
        settle(0, "ttl", settlement(alive, Outcome.OUTCOME_ACCEPT));
        TestCluster.await("the expired to be settled unseen", PATIENCE, () -> isSettled("ttl"));
        assertThat(read("ttl")).as("the log has them still").hasSize(1500);
    }

    /** Each is refused with a reason, by any node, and nothing is lost or leased by it. */
    @Test
    void shouldRefuseWhatMakesNoSense() {
        client.admin().createTopic("sense", 1, 3);
        publish("sense", 2);
        Delivery held = pollOne(0, "sense");
        PollRequest good = ask("sense", "m", 1).setWait(millis(10)).build();
        List<PollRequest> polls = List.of(
                good.toBuilder().setMember("").build(),
                good.toBuilder().setMember("m".repeat(101)).build(),
                good.toBuilder().setGroup("no/slash").build(),
                good.toBuilder().setGroup("").build(),
                good.toBuilder().setTopic("nowhere").build(),
                good.toBuilder().setMaxRecords(10_001).build(),
                good.toBuilder().setMaxRecords(-1).build(),
                good.toBuilder().setMaxBytes(-1).build(),
                good.toBuilder().setLease(millis(99)).build(),
                good.toBuilder()
                        .setLease(Duration.newBuilder().setSeconds(Long.MAX_VALUE))
                        .build(),
                good.toBuilder().setLease(Duration.newBuilder().setNanos(-1)).build(),
                good.toBuilder().setWait(Duration.newBuilder().setSeconds(-5)).build(),
                good.toBuilder().addPartitions(7).build(),
                good.toBuilder().addPartitions(-1).build());
        for (int i = 0; i < polls.size(); i++) {
            PollRequest poll = polls.get(i);
            int node = i;
            assertThatThrownBy(() -> queue(node).poll(poll))
                    .as(poll.toString())
                    .isInstanceOfSatisfying(
                            StatusRuntimeException.class,
                            e -> assertThat(e.getStatus().getCode())
                                    .isIn(Status.Code.INVALID_ARGUMENT, Status.Code.NOT_FOUND));
        }
        List<Settlement.Builder> settlements = List.of(
                settlement(held, Outcome.OUTCOME_UNSPECIFIED),
                settlement(held, Outcome.OUTCOME_ACCEPT).setOutcomeValue(77),
                settlement(held, Outcome.OUTCOME_ACCEPT).setOffset(-1),
                settlement(held, Outcome.OUTCOME_ACCEPT).setOffset(Long.MAX_VALUE),
                settlement(held, Outcome.OUTCOME_EXTEND).setDelay(millis(1)),
                settlement(held, Outcome.OUTCOME_RETRY)
                        .setDelay(Duration.newBuilder().setSeconds(-1)));
        for (Settlement.Builder bad : settlements) {
            assertThatThrownBy(() -> settle(1, "sense", bad))
                    .as(bad.toString())
                    .isInstanceOfSatisfying(
                            StatusRuntimeException.class,
                            e -> assertThat(e.getStatus().getCode()).isEqualTo(Status.Code.INVALID_ARGUMENT));
        }
        assertThat(settle(2, "sense", settlement(held, Outcome.OUTCOME_ACCEPT).setPartition(9))
                        .getReason())
                .isEqualTo(ErrorReason.ERROR_REASON_PARTITION_NOT_FOUND);
        assertThat(settle(2, "sense", settlement(held, Outcome.OUTCOME_ACCEPT).setOffset(1_000_000))
                        .getReason())
                .isEqualTo(ErrorReason.ERROR_REASON_LEASE_LOST);
        for (QueueConfig bad : List.of(
                QueueConfig.newBuilder().setFailuresMax(1001).build(),
                QueueConfig.newBuilder().setInFlightMax(-1).build(),
                QueueConfig.newBuilder().setLease(millis(1)).build(),
                QueueConfig.newBuilder().setOrderValue(99).build())) {
            assertThatThrownBy(() -> client.queues().create("sense", "bad", bad))
                    .as(bad.toString())
                    .isInstanceOfSatisfying(
                            HoldfastException.class,
                            e -> assertThat(e.reason()).isEqualTo(ErrorReason.ERROR_REASON_INVALID_REQUEST));
        }
        QueuePartition stands = client.queues().describe("sense", "g").getPartitions(0);
        assertThat(stands.getLeased()).isEqualTo(1);
        assertThat(stands.getReady()).isEqualTo(1);
        assertThat(settle(0, "sense", settlement(held, Outcome.OUTCOME_ACCEPT)).getReason())
                .isEqualTo(ErrorReason.ERROR_REASON_UNSPECIFIED);
    }

    @Test
    void shouldRefuseStreamsThatMakeNoSense() throws Exception {
        client.admin().createTopic("stream", 1, 3);
        ReceiveRequest open = ReceiveRequest.newBuilder()
                .setOpen(ask("stream", "m", 1).clearWait())
                .build();
        ReceiveRequest settle = ReceiveRequest.newBuilder()
                .setSettle(SettleRequest.getDefaultInstance())
                .build();
        ReceiveRequest noMember =
                ReceiveRequest.newBuilder().setOpen(ask("stream", "", 1)).build();
        for (List<ReceiveRequest> requests : List.of(
                List.of(settle),
                List.of(open, open),
                List.of(noMember),
                List.of(ReceiveRequest.getDefaultInstance()))) {
            CompletableFuture<Throwable> ended = new CompletableFuture<>();
            StreamObserver<ReceiveRequest> to = QueueServiceGrpc.newStub(cluster.channel(1))
                    .receive(new StreamObserver<>() {
                        @Override
                        public void onNext(ReceiveResponse response) {}

                        @Override
                        public void onError(Throwable t) {
                            ended.complete(t);
                        }

                        @Override
                        public void onCompleted() {
                            ended.complete(new AssertionError("no error"));
                        }
                    });
            requests.forEach(to::onNext);
            assertThat(Status.fromThrowable(ended.get(20, TimeUnit.SECONDS)).getCode())
                    .as(requests.toString())
                    .isEqualTo(Status.Code.INVALID_ARGUMENT);
        }
    }

    @Test
    void shouldForgetADeletedGroup() {
        client.admin().createTopic("forget", 1, 3);
        publish("forget", 3);
        Delivery held = pollOne(0, "forget");
        client.queues().delete("forget", "g");
        assertThatThrownBy(() -> settle(0, "forget", settlement(held, Outcome.OUTCOME_ACCEPT)))
                .hasMessageContaining("create group");
        assertThatThrownBy(() -> client.queues().describe("forget", "g"))
                .isInstanceOfSatisfying(
                        HoldfastException.class,
                        e -> assertThat(e.reason()).isEqualTo(ErrorReason.ERROR_REASON_GROUP_NOT_FOUND));
        Delivery anew = pollOne(0, "forget"); // makes it again
        assertThat(anew.getRecord().getOffset()).isZero();
        assertThat(anew.getDeliveryCount()).isEqualTo(1);
    }

    // ---- priorities

    private static List<String> values(PollResponse polled) {
        return polled.getDeliveriesList().stream().map(QueuesIT::value).toList();
    }

    private static void publishPriorities(String topic) {
        try (Producer producer = client.newProducer()) {
            for (int i = 0; i < 30; i++) {
                byte[] value = (i % 3 + "-" + i).getBytes(UTF_8);
                ProducerRecord record = ProducerRecord.of(topic, null, value);
                producer.send(i % 3 == 1 ? record : record.withPriority(i % 3 == 2 ? 9 : 0));
            }
            producer.flush();
        }
    }

    @Test
    void shouldHandOutTheHighestPriorityFirstAlsoWhatComesAgain() {
        client.admin().createTopic("urgent", 1, 3);
        client.queues()
                .create(
                        "urgent",
                        "g",
                        QueueConfig.newBuilder()
                                .setPriority(QueuePriority.QUEUE_PRIORITY_STRICT)
                                .build());
        publishPriorities("urgent");

        PollResponse first = queue(0).poll(ask("urgent", "m", 10).build());
        assertThat(values(first))
                .allMatch(value -> value.startsWith("2-"))
                .hasSize(10)
                .first()
                .isEqualTo("2-2");
        Delivery returned = first.getDeliveries(3);
        settle(2, "urgent", settlement(returned, Outcome.OUTCOME_RELEASE));

        List<String> next = values(queue(1).poll(ask("urgent", "m", 12).build()));
        assertThat(next).hasSize(12).first().isEqualTo("2-11"); // released, and still of the highest
        assertThat(next.subList(1, 11)).allMatch(value -> value.startsWith("1-")); // without one: 4
        assertThat(next.get(11)).isEqualTo("0-0");
    }

    @Test
    void shouldLetLowPrioritiesHaveAShareIfWeighted() {
        client.admin().createTopic("weighted", 1, 3);
        client.queues()
                .create(
                        "weighted",
                        "g",
                        QueueConfig.newBuilder()
                                .setPriority(QueuePriority.QUEUE_PRIORITY_WEIGHTED)
                                .build());
        publishPriorities("weighted");

        List<String> all = values(queue(2).poll(ask("weighted", "m", 30).build()));

        assertThat(all).hasSize(30).doesNotHaveDuplicates();
        assertThat(all.subList(0, 10)).allMatch(value -> value.startsWith("2-")); // 32 times the share of 4
        assertThatThrownBy(() -> client.queues()
                        .create(
                                "weighted",
                                "keyed",
                                QueueConfig.newBuilder()
                                        .setPriority(QueuePriority.QUEUE_PRIORITY_STRICT)
                                        .setOrder(QueueOrder.QUEUE_ORDER_KEYED)
                                        .build()))
                .hasMessageContaining("either priorities or the order of keys");
    }
}
