package io.holdfast.consensus.stream;

import static org.assertj.core.api.Assertions.assertThat;

import com.google.protobuf.util.Durations;
import io.holdfast.consensus.Refusal;
import io.holdfast.internal.v1.OffsetRow;
import io.holdfast.internal.v1.OwnedPartition;
import io.holdfast.internal.v1.StreamCommand;
import io.holdfast.internal.v1.StreamCommit;
import io.holdfast.internal.v1.StreamGroupRow;
import io.holdfast.internal.v1.StreamLeave;
import io.holdfast.internal.v1.StreamOperation;
import io.holdfast.internal.v1.StreamResult;
import io.holdfast.internal.v1.StreamSeek;
import io.holdfast.internal.v1.StreamTopics;
import io.holdfast.v1.HeartbeatRequest;
import io.holdfast.v1.HeartbeatResponse;
import io.holdfast.v1.Start;
import io.holdfast.v1.StreamConfig;
import io.holdfast.v1.TopicPartition;
import java.util.ArrayList;
import java.util.Collection;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.Objects;
import java.util.Random;
import java.util.Set;
import java.util.TreeMap;
import org.jspecify.annotations.Nullable;

/** For {@link StreamGroupSimulationTest}: one group on a virtual clock. */
final class StreamWorld implements TopicSource {
    private static final String GROUP = "g";
    private static final long SESSION_MS = 2_000;
    private static final StreamConfig CONFIG = StreamConfig.newBuilder()
            .setStart(Start.newBuilder().setLatest(true))
            .setSessionTimeout(Durations.fromMillis(SESSION_MS))
            .setRebalanceTimeout(Durations.fromMillis(10_000))
            .build();

    private final Random random;
    private final Map<String, Topic> topics = new TreeMap<>();
    private long nextTopicId = 1;
    private StreamGroupTable table = new StreamGroupTable();
    private final StreamGroupTable follower = new StreamGroupTable();
    private final Map<String, Long> heardMs = new HashMap<>();
    private final List<Client> clients = new ArrayList<>();
    private final List<Runnable> network = new ArrayList<>();
    private final Subscriptions subscriptions = new Subscriptions(this);
    private long nowMs;
    private long term = 1;
    private int names;
    private boolean isCalm;
    private int commits;

    /** A process that is, over time, several members. */
    private final class Client {
        final String instance;
        /** Does not join anew when its session is over, but waits for what a heartbeat says. */
        final boolean patient = random.nextBoolean();

        List<String> subscription = List.of("t*");
        String id = "";
        boolean isStopped = true;
        long validUntilMs;
        long seenVersion;
        int request;
        /** In hand: ownership epochs, by partition. */
        final Map<TopicPartition, Long> held = new HashMap<>();
        /** In hand, and to be let go of. */
        final List<TopicPartition> dropping = new ArrayList<>();

        Client(String instance) {
            this.instance = instance;
        }

        void join() {
            isStopped = false;
            id = "m" + names++;
            seenVersion = 0;
            validUntilMs = nowMs + SESSION_MS;
            held.clear();
            dropping.clear();
        }

        void beat() {
            HeartbeatRequest.Builder beat = HeartbeatRequest.newBuilder()
                    .setGroup(GROUP)
                    .setMemberId(id)
                    .setJoin(seenVersion == 0)
                    .addAllTopics(subscription)
                    .setInstanceId(instance)
                    .setSeenVersion(seenVersion);
            held.forEach((partition, epoch) ->
                    beat.addOwnedBuilder().setPartition(partition).setOwnershipEpoch(epoch));
            HeartbeatRequest sent = beat.build();
            String me = id;
            int mine = ++request;
            long sentMs = nowMs;
            network.add(() -> answer(sent, response -> network.add(() -> heard(me, mine, sentMs, response))));
        }

        /** An answer to anything but the last request comes too late. */
        void heard(String member, int to, long sentMs, @Nullable HeartbeatResponse response) {
            if (isStopped || !member.equals(id) || to != request) {
                return;
            }
            request++; // a second copy of it is late, too
            if (response == null) {
                dropAll();
                join();
                return;
            }
            validUntilMs = Math.max(validUntilMs, sentMs + SESSION_MS);
            seenVersion = response.getVersion();
            Map<TopicPartition, Long> mine = new HashMap<>();
            response.getAssignedList()
                    .forEach(one -> mine.put(
                            one.getOwnership().getPartition(),
                            one.getOwnership().getOwnershipEpoch()));
            for (Map.Entry<TopicPartition, Long> has : held.entrySet()) {
                if (!has.getValue().equals(mine.get(has.getKey())) && !dropping.contains(has.getKey())) {
                    dropping.add(has.getKey());
                }
            }
            mine.forEach((partition, epoch) -> {
                if (!held.containsKey(partition)) {
                    held.put(partition, epoch);
                }
            });
        }

        void dropOne() {
            if (!dropping.isEmpty()) {
                held.remove(dropping.remove(random.nextInt(dropping.size())));
            }
        }

        void dropAll() {
            held.clear();
            dropping.clear();
        }

        void commit() {
            StreamGroupState state = table.state(GROUP);
            if (state == null || held.isEmpty()) {
                return;
            }
            List<TopicPartition> all = new ArrayList<>(held.keySet());
            TopicPartition partition = all.get(random.nextInt(all.size()));
            Topic topic = topics.get(partition.getTopic());
            long epoch = held.get(partition);
            boolean mustSucceed = topic != null
                    && state.heldBy(id).stream()
                            .anyMatch(one -> one.name().equals(new PartitionName(topic.id(), partition.getPartition()))
                                    && one.epoch() == epoch);
            StreamResult result = apply(StreamOperation.newBuilder()
                    .setGroup(GROUP)
                    .setCommit(StreamCommit.newBuilder()
                            .setMember(id)
                            .addOwnerships(OwnedPartition.newBuilder()
                                    .setTopicId(topic == null ? 0 : topic.id())
                                    .setPartition(partition.getPartition())
                                    .setOwnershipEpoch(epoch))
                            .addOffsets(random.nextInt(1000)))
                    .build());
            if (mustSucceed) {
                commits++;
                assertThat(result.getRefusedCount()).as("refused").isZero();
            }
        }

        void leave(boolean keepPlace) {
            dropAll();
            isStopped = true;
            String me = id;
            network.add(() -> apply(StreamOperation.newBuilder()
                    .setGroup(GROUP)
                    .setLeave(StreamLeave.newBuilder().setMember(me).setKeepPlace(keepPlace))
                    .build()));
        }
    }

    StreamWorld(long seed) {
        random = new Random(seed);
        addTopic();
        for (int i = 0; i < 4; i++) {
            clients.add(new Client(i < 2 ? "static" : "")); // of two with one name, one has to wait
        }
    }

    int commits() {
        return commits;
    }

    void step() {
        Client client = clients.get(random.nextInt(clients.size()));
        switch (random.nextInt(20)) {
            case 0, 1, 2, 3, 4, 5 -> deliver(random.nextInt(Math.max(1, network.size())));
            case 6, 7 -> nowMs += random.nextInt(120);
            case 8, 9, 10, 11 -> act(client);
            case 12, 13 -> client.dropOne();
            case 14, 15 -> client.commit();
            case 16 -> rare(client);
            case 17 -> duplicate();
            default -> lead();
        }
        expireClients();
        check();
    }

    private void act(Client client) {
        if (client.isStopped) {
            client.join();
        }
        client.beat();
    }

    private void rare(Client client) {
        switch (random.nextInt(10)) {
            case 0 -> addTopic();
            case 1 -> {
                if (topics.size() > 1) {
                    topics.remove(topics.keySet().iterator().next());
                }
            }
            case 2 -> client.subscription = subscription();
            case 8 -> {
                List<String> same = subscription();
                clients.forEach(one -> one.subscription = same);
            }
            case 3 -> client.leave(random.nextBoolean());
            case 4 -> { // killed
                client.dropAll();
                client.isStopped = true;
            }
            case 5 -> seek();
            case 6 -> { // another leader
                term++;
                heardMs.clear();
                StreamGroupTable loaded = new StreamGroupTable();
                loaded.load(rows(table));
                table = loaded;
            }
            case 7 -> {
                if (!network.isEmpty()) {
                    network.remove(random.nextInt(network.size()));
                }
            }
            default -> {
                // nothing
            }
        }
    }

    private List<String> subscription() {
        return random.nextBoolean() ? List.of("t*") : List.of("t1*", "t2*");
    }

    private void addTopic() {
        String name = "t" + nextTopicId;
        topics.put(name, new Topic(nextTopicId++, name, 1 + random.nextInt(5)));
    }

    private void seek() {
        Topic topic = topics.values().iterator().next();
        apply(StreamOperation.newBuilder()
                .setGroup(GROUP)
                .setSeek(StreamSeek.newBuilder()
                        .addOffsets(OffsetRow.newBuilder()
                                .setTopicId(topic.id())
                                .setPartition(random.nextInt(topic.partitions()))
                                .setOffset(random.nextInt(1000))))
                .build());
    }

    private void deliver(int which) {
        if (!network.isEmpty()) {
            network.remove(which).run();
        }
    }

    private void duplicate() {
        if (!network.isEmpty()) {
            network.add(network.get(random.nextInt(network.size())));
        }
    }

    // ---- the leader

    private interface Hearing {
        void hear(@Nullable HeartbeatResponse response);
    }

    private void answer(HeartbeatRequest request, Hearing to) {
        long receivedMs = nowMs;
        Heartbeat heartbeat = new Heartbeat(request, CONFIG, receivedMs, System.nanoTime());
        try {
            StreamOperation needed = heartbeat.needs(table, this);
            while (needed != null) {
                if (apply(needed).getInstanceInUse()) {
                    return; // it will ask again
                }
                needed = heartbeat.needs(table, this);
            }
        } catch (Refusal e) {
            to.hear(null);
            return;
        }
        heardMs.merge(request.getMemberId(), receivedMs, Math::max);
        if (isCalm || random.nextInt(4) > 0) {
            to.hear(heartbeat.answer(table));
        }
    }

    /** A round of what the coordinator does by itself. */
    private void lead() {
        StreamGroupState state = table.state(GROUP);
        if (state == null) {
            return;
        }
        for (Member member : List.copyOf(state.members())) {
            long heard = heardMs.computeIfAbsent(member.id(), m -> nowMs);
            if (nowMs - heard > SESSION_MS) {
                apply(StreamOperation.newBuilder()
                        .setGroup(GROUP)
                        .setLeave(
                                StreamLeave.newBuilder().setMember(member.id()).setTerm(term))
                        .build());
            }
        }
        StreamTopics changed = subscriptions.change(state);
        if (changed != null) {
            apply(StreamOperation.newBuilder()
                    .setGroup(GROUP)
                    .setTopics(changed)
                    .build());
        } else if (state.isUnassigned()) {
            apply(StreamOperation.newBuilder()
                    .setGroup(GROUP)
                    .setAssign(subscriptions.problem(state).solve())
                    .build());
        }
    }

    private StreamResult apply(StreamOperation operation) {
        StreamCommand command =
                StreamCommand.newBuilder().addOperations(operation).build();
        StreamResult result = table.apply(command, term, nowMs).get(0);
        if (random.nextInt(10) == 0) { // it restarts
            List<StreamGroupRow> stored = rows(follower);
            follower.load(stored);
        }
        assertThat(follower.apply(command, term, nowMs).get(0))
                .as("on the follower")
                .isEqualTo(result);
        assertThat(rows(follower)).as("on the follower").isEqualTo(rows(table));
        return result;
    }

    private static List<StreamGroupRow> rows(StreamGroupTable of) {
        StreamGroupRow row = of.row(GROUP);
        return row == null ? List.of() : List.of(row);
    }

    // ---- what must hold

    private void expireClients() {
        for (Client client : clients) {
            if (!client.isStopped && nowMs >= client.validUntilMs) {
                client.dropAll();
                if (!client.patient) {
                    client.join();
                }
            }
        }
    }

    private void check() {
        Map<TopicPartition, String> holders = new HashMap<>();
        for (Client client : clients) {
            for (TopicPartition partition : client.held.keySet()) {
                String other = holders.put(partition, client.id);
                assertThat(other)
                        .as("holder of %s besides %s", partition, client.id)
                        .isNull();
            }
        }
    }

    /** Nothing is lost any more, nobody comes or goes: everything finds its owner. */
    void calm() {
        isCalm = true;
        network.clear();
        for (int round = 0; round < 60; round++) {
            nowMs += SESSION_MS / 4;
            for (Client client : clients) {
                act(client);
                while (!network.isEmpty()) {
                    deliver(0);
                }
                while (!client.dropping.isEmpty()) {
                    client.dropOne();
                }
            }
            lead();
            lead();
            expireClients();
            check();
        }
        StreamGroupState state = Objects.requireNonNull(table.state(GROUP));
        Map<TopicPartition, Client> holders = new HashMap<>();
        clients.forEach(client -> client.held.keySet().forEach(partition -> holders.put(partition, client)));
        for (Topic topic : topics.values()) {
            for (int p = 0; p < topic.partitions(); p++) {
                TopicPartition partition = TopicPartition.newBuilder()
                        .setTopic(topic.name())
                        .setPartition(p)
                        .build();
                boolean wanted = clients.stream() // that are members; one may wait for its name
                        .map(client -> state.member(client.id))
                        .anyMatch(member -> member != null && member.subscribes(topic.name()));
                assertThat(holders.containsKey(partition))
                        .as("%s is in hand at the end", partition)
                        .isEqualTo(wanted);
            }
        }
    }

    // ---- topics

    @Override
    public @Nullable Topic topic(String name) {
        return topics.get(name);
    }

    @Override
    public Collection<Topic> topicsWithPrefix(String prefix) {
        return topics.values().stream()
                .filter(topic -> topic.name().startsWith(prefix))
                .toList();
    }

    @Override
    public Set<String> racks(Topic topic, int partition) {
        return Set.of();
    }

    @Override
    public Map<Integer, Parent> parents(Topic topic) {
        return Map.of();
    }

    @Override
    public boolean isDeleted(long topicId) {
        return topics.values().stream().noneMatch(topic -> topic.id() == topicId);
    }

    @Override
    public long nextTopicId() {
        return nextTopicId;
    }
}
