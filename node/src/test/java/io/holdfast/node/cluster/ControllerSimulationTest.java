package io.holdfast.node.cluster;

import static org.assertj.core.api.Assertions.assertThat;

import io.holdfast.consensus.metadata.MetadataCommands;
import io.holdfast.consensus.metadata.MetadataImage;
import io.holdfast.consensus.raft.GroupId;
import io.holdfast.consensus.raft.MemberStep;
import io.holdfast.consensus.raft.Peer;
import io.holdfast.internal.v1.ChangeReplicasCommand;
import io.holdfast.internal.v1.ConfirmReplicasCommand;
import io.holdfast.internal.v1.ConfirmedReplicas;
import io.holdfast.internal.v1.CreateTopicCommand;
import io.holdfast.internal.v1.MetadataCommand;
import io.holdfast.internal.v1.MetadataReply;
import io.holdfast.internal.v1.NodeRow;
import io.holdfast.internal.v1.PartitionAssignment;
import io.holdfast.internal.v1.RegisterNodeCommand;
import io.holdfast.internal.v1.RemoveNodeCommand;
import io.holdfast.internal.v1.ReplicaChange;
import io.holdfast.internal.v1.SetNodeStateCommand;
import io.holdfast.internal.v1.TopicRow;
import io.holdfast.node.placement.Placement;
import io.holdfast.node.placement.PlannedChange;
import io.holdfast.node.placement.Planner;
import io.holdfast.v1.NodeState;
import java.io.IOException;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.HashSet;
import java.util.List;
import java.util.Map;
import java.util.Random;
import java.util.Set;
import java.util.TreeMap;
import org.junit.jupiter.api.Test;

/**
 * A cluster of up to hundreds of nodes on a virtual clock: the real metadata commands, the real planner, the real steps
 * of members, and a model of everything else. Nodes stop and come back, learn of the metadata late, controllers and
 * leaders act on what they knew a while ago, commands get lost, come twice and late. After each step: no member of a
 * group has deleted what it had, and whatever a group has acknowledged is with a majority of its members. In the end:
 * nobody has anything who should not, all are balanced, and those removed are gone.
 */
class ControllerSimulationTest {
    private static final int SEEDS = Integer.getInteger("holdfast.seeds", 80);
    private static final int STEPS = 400;
    /** Little and long: there several things have to go wrong with the same partition. */
    private static final int STEPS_LONG = 4_000;
    /** A leader reads, hands over, the next one reads, then something is to be seen. */
    private static final int QUIET_ROUNDS = 6;

    private static final int ROUNDS_MAX = 5_000;

    @Test
    void nothingIsLostAndEverythingArrives() throws IOException {
        for (int seed = 0; seed < SEEDS; seed++) {
            if (seed % 4 == 0) {
                new World(seed, 5, 1, 6).run(STEPS_LONG);
            } else if (seed % 50 == 49) {
                new World(seed, 120, 300, 200).run(STEPS);
            } else {
                new World(seed, 3 + seed % 6, 1 + seed % 8, 20).run(STEPS);
            }
        }
    }

    private static final class World {
        private final int seed;
        private final Random random;
        private final int nodesMax;
        private final List<MetadataImage> history = new ArrayList<>();
        private final Map<Integer, Machine> nodes = new TreeMap<>();
        private final List<Group> groups = new ArrayList<>();
        private final List<MetadataCommand> onTheWay = new ArrayList<>();
        private final Set<Integer> toGo = new HashSet<>();
        private int controllerKnows;
        private long time;
        private long records;

        World(int seed, int nodeCount, int partitions, int nodesMax) throws IOException {
            this.seed = seed;
            this.nodesMax = nodesMax;
            this.random = new Random(seed);
            history.add(MetadataImage.EMPTY);
            for (int id = 1; id <= nodeCount; id++) {
                addNode(id);
            }
            int replicas = random.nextInt(4) == 0 ? 1 : 3;
            List<PartitionAssignment> placed = Placement.place(now().nodes().values(), List.of(), partitions, replicas);
            commit(MetadataCommand.newBuilder()
                    .setCreateTopic(CreateTopicCommand.newBuilder()
                            .setName("t")
                            .setReplicas(replicas)
                            .addAllAssignments(placed))
                    .build());
            for (int p = 0; p < partitions; p++) {
                groups.add(new Group(
                        GroupId.ofPartition(1, p), new HashSet<>(placed.get(p).getReplicaNodesList())));
                for (int node : placed.get(p).getReplicaNodesList()) {
                    machine(node).replicas.put(groups.get(p), new HashSet<>());
                }
            }
        }

        void run(int steps) throws IOException {
            for (int i = 0; i < steps; i++) {
                time++;
                step();
                check();
            }
            settle();
            checkEnd();
        }

        private void step() throws IOException {
            switch (random.nextInt(12)) {
                case 0 -> operator();
                case 1 -> {
                    Machine node = anyNode();
                    if (node.up) {
                        node.up = upCount() <= nodes.size() / 2 + 1;
                    } else {
                        node.restart();
                    }
                    node.givenUp = !node.up && random.nextInt(3) == 0;
                }
                case 2 -> controller();
                case 3, 4 -> deliver();
                case 5, 6 -> anyNode().learn(random.nextInt(3) + 1);
                case 7 -> anyNode().reconcile();
                case 8 -> anyGroup().write();
                case 9 -> anyGroup().elect();
                default -> anyGroup().lead(anyNode());
            }
        }

        // ---- the operator and the controller

        private void operator() throws IOException {
            if (random.nextInt(4) == 0 && nodes.size() < nodesMax) {
                addNode(nodes.keySet().stream().max(Integer::compare).orElse(0) + 1);
                return;
            }
            int node = anyNode().id;
            if (!now().nodes().containsKey(node)) {
                return;
            }
            NodeState state = List.of(
                            NodeState.NODE_STATE_ACTIVE,
                            NodeState.NODE_STATE_CORDONED,
                            NodeState.NODE_STATE_DRAINING,
                            NodeState.NODE_STATE_REMOVING)
                    .get(random.nextInt(4));
            commit(MetadataCommand.newBuilder()
                    .setSetNodeState(
                            SetNodeStateCommand.newBuilder().setNodeId(node).setState(state))
                    .build());
        }

        /** One that may know less than there is, as one does that was just elected, or deposed. */
        private void controller() {
            controllerKnows = Math.max(controllerKnows, history.size() - 1 - random.nextInt(4));
            plan(history.get(Math.min(controllerKnows, history.size() - 1)));
        }

        private void plan(MetadataImage image) {
            List<PlannedChange> changes = Planner.next(
                    ClusterPlans.nodes(
                            image, id -> !machine(id).up, id -> machine(id).givenUp ? "it does not answer" : ""),
                    ClusterPlans.partitions(image, group -> Set.of()),
                    8);
            ChangeReplicasCommand.Builder command = ChangeReplicasCommand.newBuilder();
            changes.forEach(change -> command.addChanges(ReplicaChange.newBuilder()
                    .setTopicId(change.topicId())
                    .setPartition(change.partition())
                    .addAllExpectedNodes(change.from())
                    .addAllReplicaNodes(change.to())
                    .setReason(change.reason())));
            if (!changes.isEmpty()) {
                onTheWay.add(
                        MetadataCommand.newBuilder().setChangeReplicas(command).build());
            }
            for (int node : image.nodes().keySet()) {
                if (image.clusterNodes().state(node) == NodeState.NODE_STATE_REMOVING && !image.isUsed(node)) {
                    onTheWay.add(MetadataCommand.newBuilder()
                            .setRemoveNode(RemoveNodeCommand.newBuilder().setNodeId(node))
                            .build());
                }
            }
        }

        /** Of the commands under way any one arrives, or is lost, or arrives and is sent again. */
        private void deliver() throws IOException {
            if (onTheWay.isEmpty()) {
                return;
            }
            int which = random.nextInt(onTheWay.size());
            int fate = random.nextInt(10);
            if (fate > 0) {
                commit(onTheWay.get(which));
            }
            if (fate < 9) {
                onTheWay.remove(which);
            }
        }

        private void commit(MetadataCommand command) throws IOException {
            MetadataImage after =
                    MetadataCommands.apply(now(), history.size(), time, command, MetadataReply.newBuilder());
            history.add(after);
        }

        private MetadataImage now() {
            return history.get(history.size() - 1);
        }

        private void addNode(int id) throws IOException {
            nodes.put(id, new Machine(id));
            commit(MetadataCommand.newBuilder()
                    .setRegisterNode(RegisterNodeCommand.newBuilder()
                            .setNode(NodeRow.newBuilder()
                                    .setNodeId(id)
                                    .setIncarnation("i")
                                    .setApiAddress("h" + id + ":1")
                                    .setRaftAddress("h" + id + ":2")))
                    .build());
        }

        // ---- nodes

        private final class Machine {
            final int id;
            final Map<Group, Set<Long>> replicas = new HashMap<>();
            boolean up = true;
            boolean givenUp;
            int knows;

            Machine(int id) {
                this.id = id;
            }

            MetadataImage image() {
                return history.get(knows);
            }

            /** From its last checkpoint: it knows less than before. */
            void restart() {
                up = true;
                knows = Math.max(0, knows - random.nextInt(10));
            }

            void learn(int more) {
                if (up) {
                    knows = Math.min(history.size() - 1, knows + more * 3);
                }
            }

            /** As ReplicaReconciler: adds what is assigned, retires what is not, after another look. */
            void reconcile() {
                if (!up) {
                    return;
                }
                for (Group group : groups) {
                    if (Wanted.of(image(), group.id).members().stream().anyMatch(peer -> peer.nodeId() == id)) {
                        replicas.computeIfAbsent(group, g -> new HashSet<>());
                    } else if (replicas.containsKey(group) && !image().needs(group.id, id)) {
                        retire(group);
                    }
                }
            }

            private void retire(Group group) {
                if (!now().needs(group.id, id)) {
                    assertThat(group.members)
                            .as("seed %d: node %d deletes its replica of %s", seed, id, group.id)
                            .doesNotContain(id);
                    replicas.remove(group);
                }
            }
        }

        // ---- Raft groups

        /** What Raft promises of a group, and no more: one leader a term, committed changes of members, a log. */
        private final class Group {
            final GroupId id;
            Set<Integer> members;
            final Set<Long> acknowledged = new HashSet<>();
            long term;
            int leader;
            /** Nodes that think they lead, with the term; at most one of them is right. */
            final Map<Integer, Long> believers = new HashMap<>();
            /** Term and metadata version of what a leader has read since it leads. */
            final Map<Integer, long[]> fresh = new HashMap<>();

            Step step;

            Group(GroupId id, Set<Integer> members) {
                this.id = id;
                this.members = members;
            }

            /** A majority of the members that are up make the one leader that has everything. */
            void elect() {
                List<Integer> able = new ArrayList<>();
                members.forEach(node -> {
                    if (machine(node).up && data(node) != null) {
                        able.add(node);
                    }
                });
                if (2 * able.size() <= members.size()) {
                    return;
                }
                List<Integer> complete = able.stream()
                        .filter(node -> has(node).containsAll(acknowledged))
                        .toList();
                assertThat(complete)
                        .as("seed %d: %s lost what it acknowledged", seed, id)
                        .isNotEmpty();
                win(complete.get(random.nextInt(complete.size())));
            }

            void win(int node) {
                term++;
                leader = node;
                believers.put(node, term);
                step = null;
            }

            boolean reigns() {
                return leader != 0
                        && members.contains(leader)
                        && machine(leader).up
                        && 2 * members.stream().filter(this::answers).count() > members.size();
            }

            boolean answers(int node) {
                return machine(node).up && data(node) != null;
            }

            void write() {
                if (!reigns()) {
                    return;
                }
                long record = ++records;
                has(leader).add(record);
                int copies = 1;
                for (int node : members) {
                    if (node != leader && answers(node) && random.nextInt(3) > 0) {
                        has(node).addAll(has(leader));
                        copies++;
                    }
                }
                if (2 * copies > members.size()) {
                    acknowledged.addAll(has(leader));
                }
            }

            /** As MemberChanges on one node, which may only believe that it leads. */
            void lead(Machine node) {
                Long since = believers.get(node.id);
                if (since == null || !node.up) {
                    return;
                }
                boolean right = since == term && leader == node.id && reigns();
                if (right && step != null) {
                    step.goOn();
                    return;
                }
                Wanted wanted = Wanted.of(node.image(), id);
                Set<Integer> desired = new HashSet<>();
                wanted.members().forEach(peer -> desired.add(peer.nodeId()));
                if (desired.isEmpty()) {
                    return;
                }
                if (!desired.equals(members)) {
                    long[] read = fresh.get(node.id);
                    if (read == null || read[0] != since) {
                        fresh.put(node.id, new long[] {since, history.size() - 1});
                    } else if (node.knows >= read[1] && right) {
                        begin(wanted.members());
                    }
                } else if (wanted.unconfirmedChange() != 0 && right) {
                    onTheWay.add(MetadataCommand.newBuilder()
                            .setConfirmReplicas(ConfirmReplicasCommand.newBuilder()
                                    .addConfirmed(ConfirmedReplicas.newBuilder()
                                            .setTopicId(id.topicId())
                                            .setPartition(id.partition())
                                            .setChange(wanted.unconfirmedChange())))
                            .build());
                }
            }

            private void begin(List<Peer> desired) {
                if (desired.stream().noneMatch(peer -> peer.nodeId() == leader)) {
                    for (Peer heir : desired) {
                        if (members.contains(heir.nodeId())
                                && answers(heir.nodeId())
                                && has(heir.nodeId()).containsAll(acknowledged)) {
                            win(heir.nodeId());
                            return;
                        }
                    }
                }
                List<Peer> now = new ArrayList<>();
                members.forEach(node -> now.add(peer(node)));
                step = new Step(MemberStep.next(now, desired, peer(leader)));
            }

            /**
             * A change of members that the leader has begun. Whoever has the entry on disk has said so, and is counted,
             * whatever becomes of it until enough others have.
             */
            private final class Step {
                final Set<Integer> next = new HashSet<>();
                final Set<Integer> agreed = new HashSet<>();
                boolean isStaged;

                Step(List<Peer> next) {
                    next.forEach(peer -> this.next.add(peer.nodeId()));
                    agreed.add(leader);
                }

                void goOn() {
                    Set<Integer> coming = new HashSet<>(next);
                    coming.removeAll(members);
                    if (!isStaged) {
                        // Those who come get everything first; where one does not answer, nothing happens.
                        if (coming.stream().allMatch(Group.this::answers)) {
                            coming.forEach(node -> has(node).addAll(has(leader)));
                            isStaged = true;
                        } else {
                            step = null;
                        }
                        return;
                    }
                    Set<Integer> others = new HashSet<>(next);
                    others.addAll(members);
                    others.removeIf(node -> agreed.contains(node) || !answers(node) || random.nextBoolean());
                    for (int node : others) {
                        has(node).addAll(has(leader));
                        agreed.add(node);
                    }
                    if (isMajority(members) && isMajority(next)) {
                        step = null;
                        members = next;
                    }
                }

                private boolean isMajority(Set<Integer> of) {
                    return 2 * of.stream().filter(agreed::contains).count() > of.size();
                }
            }

            private Set<Long> data(int node) {
                return machine(node).replicas.get(this);
            }

            private Set<Long> has(int node) {
                Set<Long> data = data(node);
                assertThat(data)
                        .as("seed %d: member %d of %s has nothing", seed, node, id)
                        .isNotNull();
                return data;
            }
        }

        // ---- what must hold

        private void check() {
            for (Group group : groups) {
                Set<Integer> members = group.members;
                for (int node : members) {
                    assertThat(group.data(node))
                            .as("seed %d: member %d of %s still has what it had", seed, node, group.id)
                            .isNotNull();
                    assertThat(now().needs(group.id, node))
                            .as("seed %d: the metadata know of member %d of %s", seed, node, group.id)
                            .isTrue();
                }
                for (long record : group.acknowledged) {
                    long copies = members.stream()
                            .filter(node ->
                                    group.data(node) != null && group.has(node).contains(record))
                            .count();
                    assertThat(2 * copies)
                            .as("seed %d: %s keeps record %d on a majority of %s", seed, group.id, record, members)
                            .isGreaterThan(members.size());
                }
            }
        }

        /** Everybody is well and does what is to be done, until nothing is left to do. */
        private void settle() throws IOException {
            nodes.values().forEach(node -> {
                node.up = true;
                node.givenUp = false;
            });
            onTheWay.clear();
            int replicas = now().topics().get("t").getReplicas();
            // As many nodes stay as are needed.
            for (int node : List.copyOf(now().nodes().keySet())) {
                long taking = now().nodes().keySet().stream()
                        .filter(id -> now().clusterNodes().state(id) == NodeState.NODE_STATE_ACTIVE)
                        .count();
                if (taking < replicas || now().clusterNodes().state(node) == NodeState.NODE_STATE_CORDONED) {
                    commit(MetadataCommand.newBuilder()
                            .setSetNodeState(SetNodeStateCommand.newBuilder()
                                    .setNodeId(node)
                                    .setState(NodeState.NODE_STATE_ACTIVE))
                            .build());
                }
            }
            now().nodes().keySet().forEach(node -> {
                if (now().clusterNodes().state(node) == NodeState.NODE_STATE_REMOVING) {
                    toGo.add(node);
                }
            });
            int quiet = 0;
            for (int round = 0; quiet < QUIET_ROUNDS; round++) {
                assertThat(round).as("seed %d: rounds until all is done", seed).isLessThan(ROUNDS_MAX);
                int before = history.size();
                plan(now());
                while (!onTheWay.isEmpty()) {
                    commit(onTheWay.remove(0));
                }
                for (Machine node : nodes.values()) {
                    node.knows = history.size() - 1;
                    node.reconcile();
                }
                boolean moved = false;
                for (Group group : groups) {
                    if (!group.reigns()) {
                        group.elect();
                    }
                    Set<Integer> members = group.members;
                    group.lead(machine(group.leader));
                    moved |= !members.equals(group.members) || group.step != null;
                }
                check();
                quiet = history.size() == before && !moved && onTheWay.isEmpty() ? quiet + 1 : 0;
            }
        }

        private void checkEnd() {
            MetadataImage image = now();
            assertThat(toGo)
                    .as(
                            "seed %d: of those that shall go some are there: %s",
                            seed, image.nodes().keySet())
                    .noneMatch(image.nodes()::containsKey);
            Map<Integer, Integer> loads = new HashMap<>();
            TopicRow topic = image.topics().get("t");
            for (Group group : groups) {
                PartitionAssignment assignment = topic.getAssignments(group.id.partition());
                Set<Integer> wanted = new HashSet<>(assignment.getReplicaNodesList());
                assertThat(group.members)
                        .as("seed %d: members of %s", seed, group.id)
                        .isEqualTo(wanted);
                assertThat(wanted).hasSize(topic.getReplicas());
                assertThat(assignment.getLeavingNodesList()).isEmpty();
                for (int node : wanted) {
                    assertThat(image.clusterNodes().state(node)).isEqualTo(NodeState.NODE_STATE_ACTIVE);
                    loads.merge(node, 1, Integer::sum);
                }
                nodes.values()
                        .forEach(node -> assertThat(node.replicas.containsKey(group))
                                .as("seed %d: node %d has a replica of %s", seed, node.id, group.id)
                                .isEqualTo(wanted.contains(node.id)));
            }
            int most = 0;
            int least = Integer.MAX_VALUE;
            for (int node : image.nodes().keySet()) {
                if (image.clusterNodes().state(node) == NodeState.NODE_STATE_ACTIVE) {
                    most = Math.max(most, loads.getOrDefault(node, 0));
                    least = Math.min(least, loads.getOrDefault(node, 0));
                }
            }
            assertThat(most - least).as("seed %d: balance of %s", seed, loads).isLessThanOrEqualTo(1);
        }

        // ---- choices

        private long upCount() {
            return nodes.values().stream().filter(node -> node.up).count();
        }

        private Machine machine(int id) {
            Machine machine = nodes.get(id);
            return machine == null ? new Machine(id) : machine;
        }

        private Machine anyNode() {
            List<Integer> ids = List.copyOf(nodes.keySet());
            return machine(ids.get(random.nextInt(ids.size())));
        }

        private Group anyGroup() {
            return groups.get(random.nextInt(groups.size()));
        }

        private static Peer peer(int node) {
            return new Peer(node, "i", "h" + node + ":2");
        }
    }
}
