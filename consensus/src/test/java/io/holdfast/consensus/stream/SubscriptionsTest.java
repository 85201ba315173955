package io.holdfast.consensus.stream;

import static org.assertj.core.api.Assertions.assertThat;

import io.holdfast.internal.v1.OffsetRow;
import io.holdfast.internal.v1.StreamCreate;
import io.holdfast.internal.v1.StreamJoin;
import io.holdfast.internal.v1.StreamResult;
import io.holdfast.internal.v1.StreamSeek;
import io.holdfast.internal.v1.StreamTopics;
import io.holdfast.internal.v1.SubscribedTopic;
import java.util.Collection;
import java.util.List;
import java.util.Map;
import java.util.Objects;
import java.util.Set;
import org.jspecify.annotations.Nullable;
import org.junit.jupiter.api.Test;

/** A partition that was split off is nobody's until the group has read what its parent has of its keys. */
class SubscriptionsTest {
    private static final long TOPIC = 1;
    private int partitions = 1;
    private TopicSource.@Nullable Parent parentOfLast;

    private final TopicSource topics = new TopicSource() {
        @Override
        public Topic topic(String name) {
            return new Topic(TOPIC, name, partitions);
        }

        @Override
        public Collection<Topic> topicsWithPrefix(String prefix) {
            return List.of(topic("t"));
        }

        @Override
        public Set<String> racks(Topic topic, int partition) {
            return Set.of();
        }

        @Override
        public Map<Integer, Parent> parents(Topic topic) {
            return parentOfLast == null ? Map.of() : Map.of(partitions - 1, parentOfLast);
        }

        @Override
        public boolean isDeleted(long topicId) {
            return false;
        }

        @Override
        public long nextTopicId() {
            return 2;
        }
    };
    private final Subscriptions subscriptions = new Subscriptions(topics);
    private final StreamGroupState state = new StreamGroupState("g", StreamCreate.getDefaultInstance(), 0);

    SubscriptionsTest() {
        state.join(StreamJoin.newBuilder().setMember("m").addTopics("t").build(), StreamResult.newBuilder());
        follow();
    }

    private @Nullable SubscribedTopic follow() {
        StreamTopics change = subscriptions.change(state);
        if (change == null) {
            return null;
        }
        state.topics(change);
        return change.getTopics(0);
    }

    private void commit(long offset) {
        state.seek(StreamSeek.newBuilder()
                .addOffsets(OffsetRow.newBuilder().setTopicId(TOPIC).setOffset(offset))
                .build());
    }

    private List<Integer> assigned() {
        return subscriptions.problem(state).subjects().stream()
                .map(subject -> subject.name().partition())
                .toList();
    }

    @Test
    void shouldWaitForWhatTheParentHas() {
        commit(10);
        partitions = 2;
        parentOfLast = new TopicSource.Parent(0, Long.MAX_VALUE); // not split yet
        assertThat(Objects.requireNonNull(follow()).getWaitingPartitionsList()).containsExactly(1);
        assertThat(assigned()).containsExactly(0);

        parentOfLast = new TopicSource.Parent(0, 20);
        assertThat(follow()).as("nothing has changed").isNull();
        commit(19);
        assertThat(follow()).isNull();

        commit(20);
        assertThat(Objects.requireNonNull(follow()).getWaitingPartitionsList()).isEmpty();
        assertThat(state.isUnassigned()).isTrue();
        assertThat(assigned()).containsExactly(0, 1);
    }

    @Test
    void shouldWaitIfNothingWasEverCommitted() {
        partitions = 2;
        parentOfLast = new TopicSource.Parent(0, 20);
        follow();
        assertThat(assigned()).containsExactly(0);

        parentOfLast = null; // nothing of it is left
        follow();
        assertThat(assigned()).containsExactly(0, 1);
    }
}
