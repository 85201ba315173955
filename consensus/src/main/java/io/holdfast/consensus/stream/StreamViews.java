package io.holdfast.consensus.stream;

import com.google.protobuf.util.Timestamps;
import io.holdfast.consensus.Rates;
import io.holdfast.consensus.Refusal;
import io.holdfast.internal.v1.DescribeInShardResponse;
import io.holdfast.internal.v1.OffsetRow;
import io.holdfast.internal.v1.SubscribedTopic;
import io.holdfast.v1.ErrorReason;
import io.holdfast.v1.StreamGroup;
import io.holdfast.v1.StreamMember;
import io.holdfast.v1.StreamPartition;
import io.holdfast.v1.TopicPartition;
import java.util.List;
import java.util.Objects;
import java.util.TreeSet;

/** Where the stream groups of a shard stand, for operators. Any thread. */
public final class StreamViews {
    private final StreamShard shard;
    private final Rates<GroupPartition> rates;

    StreamViews(StreamShard shard, Rates<GroupPartition> rates) {
        this.shard = shard;
        this.rates = rates;
    }

    /** There is no such group. */
    public static Refusal notFound(String group) {
        return Refusal.of(
                ErrorReason.ERROR_REASON_GROUP_NOT_FOUND,
                "create stream group '" + group + "' first, or join it: it does not exist");
    }

    /** Members of all groups. */
    public int members() {
        return shard.ask(table -> table.states().stream()
                .mapToInt(state -> state.members().size())
                .sum());
    }

    /** By name. */
    public List<StreamGroup> list() {
        return shard.ask(table -> table.states().stream().map(StreamViews::api).toList());
    }

    /** @throws Refusal if there is no such group */
    public DescribeInShardResponse describe(String group) {
        return shard.ask(table -> {
            StreamGroupState state = table.state(group);
            if (state == null) {
                throw notFound(group);
            }
            DescribeInShardResponse.Builder known = DescribeInShardResponse.newBuilder();
            known.getDescriptionBuilder().setGroup(api(state));
            state.members().forEach(member -> known.getDescriptionBuilder().addMembers(api(state, member)));
            for (Ownership partition : state.partitions()) {
                SubscribedTopic topic = state.topics().get(partition.name().topicId());
                if (topic != null) {
                    known.getDescriptionBuilder().addPartitions(api(state, topic, partition));
                    known.addStarts(Heartbeat.start(state, topic, partition));
                    continue;
                }
                Long committed = partition.committed();
                if (committed != null) {
                    known.addOthers(OffsetRow.newBuilder()
                            .setTopicId(partition.name().topicId())
                            .setPartition(partition.name().partition())
                            .setOffset(committed));
                }
            }
            return known.build();
        });
    }

    private static StreamGroup api(StreamGroupState state) {
        TreeSet<String> topics = new TreeSet<>();
        state.topics().values().forEach(topic -> topics.add(topic.getName()));
        return StreamGroup.newBuilder()
                .setName(state.name())
                .setConfig(state.config())
                .setCreated(Timestamps.fromMillis(state.createdMs()))
                .addAllTopics(topics)
                .setMembers(state.members().size())
                .build();
    }

    private static StreamMember api(StreamGroupState state, Member member) {
        return StreamMember.newBuilder()
                .setMemberId(member.id())
                .setInstanceId(member.instance())
                .setRack(member.rack())
                .addAllTopics(member.topics())
                .setOwned((int) state.partitions().stream()
                        .filter(partition -> partition.isOwnedBy(member.id()))
                        .count())
                .setAway(member.isAway())
                .build();
    }

    private StreamPartition api(StreamGroupState state, SubscribedTopic topic, Ownership partition) {
        StreamPartition.Builder one = StreamPartition.newBuilder()
                .setPartition(TopicPartition.newBuilder()
                        .setTopic(topic.getName())
                        .setPartition(partition.name().partition()))
                .setMemberId(Objects.requireNonNullElse(partition.owner(), ""))
                .setOwnershipEpoch(partition.epoch())
                .setConsumedPerSecond(
                        rates.perSecond(new GroupPartition(state.name(), partition.name()), System.nanoTime()));
        String target = partition.target();
        if (target != null && !target.equals(partition.owner())) {
            one.setNextMemberId(target);
        }
        Long committed = partition.committed();
        if (committed != null) {
            one.setCommitted(committed);
        }
        return one.build();
    }
}
