package io.holdfast.consensus.metadata;

import static org.assertj.core.api.Assertions.assertThat;

import io.holdfast.consensus.raft.GroupId;
import io.holdfast.consensus.raft.RaftBytes;
import io.holdfast.consensus.raft.Silent;
import io.holdfast.internal.v1.AllocateProducerIdsCommand;
import io.holdfast.internal.v1.CreateTopicCommand;
import io.holdfast.internal.v1.DeleteTopicCommand;
import io.holdfast.internal.v1.FollowMetadataResponse;
import io.holdfast.internal.v1.MetadataCommand;
import io.holdfast.internal.v1.MetadataImageRow;
import io.holdfast.internal.v1.MetadataReply;
import io.holdfast.internal.v1.NodeRow;
import io.holdfast.internal.v1.PartitionAssignment;
import io.holdfast.internal.v1.RegisterNodeCommand;
import io.holdfast.storage.state.StateTables;
import java.io.IOException;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Objects;
import java.util.Random;
import org.apache.ratis.proto.RaftProtos.LogEntryProto;
import org.apache.ratis.proto.RaftProtos.StateMachineLogEntryProto;
import org.apache.ratis.protocol.Message;
import org.apache.ratis.statemachine.TransactionContext;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/**
 * A node that follows several voters, each somewhere else in the history: answers come late, twice, in any order or never,
 * voters start anew with no commands, the node is killed. What it has is always the metadata as they were at some index, and
 * that index never goes back while it runs.
 */
class FollowedMetadataTest {
    private static final int SEEDS = Integer.getInteger("holdfast.seeds", 3);
    private static final long SEED = Long.getLong("holdfast.seed", 1);
    private static final int COMMANDS = 4_000;
    private static final int VOTERS = 3;

    @TempDir
    private Path directory;

    private StateTables tables;

    @BeforeEach
    void open() throws IOException {
        tables = StateTables.open(directory.resolve("state"), directory.resolve("native"));
    }

    @AfterEach
    void close() throws IOException {
        tables.close();
    }

    @Test
    void shouldHaveThePastOfTheVotersWhateverHappens() throws IOException {
        for (long seed = SEED; seed < SEED + SEEDS; seed++) {
            tables.close();
            tables = StateTables.open(directory.resolve("state-" + seed), directory.resolve("native"));
            new World(new Random(seed), tables).play("seed " + seed);
        }
    }

    @Test
    void shouldKnowNoLeaderThatItHasNotHeardOfForAWhile() throws IOException {
        long[] now = {0};
        FollowedMetadata node = new FollowedMetadata(tables, () -> now[0], image -> {});
        node.take(FollowMetadataResponse.newBuilder().setLeaderNode(2).build());
        assertThat(node.leaderNode()).isEqualTo(2);
        now[0] = 4_000_000_000L;
        assertThat(node.leaderNode()).isZero();
    }

    @Test
    void shouldBelieveTheLatestOfWhatVotersSayOfWhoVotes() throws IOException {
        FollowedMetadata node = new FollowedMetadata(tables, () -> 0, image -> {});
        node.take(voters(7, 1, 2, 3));
        node.take(voters(5, 1, 2, 4));
        assertThat(node.voters()).extracting("nodeId").containsExactly(1, 2, 3);
        assertThat(node.votersIndex()).isEqualTo(7);
    }

    private static FollowMetadataResponse voters(long index, int... nodes) {
        FollowMetadataResponse.Builder answer =
                FollowMetadataResponse.newBuilder().setVotersIndex(index);
        for (int node : nodes) {
            answer.addVoters(NodeRow.newBuilder().setNodeId(node).setIncarnation("a"));
        }
        return answer.build();
    }

    private static final class World {
        private final Random random;
        private final StateTables tables;
        private final List<MetadataCommand> history = new ArrayList<>();
        /** By the number of commands applied. */
        private final List<MetadataImage> images = new ArrayList<>(List.of(MetadataImage.EMPTY));

        private final MetadataMachine[] voters = new MetadataMachine[VOTERS];
        private final List<FollowMetadataResponse> underWay = new ArrayList<>();
        private FollowedMetadata node;
        private long nanos;
        private long lastIndex;
        private int whole;

        World(Random random, StateTables tables) throws IOException {
            this.random = random;
            this.tables = tables;
            for (int i = 1; i <= COMMANDS; i++) {
                MetadataCommand command = command(i);
                history.add(command);
                images.add(MetadataCommands.apply(
                        images.get(i - 1), i, command.getNowMs(), command, MetadataReply.newBuilder()));
            }
            for (int i = 0; i < VOTERS; i++) {
                voters[i] = machine();
            }
            node = start();
        }

        private MetadataCommand command(int i) {
            MetadataCommand.Builder command = MetadataCommand.newBuilder().setNowMs(i);
            String topic = "t" + random.nextInt(5);
            return switch (random.nextInt(4)) {
                case 0 ->
                    command.setRegisterNode(RegisterNodeCommand.newBuilder()
                                    .setNode(NodeRow.newBuilder()
                                            .setNodeId(1 + random.nextInt(3))
                                            .setIncarnation("a")
                                            .setApiAddress("h:" + i)))
                            .build();
                case 1 ->
                    command.setCreateTopic(CreateTopicCommand.newBuilder()
                                    .setName(topic)
                                    .setReplicas(1)
                                    .addAssignments(
                                            PartitionAssignment.newBuilder().addReplicaNodes(1)))
                            .build();
                case 2 ->
                    command.setDeleteTopic(DeleteTopicCommand.newBuilder().setName(topic))
                            .build();
                default ->
                    command.setAllocateProducerIds(
                                    AllocateProducerIdsCommand.newBuilder().setCount(i))
                            .build();
            };
        }

        private MetadataMachine machine() {
            return new MetadataMachine(
                    tables,
                    (from, group, minIndex, part) -> {
                        throw new UnsupportedOperationException();
                    },
                    new Silent() {
                        @Override
                        public void onDamage(GroupId group, String reason) {
                            throw new AssertionError(reason);
                        }
                    },
                    Runnable::run,
                    image -> {},
                    () -> {});
        }

        private FollowedMetadata start() throws IOException {
            FollowedMetadata started = new FollowedMetadata(tables, () -> nanos, image -> {});
            started.load();
            lastIndex = started.index();
            return started;
        }

        void play(String where) throws IOException {
            while (lastIndex < COMMANDS) {
                nanos += random.nextLong(1_000_000_000L);
                int voter = random.nextInt(VOTERS);
                switch (random.nextInt(12)) {
                    case 0, 1, 2 -> advance(voters[voter], random.nextInt(random.nextInt(10) == 0 ? 1_500 : 20));
                    case 3, 4, 5, 6 ->
                        underWay.add(voters[voter].after(node.index()).build());
                    case 7, 8, 9 -> {
                        if (!underWay.isEmpty()) {
                            FollowMetadataResponse answer = underWay.get(random.nextInt(underWay.size()));
                            node.take(answer);
                            whole += answer.hasImage() ? 1 : 0;
                            check(where);
                        }
                    }
                    case 10 -> underWay.removeIf(answer -> random.nextBoolean());
                    default -> {
                        if (random.nextInt(10) == 0) {
                            voters[voter] = restarted(voters[voter]);
                        } else if (random.nextInt(10) == 0) {
                            node = start();
                            underWay.clear(); // what the killed process had asked for
                            check(where);
                        }
                    }
                }
            }
            assertThat(whole).as(where + ": images taken whole").isPositive();
        }

        private void check(String where) {
            long index = node.index();
            assertThat(index).as(where).isGreaterThanOrEqualTo(lastIndex);
            lastIndex = index;
            assertThat(row(node.image()))
                    .as("%s: the metadata at %d", where, index)
                    .isEqualTo(row(images.get((int) index)));
        }

        private static MetadataImageRow row(MetadataImage image) {
            return image.toRow(0, 0, 0);
        }

        private void advance(MetadataMachine machine, int by) {
            long from = Math.max(0, machine.getLastAppliedTermIndex().getIndex());
            for (long i = from + 1; i <= Math.min(COMMANDS, from + by); i++) {
                LogEntryProto entry = LogEntryProto.newBuilder()
                        .setTerm(1)
                        .setIndex(i)
                        .setStateMachineLogEntry(StateMachineLogEntryProto.newBuilder()
                                .setLogData(Message.valueOf(RaftBytes.of(history.get((int) i - 1)))
                                        .getContent()))
                        .build();
                machine.applyTransaction(TransactionContext.newBuilder()
                                .setStateMachine(machine)
                                .setLogEntry(entry)
                                .build())
                        .join();
            }
        }

        /** With its checkpoint and nothing else. */
        private MetadataMachine restarted(MetadataMachine before) throws IOException {
            if (before.takeSnapshot() < 0) {
                return before;
            }
            MetadataMachine machine = machine();
            long index = Objects.requireNonNull(machine.load()).getIndex();
            machine.notifyTermIndexUpdated(1, index);
            return machine;
        }
    }
}
