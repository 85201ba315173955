package io.holdfast.consensus.metadata;

import static org.assertj.core.api.Assertions.assertThat;

import io.holdfast.internal.v1.AddPartitionsCommand;
import io.holdfast.internal.v1.ConfirmSplitsCommand;
import io.holdfast.internal.v1.ConfirmedSplit;
import io.holdfast.internal.v1.CreateTopicCommand;
import io.holdfast.internal.v1.KeyRange;
import io.holdfast.internal.v1.MetadataCommand;
import io.holdfast.internal.v1.MetadataReply;
import io.holdfast.internal.v1.MetadataResult;
import io.holdfast.internal.v1.ParentPartition;
import io.holdfast.internal.v1.PartitionAssignment;
import io.holdfast.internal.v1.TopicRow;
import java.io.IOException;
import java.util.Collections;
import java.util.List;
import java.util.Map;
import java.util.Objects;
import java.util.Random;
import java.util.TreeMap;
import org.junit.jupiter.api.Test;

/** Topics that grow: every key has one place at any time, and goes only to children of where it was. */
class TopicSplitsTest {
    private MetadataImage image = MetadataImage.EMPTY;
    private long index;

    private MetadataReply apply(MetadataCommand.Builder command) throws IOException {
        MetadataReply.Builder reply = MetadataReply.newBuilder();
        image = MetadataCommands.apply(image, ++index, index, command.build(), reply);
        image = MetadataImage.of(image.toRow(index, 1, index)); // as after a restart
        return reply.build();
    }

    private TopicRow topic() {
        return Objects.requireNonNull(image.topic("t"));
    }

    private void create(int partitions) throws IOException {
        apply(MetadataCommand.newBuilder()
                .setCreateTopic(CreateTopicCommand.newBuilder()
                        .setName("t")
                        .setReplicas(1)
                        .addAllAssignments(Collections.nCopies(
                                partitions,
                                PartitionAssignment.newBuilder()
                                        .addReplicaNodes(1)
                                        .build()))));
    }

    private MetadataResult grow(int more) throws IOException {
        return grow(more, topic().getAssignmentsCount());
    }

    private MetadataResult grow(int more, int expected) throws IOException {
        return grow(TopicSplits.plan(topic(), more), expected);
    }

    private MetadataResult grow(List<PartitionAssignment> planned, int expected) throws IOException {
        return apply(MetadataCommand.newBuilder()
                        .setAddPartitions(AddPartitionsCommand.newBuilder()
                                .setTopic("t")
                                .setExpectedPartitions(expected)
                                .addAllAssignments(planned)))
                .getResult();
    }

    private void confirm(int parent, long end, boolean over) throws IOException {
        apply(MetadataCommand.newBuilder()
                .setConfirmSplits(ConfirmSplitsCommand.newBuilder()
                        .addConfirmed(ConfirmedSplit.newBuilder()
                                .setTopicId(topic().getTopicId())
                                .setParent(parent)
                                .setSplitVersion(topic().getSplitVersion())
                                .setEndOffset(end)
                                .setIsOver(over))));
    }

    private ParentPartition parent(int child) {
        return topic().getAssignments(child).getParent();
    }

    @Test
    void childrenHaveNoKeysUntilTheirParentsSayWhere() throws IOException {
        create(1);
        assertThat(grow(1)).isEqualTo(MetadataResult.METADATA_RESULT_DONE);
        assertThat(TopicKeys.of(topic()).partition(0xffff_ffffL)).isZero();
        assertThat(TopicSplits.isUnderWay(topic())).isTrue();

        confirm(0, 70, false);

        assertThat(TopicKeys.of(topic()).partition(0xffff_ffffL)).isEqualTo(1);
        assertThat(TopicKeys.of(topic()).partition(0x7fff_ffffL)).isZero();
        assertThat(TopicSplits.isUnderWay(topic())).isFalse();
        assertThat(parent(1).getEndOffset()).isEqualTo(70);
        assertThat(topic().getAssignments(0).getKeysVersion()).isEqualTo(topic().getSplitVersion());
        assertThat(topic().getAssignments(1).getKeysVersion()).isZero();
    }

    @Test
    void aSecondGrowthWaitsForTheFirst() throws IOException {
        create(2);
        grow(2);
        assertThat(grow(1)).isEqualTo(MetadataResult.METADATA_RESULT_INVALID);
        confirm(0, 5, false);
        assertThat(grow(1)).isEqualTo(MetadataResult.METADATA_RESULT_INVALID);
        confirm(1, 5, false);
        assertThat(grow(1, 2)).as("asked again").isEqualTo(MetadataResult.METADATA_RESULT_INVALID);
        assertThat(grow(1)).isEqualTo(MetadataResult.METADATA_RESULT_DONE);
    }

    /** Found by the chaos scenario kill-fast: two partitions had the same keys. */
    @Test
    void aPlanFromBeforeAConfirmationIsRefused() throws IOException {
        create(1);
        grow(1);
        List<PartitionAssignment> planned = TopicSplits.plan(topic(), 1);
        confirm(0, 70, false);
        assertThat(grow(planned, 2)).isEqualTo(MetadataResult.METADATA_RESULT_INVALID);
        assertThat(grow(1)).isEqualTo(MetadataResult.METADATA_RESULT_DONE);
        confirm(0, 80, false);
        confirm(1, 90, false);
        assertCovers(0);
    }

    @Test
    void aConfirmationCountsOnceAndAnOldOneNotAtAll() throws IOException {
        create(1);
        grow(1);
        long first = topic().getSplitVersion();
        confirm(0, 70, false);
        TopicRow confirmed = topic();
        confirm(0, 90, false);
        assertThat(topic()).isEqualTo(confirmed);

        grow(1);
        TopicRow grown = topic();
        apply(MetadataCommand.newBuilder()
                .setConfirmSplits(ConfirmSplitsCommand.newBuilder()
                        .addConfirmed(ConfirmedSplit.newBuilder()
                                .setTopicId(topic().getTopicId())
                                .setParent(0)
                                .setSplitVersion(first)
                                .setEndOffset(10))));
        assertThat(topic()).isEqualTo(grown);
    }

    @Test
    void nobodyWaitsForAParentThatHasNothingOfTheChild() throws IOException {
        create(1);
        grow(1);
        confirm(0, 0, false);
        assertThat(topic().getAssignments(1).hasParent()).as("it had no record").isFalse();
        grow(1);
        confirm(0, 50, false);
        assertThat(topic().getAssignments(2).hasParent()).isTrue();
        confirm(0, 40, true);
        assertThat(topic().getAssignments(2).hasParent())
                .as("it has some still")
                .isTrue();
        confirm(0, 50, true);
        assertThat(topic().getAssignments(2).hasParent()).isFalse();
    }

    /** Whatever grows when: ranges stay a partition of all hashes, and what leaves a partition goes to its children. */
    @Test
    void everyKeyHasOnePlaceWhateverGrows() throws IOException {
        for (long seed = 0; seed < 200; seed++) {
            image = MetadataImage.EMPTY;
            Random random = new Random(seed);
            create(1 + random.nextInt(7));
            for (int round = 0; round < 4; round++) {
                TopicRow before = topic();
                grow(1 + random.nextInt(9));
                assertCovers(seed);
                for (int p = 0; p < before.getAssignmentsCount(); p++) {
                    confirm(p, 1 + random.nextInt(100), false);
                    assertCovers(seed);
                }
                for (int i = 0; i < 50; i++) {
                    long hash = random.nextLong(1L << 32);
                    int was = TopicKeys.of(before).partition(hash);
                    int is = TopicKeys.of(topic()).partition(hash);
                    if (is != was) {
                        assertThat(parent(is).getPartition())
                                .as("seed %s", seed)
                                .isEqualTo(was);
                        assertThat(topic().getAssignments(was).getKeysVersion()).isEqualTo(topic().getSplitVersion());
                    }
                }
            }
        }
    }

    private void assertCovers(long seed) {
        Map<Long, Long> ranges = new TreeMap<>();
        for (int p = 0; p < topic().getAssignmentsCount(); p++) {
            if (!TopicKeys.isSplitting(topic().getAssignments(p))) {
                KeyRange range = TopicKeys.range(topic(), p);
                ranges.put(TopicKeys.first(range), TopicKeys.last(range));
            }
        }
        long next = 0;
        for (Map.Entry<Long, Long> range : ranges.entrySet()) {
            assertThat(range.getKey()).as("seed %s, %s", seed, ranges).isEqualTo(next);
            next = range.getValue() + 1;
        }
        assertThat(next).isEqualTo(1L << 32);
    }

    @Test
    void nobodyIsMuchLargerThanTheOthers() {
        TopicRow three = TopicRow.newBuilder()
                .addAllAssignments(Collections.nCopies(3, PartitionAssignment.getDefaultInstance()))
                .build();
        assertThat(TopicSplits.plan(three, 3).stream()
                        .map(added -> added.getParent().getPartition()))
                .containsExactlyInAnyOrder(0, 1, 2);
    }
}
