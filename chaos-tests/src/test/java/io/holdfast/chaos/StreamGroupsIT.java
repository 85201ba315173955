package io.holdfast.chaos;

import static java.nio.charset.StandardCharsets.UTF_8;
import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import com.google.protobuf.util.Durations;
import io.grpc.Status;
import io.grpc.StatusRuntimeException;
import io.holdfast.client.HoldfastClient;
import io.holdfast.client.HoldfastException;
import io.holdfast.client.Position;
import io.holdfast.client.Producer;
import io.holdfast.client.ProducerRecord;
import io.holdfast.client.ReceivedRecord;
import io.holdfast.client.StreamConsumer;
import io.holdfast.client.StreamSettings;
import io.holdfast.v1.AssignedPartition;
import io.holdfast.v1.CommitOffsetsRequest;
import io.holdfast.v1.ErrorReason;
import io.holdfast.v1.HeartbeatRequest;
import io.holdfast.v1.HeartbeatResponse;
import io.holdfast.v1.ItemError;
import io.holdfast.v1.LeaveStreamGroupRequest;
import io.holdfast.v1.OffsetCommit;
import io.holdfast.v1.Ownership;
import io.holdfast.v1.QueueConfig;
import io.holdfast.v1.SeekTarget;
import io.holdfast.v1.Start;
import io.holdfast.v1.StreamConfig;
import io.holdfast.v1.StreamGroup;
import io.holdfast.v1.StreamGroupServiceGrpc;
import io.holdfast.v1.StreamGroupServiceGrpc.StreamGroupServiceBlockingStub;
import io.holdfast.v1.StreamPartition;
import io.holdfast.v1.TopicPartition;
import java.time.Duration;
import java.util.ArrayList;
import java.util.HashSet;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.TreeSet;
import java.util.concurrent.TimeUnit;
import java.util.stream.Collectors;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;

/** Stream groups on a healthy cluster: what a member may ask for, and what it gets. */
@Timeout(90)
class StreamGroupsIT extends SharedCluster {
    private static final Duration PATIENCE = Duration.ofSeconds(20);
    /** For groups whose members are meant to be late; all others have time enough on a slow machine. */
    private static final Map<String, StreamConfig> CONFIGS = Map.of(
            "fencing", timeouts(3, 60),
            "keeping", timeouts(30, 2),
            "naming", timeouts(5, 60));

    private static StreamConfig timeouts(int session, int rebalance) {
        return StreamConfig.newBuilder()
                .setSessionTimeout(Durations.fromSeconds(session))
                .setRebalanceTimeout(Durations.fromSeconds(rebalance))
                .build();
    }

    @BeforeAll
    static void start() throws Exception {
        share(List.of());
    }

    // ---- helpers

    /** A member as 20 lines of another language would have it: by unary calls, at one node after the other. */
    private static final class ThinMember {
        private static int calls;
        final String group;
        final String id;
        final String instance;
        final List<String> topics;
        List<AssignedPartition> assigned = List.of();
        long version;

        ThinMember(String group, String id, String instance, String... topics) {
            this.group = group;
            this.id = id;
            this.instance = instance;
            this.topics = List.of(topics);
        }

        static StreamGroupServiceBlockingStub stub() {
            return StreamGroupServiceGrpc.newBlockingStub(cluster.channel(1 + Math.floorMod(calls++, 3)))
                    .withDeadlineAfter(20, TimeUnit.SECONDS);
        }

        /** @param owned all that it has not let go of */
        HeartbeatResponse beat(List<AssignedPartition> owned, long waitMs) {
            HeartbeatResponse answer = stub().heartbeat(HeartbeatRequest.newBuilder()
                    .setGroup(group)
                    .setMemberId(id)
                    .setJoin(version == 0)
                    .addAllTopics(topics)
                    .setInstanceId(instance)
                    .addAllOwned(
                            owned.stream().map(AssignedPartition::getOwnership).toList())
                    .setSeenVersion(version)
                    .setWait(Durations.fromMillis(waitMs))
                    .setConfig(CONFIGS.getOrDefault(group, timeouts(30, 60)))
                    .build());
            assigned = answer.getAssignedList();
            version = answer.getVersion();
            return answer;
        }

        HeartbeatResponse beat() {
            return beat(assigned, 500);
        }

        Set<Integer> partitions() {
            return assigned.stream()
                    .map(one -> one.getOwnership().getPartition().getPartition())
                    .collect(Collectors.toCollection(TreeSet::new));
        }

        ItemError commit(AssignedPartition partition, long offset) {
            return commit(partition.getOwnership(), offset);
        }

        ItemError commit(Ownership ownership, long offset) {
            return stub().commitOffsets(CommitOffsetsRequest.newBuilder()
                            .setGroup(group)
                            .setMemberId(id)
                            .addOffsets(OffsetCommit.newBuilder()
                                    .setOwnership(ownership)
                                    .setOffset(offset))
                            .build())
                    .getResults(0);
        }

        void leave(boolean keepPlace) {
            stub().leaveStreamGroup(LeaveStreamGroupRequest.newBuilder()
                    .setGroup(group)
                    .setMemberId(id)
                    .setKeepPlace(keepPlace)
                    .build());
        }
    }

    private static void publish(String topic, int from, int to) {
        try (Producer producer = client.newProducer()) {
            for (int i = from; i < to; i++) {
                byte[] id = Integer.toString(i).getBytes(UTF_8);
                producer.send(ProducerRecord.of(topic, id, id));
            }
            producer.flush();
        }
    }

    /** Polls until so many different records have come. */
    private static List<String> take(StreamConsumer consumer, int count) {
        List<String> values = new ArrayList<>();
        long deadline = System.nanoTime() + PATIENCE.toNanos();
        while (values.size() < count && System.nanoTime() < deadline) {
            for (ReceivedRecord record : consumer.poll(Duration.ofMillis(200))) {
                values.add(new String(record.value(), UTF_8));
            }
        }
        return values;
    }

    private static StreamPartition partition(String group, int partition) {
        return client.streamGroups().describe(group).getPartitions(partition);
    }

    // ---- what members get

    @Test
    void shouldGiveEachRecordOnceWhileMembersComeAndGo() throws Exception {
        client.admin().createTopic("shared", 6, 3);
        publish("shared", 0, 300);
        List<String> all = new ArrayList<>();

        try (StreamConsumer first = client.newStreamConsumer(StreamSettings.of("sharing", "shared"))) {
            all.addAll(take(first, 300));
            assertThat(first.partitions("shared")).hasSize(6);
            try (StreamConsumer second = client.newStreamConsumer(StreamSettings.of("sharing", "shared"))) {
                TestCluster.await("half for each", PATIENCE, () -> {
                    first.poll(Duration.ZERO);
                    second.poll(Duration.ZERO);
                    return first.partitions("shared").size() == 3
                            && second.partitions("shared").size() == 3;
                });
                publish("shared", 300, 600);
                List<String> theirs = new ArrayList<>();
                TestCluster.await("all of the second part", PATIENCE, () -> {
                    first.poll(Duration.ofMillis(50)).forEach(record -> theirs.add(new String(record.value(), UTF_8)));
                    second.poll(Duration.ofMillis(50)).forEach(record -> theirs.add(new String(record.value(), UTF_8)));
                    return theirs.size() >= 300;
                });
                all.addAll(theirs);
            }
            long left = System.nanoTime();
            TestCluster.await("all for the one who stays", PATIENCE, () -> {
                first.poll(Duration.ZERO);
                return first.partitions("shared").size() == 6;
            });
            long idleMs = (System.nanoTime() - left) / 1_000_000;
            System.out.println("a leaver's partitions had another owner after " + idleMs + " ms");
            assertThat(idleMs).as("ms; its session would have ended after 10 s").isLessThan(5_000);
            publish("shared", 600, 700);
            all.addAll(take(first, 100));
        }

        assertThat(all).hasSize(700);
        assertThat(new HashSet<>(all)).hasSize(700);
        for (StreamPartition partition :
                client.streamGroups().describe("sharing").getPartitionsList()) {
            assertThat(partition.getLag()).isZero();
            assertThat(partition.getMemberId()).isEmpty();
        }
    }

    @Test
    void shouldGoOnWhereItWasCommitted() {
        client.admin().createTopic("resumed", 1, 3);
        publish("resumed", 0, 50);
        StreamSettings manual = StreamSettings.of("resuming", "resumed").withCommitEvery(Duration.ZERO);
        try (StreamConsumer consumer = client.newStreamConsumer(manual)) {
            assertThat(take(consumer, 50)).hasSize(50);
            consumer.commit();
        }
        publish("resumed", 50, 60);
        try (StreamConsumer consumer = client.newStreamConsumer(manual)) {
            assertThat(take(consumer, 10)).hasSize(10).first().isEqualTo("50");
        } // without a commit
        try (StreamConsumer consumer = client.newStreamConsumer(manual)) {
            assertThat(take(consumer, 10)).hasSize(10).first().isEqualTo("50");
        }
    }

    @Test
    void shouldTakePartitionsOnlyFromThoseWhoLetGo() {
        client.admin().createTopic("handed", 4, 3);
        ThinMember first = new ThinMember("handing", "first", "", "handed");
        first.beat();
        TestCluster.await("all four", PATIENCE, () -> first.beat().getAssignedCount() == 4);
        List<AssignedPartition> all = first.assigned;
        ThinMember second = new ThinMember("handing", "second", "", "handed");
        second.beat();

        TestCluster.await(
                "first to be told", PATIENCE, () -> first.beat(all, 500).getAssignedCount() == 2);
        assertThat(second.beat().getAssignedCount())
                .as("before first has let go")
                .isZero();
        AssignedPartition lost = all.stream()
                .filter(one -> !first.assigned.contains(one))
                .findFirst()
                .orElseThrow();
        assertThat(first.commit(lost, 7).getReason()).isEqualTo(ErrorReason.ERROR_REASON_UNSPECIFIED);

        first.beat();
        TestCluster.await("second to own two", PATIENCE, () -> second.beat().getAssignedCount() == 2);
        assertThat(second.partitions()).doesNotContainAnyElementsOf(first.partitions());
        assertThat(first.commit(lost, 9).getReason()).isEqualTo(ErrorReason.ERROR_REASON_OWNERSHIP_LOST);
        AssignedPartition same = second.assigned.stream()
                .filter(one -> one.getOwnership()
                        .getPartition()
                        .equals(lost.getOwnership().getPartition()))
                .findFirst()
                .orElseThrow();
        assertThat(same.getStart().getOffset())
                .as("committed by the one before")
                .isEqualTo(7);
        assertThat(same.getOwnership().getOwnershipEpoch())
                .isGreaterThan(lost.getOwnership().getOwnershipEpoch());
        first.leave(false);
        second.leave(false);
    }

    @Test
    void shouldFenceAMemberThatIsNotHeardOf() {
        client.admin().createTopic("fenced", 2, 3);
        ThinMember silent = new ThinMember("fencing", "silent", "", "fenced");
        silent.beat();
        TestCluster.await("both", PATIENCE, () -> silent.beat().getAssignedCount() == 2);
        ThinMember other = new ThinMember("fencing", "other", "", "fenced");

        TestCluster.await("the other to own both", PATIENCE, () -> other.beat().getAssignedCount() == 2);

        assertThat(silent.commit(silent.assigned.get(0), 1).getReason())
                .isEqualTo(ErrorReason.ERROR_REASON_OWNERSHIP_LOST);
        assertThatThrownBy(silent::beat)
                .isInstanceOfSatisfying(
                        StatusRuntimeException.class,
                        e -> assertThat(e.getStatus().getCode()).isEqualTo(Status.Code.FAILED_PRECONDITION))
                .hasMessageContaining("join under another member id");
        assertThat(List.of(1, 2, 3))
                .as("a node counts it")
                .anyMatch(node -> cluster.metric(node, "holdfast_stream_expelled") > 0);
        assertThat(List.of(1, 2, 3))
                .as("a node has the other")
                .anyMatch(node -> cluster.metric(node, "holdfast_stream_members") > 0);
        other.leave(false);
    }

    /** Its heartbeats end with its client, also those to nodes that it has not talked to yet. */
    @Test
    void shouldNotBeAMemberWhoseClientIsClosed() {
        client.admin().createTopic("orphaned", 2, 3);
        HoldfastClient closed = cluster.connect();
        StreamSettings settings = StreamSettings.of("orphans", "orphaned").withConfig(timeouts(3, 60));
        StreamConsumer orphan = closed.newStreamConsumer(settings);
        TestCluster.await("both", PATIENCE, () -> {
            orphan.poll(Duration.ZERO);
            return orphan.partitions("orphaned").size() == 2;
        });

        closed.close();

        try (StreamConsumer heir = client.newStreamConsumer(settings)) {
            TestCluster.await("the other to own both", PATIENCE, () -> {
                heir.poll(Duration.ZERO);
                return heir.partitions("orphaned").size() == 2;
            });
        }
        assertThatThrownBy(() -> orphan.poll(Duration.ofSeconds(5)))
                .isInstanceOf(HoldfastException.class)
                .hasMessageContaining("closed");
        orphan.close();
    }

    @Test
    void shouldFenceAMemberThatDoesNotLetGo() {
        client.admin().createTopic("kept", 2, 3);
        ThinMember greedy = new ThinMember("keeping", "greedy", "", "kept");
        greedy.beat();
        TestCluster.await("both", PATIENCE, () -> greedy.beat().getAssignedCount() == 2);
        List<AssignedPartition> all = greedy.assigned;
        ThinMember other = new ThinMember("keeping", "other", "", "kept");

        TestCluster.await("the other to own both", PATIENCE, () -> {
            try {
                greedy.beat(all, 0);
            } catch (StatusRuntimeException e) {
                assertThat(e).hasMessageContaining("not any more");
            }
            return other.beat().getAssignedCount() == 2;
        });
        other.leave(false);
    }

    @Test
    void shouldKeepThePlaceOfAMemberWithANameOfItsOwn() {
        client.admin().createTopic("named", 4, 3);
        ThinMember staying = new ThinMember("naming", "staying", "", "named");
        ThinMember before = new ThinMember("naming", "before", "worker-1", "named");
        TestCluster.await("two for each", PATIENCE, () -> {
            staying.beat();
            before.beat();
            return staying.assigned.size() == 2 && before.assigned.size() == 2;
        });
        Set<Integer> place = before.partitions();
        Set<Integer> others = staying.partitions();
        ThinMember impostor = new ThinMember("naming", "impostor", "worker-1", "named");
        assertThatThrownBy(impostor::beat).hasMessageContaining("is in use");

        before.leave(true);
        staying.beat();
        assertThat(staying.partitions()).as("while the other is away").isEqualTo(others);
        ThinMember after = new ThinMember("naming", "after", "worker-1", "named");
        TestCluster.await("the old place", PATIENCE, () -> after.beat().getAssignedCount() == 2);
        assertThat(after.partitions()).isEqualTo(place);
        staying.beat();
        assertThat(staying.partitions()).isEqualTo(others);

        after.leave(true);
        TestCluster.await(
                "the place of one who does not come back",
                PATIENCE,
                () -> staying.beat().getAssignedCount() == 4);
        staying.leave(false);
    }

    @Test
    void shouldFindTopicsByPrefixAndStartLaterOnesAtTheirBeginning() {
        client.admin().createTopic("log.early", 1, 3);
        publish("log.early", 0, 10);
        StreamSettings latest = StreamSettings.of("prefixed", "log.*")
                .withConfig(StreamConfig.newBuilder()
                        .setStart(Start.newBuilder().setLatest(true))
                        .build());
        try (StreamConsumer consumer = client.newStreamConsumer(latest)) {
            TestCluster.await("the early topic", PATIENCE, () -> {
                assertThat(consumer.poll(Duration.ZERO)).isEmpty();
                return !consumer.partitions("log.early").isEmpty();
            });
            client.admin().createTopic("log.late", 2, 3);
            publish("log.late", 100, 110);
            publish("log.early", 10, 15);

            List<String> values = take(consumer, 15);
            assertThat(values).hasSize(15).contains("10", "14", "100", "109").doesNotContain("0", "9");

            client.admin().deleteTopic("log.late");
            TestCluster.await("the topic to be gone", PATIENCE, () -> {
                consumer.poll(Duration.ZERO);
                return consumer.partitions("log.late").isEmpty();
            });
            publish("log.early", 15, 16);
            assertThat(take(consumer, 1)).containsExactly("15");
        }
    }

    // ---- what operators get

    @Test
    void shouldSeekWhileMembersAreAtWork() {
        client.admin().createTopic("sought", 2, 3);
        publish("sought", 0, 40);
        try (StreamConsumer consumer = client.newStreamConsumer(StreamSettings.of("seeking", "sought"))) {
            assertThat(take(consumer, 40)).hasSize(40);
            consumer.commit();
            SeekTarget beginning = SeekTarget.newBuilder()
                    .setTopic("sought")
                    .setTo(Position.earliest().start())
                    .build();
            long end = partition("seeking", 0).getEnd();

            assertThat(client.streamGroups().seek("seeking", List.of(beginning), true))
                    .first()
                    .satisfies(planned -> {
                        assertThat(planned.getFrom()).isEqualTo(end);
                        assertThat(planned.getTo()).isZero();
                    });
            assertThat(consumer.poll(Duration.ofMillis(300))).isEmpty();
            assertThat(partition("seeking", 0).getCommitted()).isEqualTo(end);

            client.streamGroups().seek("seeking", List.of(beginning), false);
            assertThat(take(consumer, 40)).hasSize(40);
        }
        assertThat(partition("seeking", 0).getLag()).isZero();
    }

    @Test
    void shouldSayHowFarBehindAGroupIs() throws Exception {
        client.admin().createTopic("late", 1, 3);
        client.streamGroups().create("lagging", timeouts(30, 60));
        ThinMember member = new ThinMember("lagging", "m", "", "late");
        TestCluster.await("the partition", PATIENCE, () -> member.beat().getAssignedCount() == 1);
        publish("late", 0, 10);
        Thread.sleep(300);

        StreamPartition behind = partition("lagging", 0);
        assertThat(behind.getLag()).isEqualTo(10);
        assertThat(Durations.toMillis(behind.getLagTime())).isBetween(300L, 20_000L);
        assertThat(behind.getProducedPerSecond()).isPositive();
        assertThat(behind.hasCommitted()).isFalse();
        assertThat(behind.hasDrain()).as("at a rate of nothing").isFalse();
        assertThat(behind.getMemberId()).isEqualTo("m");

        member.commit(member.assigned.get(0), 4);
        behind = partition("lagging", 0);
        assertThat(behind.getLag()).isEqualTo(6);
        assertThat(behind.getCommitted()).isEqualTo(4);
        member.beat();
        member.commit(member.assigned.get(0), 10);
        member.commit(member.assigned.get(0), 7); // was overtaken
        assertThat(partition("lagging", 0).getLag()).isZero();
        assertThat(partition("lagging", 0).hasLagTime()).isFalse();
        member.leave(false);
    }

    @Test
    void shouldListAndDeleteGroupsThatNobodyIsIn() {
        client.admin().createTopic("ended", 1, 3);
        ThinMember member = new ThinMember("ending", "m", "", "ended");
        member.beat();
        assertThat(client.streamGroups().list().stream().map(StreamGroup::getName))
                .contains("ending");
        assertThatThrownBy(() -> client.streamGroups().delete("ending"))
                .isInstanceOfSatisfying(
                        HoldfastException.class,
                        e -> assertThat(e.reason()).isEqualTo(ErrorReason.ERROR_REASON_GROUP_NOT_EMPTY));

        member.leave(false);
        client.streamGroups().delete("ending");

        assertThat(client.streamGroups().list().stream().map(StreamGroup::getName))
                .doesNotContain("ending");
        assertThatThrownBy(() -> client.streamGroups().describe("ending"))
                .isInstanceOfSatisfying(
                        HoldfastException.class,
                        e -> assertThat(e.reason()).isEqualTo(ErrorReason.ERROR_REASON_GROUP_NOT_FOUND));
    }

    @Test
    void shouldRefuseWhatMakesNoSense() {
        client.admin().createTopic("sensible", 1, 3);
        HeartbeatRequest good = HeartbeatRequest.newBuilder()
                .setGroup("nonsense")
                .setMemberId("m")
                .setJoin(true)
                .addTopics("sensible")
                .build();
        StreamGroupServiceBlockingStub stub = ThinMember.stub();

        assertThatThrownBy(() -> stub.heartbeat(good.toBuilder().setGroup("a/b").build()))
                .hasMessageContaining("name the stream group");
        assertThatThrownBy(() -> stub.heartbeat(good.toBuilder().setMemberId("").build()))
                .hasMessageContaining("member id");
        assertThatThrownBy(() -> stub.heartbeat(good.toBuilder().clearTopics().build()))
                .hasMessageContaining("subscribe to 1 to");
        assertThatThrownBy(() -> stub.heartbeat(
                        good.toBuilder().clearTopics().addTopics("no*pe*").build()))
                .hasMessageContaining("by prefix");
        assertThatThrownBy(() -> stub.heartbeat(
                        good.toBuilder().clearTopics().addTopics("nowhere").build()))
                .hasMessageContaining("create topic 'nowhere' first");
        assertThatThrownBy(() -> stub.heartbeat(
                        good.toBuilder().setWait(Durations.fromSeconds(60)).build()))
                .hasMessageContaining("choose wait between");
        assertThatThrownBy(() -> stub.heartbeat(good.toBuilder().setJoin(false).build()))
                .hasMessageContaining("it does not exist");
        assertThatThrownBy(() -> client.streamGroups()
                        .create(
                                "nonsense",
                                StreamConfig.newBuilder()
                                        .setStart(Start.newBuilder().setOffset(3))
                                        .build()))
                .hasMessageContaining("seek to it");
        assertThatThrownBy(() -> client.admin().createTopic("__mine", 1, 3)).hasMessageContaining("underscores");
        assertThatThrownBy(() -> client.admin().deleteTopic("__stream-groups")).hasMessageContaining("underscores");
        assertThatThrownBy(() -> client.queues().create("__stream-groups", "g", QueueConfig.getDefaultInstance()))
                .hasMessageContaining("underscores");
        try (Producer producer = client.newProducer()) {
            assertThat(producer.send(ProducerRecord.of("__stream-groups", 0, null, new byte[1])))
                    .failsWithin(PATIENCE)
                    .withThrowableThat()
                    .withMessageContaining("underscores");
        }
        assertThat(client.admin().listTopics(""))
                .noneMatch(topic -> topic.getName().startsWith("__"));
        Ownership nobodys = Ownership.newBuilder()
                .setPartition(TopicPartition.newBuilder().setTopic("sensible"))
                .build();
        client.streamGroups().create("nonsense", timeouts(30, 60));
        assertThatThrownBy(() -> client.streamGroups()
                        .seek(
                                "nonsense",
                                List.of(SeekTarget.newBuilder()
                                        .setTopic("sensible")
                                        .build()),
                                false))
                .hasMessageContaining("say where to go");
        assertThat(new ThinMember("nonsense", "m", "", "sensible")
                        .commit(nobodys, 1)
                        .getReason())
                .isEqualTo(ErrorReason.ERROR_REASON_OWNERSHIP_LOST);
    }
}
