package io.holdfast.consensus.stream;

import io.holdfast.internal.v1.MemberShare;
import io.holdfast.internal.v1.PartitionRange;
import io.holdfast.internal.v1.StreamAssign;
import io.holdfast.internal.v1.StreamTopics;
import io.holdfast.internal.v1.SubscribedTopic;
import java.util.ArrayList;
import java.util.Collection;
import java.util.HashSet;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.TreeMap;
import java.util.TreeSet;
import org.jspecify.annotations.Nullable;

/** What a group's members subscribe to, and what follows from it: topics, and who should own their partitions. */
final class Subscriptions {
    private final TopicSource source;

    Subscriptions(TopicSource source) {
        this.source = source;
    }

    /** The topics as they should be; null if they are. */
    @Nullable
    StreamTopics change(StreamGroupState state) {
        Map<Long, SubscribedTopic> wanted = new TreeMap<>();
        for (TopicSource.Topic topic : topics(state)) {
            SubscribedTopic known = state.topics().get(topic.id());
            int early = known != null
                    ? known.getEarlyPartitions()
                    : topic.id() >= state.firstLaterTopicId() ? 0 : topic.partitions();
            wanted.put(
                    topic.id(),
                    SubscribedTopic.newBuilder()
                            .setTopicId(topic.id())
                            .setName(topic.name())
                            .setPartitions(topic.partitions())
                            .setEarlyPartitions(early)
                            .addAllWaitingPartitions(waiting(state, topic))
                            .build());
        }
        Set<Long> deleted = new TreeSet<>();
        state.partitions().forEach(partition -> deleted.add(partition.name().topicId()));
        deleted.removeIf(topicId -> !source.isDeleted(topicId));
        return wanted.equals(state.topics()) && deleted.isEmpty()
                ? null
                : StreamTopics.newBuilder()
                        .addAllTopics(wanted.values())
                        .addAllDeletedTopicIds(deleted)
                        .build();
    }

    /** Those whose parents have records of their keys that the group has not committed. */
    private List<Integer> waiting(StreamGroupState state, TopicSource.Topic topic) {
        List<Integer> waiting = new ArrayList<>();
        source.parents(topic).forEach((partition, parent) -> {
            if (committed(state, topic.id(), parent.partition()) < parent.endOffset()) {
                waiting.add(partition);
            }
        });
        waiting.sort(null);
        return waiting;
    }

    private static long committed(StreamGroupState state, long topicId, int partition) {
        Ownership parent = state.partition(new PartitionName(topicId, partition));
        Long offset = parent == null ? null : parent.committed();
        return offset == null ? -1 : offset;
    }

    private Collection<TopicSource.Topic> topics(StreamGroupState state) {
        Map<Long, TopicSource.Topic> topics = new TreeMap<>();
        Set<String> names = new TreeSet<>();
        state.members().forEach(member -> names.addAll(member.topics()));
        if (state.members().isEmpty()) { // what it was about last is what operators ask about
            state.topics().values().forEach(topic -> names.add(topic.getName()));
        }
        for (String name : names) {
            if (name.endsWith("*")) {
                source.topicsWithPrefix(name.substring(0, name.length() - 1))
                        .forEach(topic -> topics.put(topic.id(), topic));
            } else {
                TopicSource.Topic topic = source.topic(name);
                if (topic != null) {
                    topics.put(topic.id(), topic);
                }
            }
        }
        return topics.values();
    }

    /** What {@link Assignor} needs of a group, as of an epoch. */
    record Problem(long epoch, List<Assignor.Candidate> candidates, List<Assignor.Subject> subjects) {
        /** May take some milliseconds. */
        StreamAssign solve() {
            StreamAssign.Builder assign = StreamAssign.newBuilder().setEpoch(epoch);
            Assignor.assign(candidates, subjects).forEach((member, names) -> {
                MemberShare.Builder share = MemberShare.newBuilder().setMember(member);
                for (int i = 0; i < names.size(); ) {
                    PartitionName first = names.get(i);
                    int next = i + 1;
                    while (next < names.size()
                            && names.get(next)
                                    .equals(new PartitionName(first.topicId(), first.partition() + next - i))) {
                        next++;
                    }
                    share.addRanges(PartitionRange.newBuilder()
                            .setTopicId(first.topicId())
                            .setFrom(first.partition())
                            .setTo(first.partition() + next - i));
                    i = next;
                }
                assign.addShares(share);
            });
            return assign.build();
        }
    }

    Problem problem(StreamGroupState state) {
        List<Assignor.Candidate> candidates = new ArrayList<>();
        for (Member member : state.members()) {
            Set<Long> topics = new HashSet<>();
            state.topics().values().stream()
                    .filter(topic -> member.subscribes(topic.getName()))
                    .forEach(topic -> topics.add(topic.getTopicId()));
            candidates.add(new Assignor.Candidate(member.id(), member.rack(), topics));
        }
        List<Assignor.Subject> subjects = new ArrayList<>();
        for (Ownership partition : state.partitions()) {
            SubscribedTopic topic = state.topics().get(partition.name().topicId());
            if (topic != null
                    && !topic.getWaitingPartitionsList()
                            .contains(partition.name().partition())) {
                subjects.add(new Assignor.Subject(
                        partition.name(),
                        partition.target() == null ? partition.owner() : partition.target(),
                        source.racks(
                                new TopicSource.Topic(topic.getTopicId(), topic.getName(), topic.getPartitions()),
                                partition.name().partition())));
            }
        }
        return new Problem(state.epoch(), candidates, subjects);
    }
}
