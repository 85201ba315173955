package io.holdfast.consensus.stream;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import io.holdfast.consensus.Refusal;
import io.holdfast.internal.v1.StreamCommand;
import io.holdfast.internal.v1.StreamOperation;
import io.holdfast.v1.ErrorReason;
import io.holdfast.v1.HeartbeatRequest;
import io.holdfast.v1.StreamConfig;
import java.util.Collection;
import java.util.List;
import java.util.Map;
import java.util.Set;
import org.jspecify.annotations.Nullable;
import org.junit.jupiter.api.Test;

class HeartbeatTest {
    private final StreamGroupTable table = new StreamGroupTable();
    private final TopicSource topics = new TopicSource() {
        @Override
        public @Nullable Topic topic(String name) {
            return name.equals("t") ? new Topic(1, "t", 1) : null;
        }

        @Override
        public Collection<Topic> topicsWithPrefix(String prefix) {
            return List.of();
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
            return false;
        }

        @Override
        public long nextTopicId() {
            return 2;
        }
    };

    private @Nullable StreamOperation needs(String member, boolean join, String topic) {
        HeartbeatRequest request = HeartbeatRequest.newBuilder()
                .setGroup("g")
                .setMemberId(member)
                .setJoin(join)
                .addTopics(topic)
                .build();
        return new Heartbeat(request, StreamConfig.getDefaultInstance(), 0, 0).needs(table, topics);
    }

    /** Has written what a member needs, until it needs nothing. */
    private void join(String member) {
        for (StreamOperation needed = needs(member, true, "t"); needed != null; needed = needs(member, true, "t")) {
            table.apply(StreamCommand.newBuilder().addOperations(needed).build(), 1, 0);
        }
    }

    @Test
    void shouldMakeTheGroupThenTheMemberThenNothing() {
        assertThat(needs("m", true, "t")).matches(needed -> needed != null && needed.hasCreate());
        join("m");
        assertThat(needs("m", true, "t")).isNull();
        assertThat(needs("m", false, "t")).isNull();
    }

    @Test
    void shouldRefuseWhoDoesNotBelong() {
        assertRefused(ErrorReason.ERROR_REASON_GROUP_NOT_FOUND, "m", false, "t");
        assertRefused(ErrorReason.ERROR_REASON_TOPIC_NOT_FOUND, "m", true, "nowhere");
        join("m");
        assertRefused(ErrorReason.ERROR_REASON_MEMBER_FENCED, "stranger", false, "t");
    }

    @Test
    void shouldTakeNoMoreMembersThanAGroupMayHave() {
        for (int i = 0; i < Heartbeat.MEMBERS_MAX; i++) {
            join("m" + i);
        }

        assertRefused(ErrorReason.ERROR_REASON_OVERLOADED, "one-too-many", true, "t");
        assertThat(needs("m0", true, "t")).as("those who are in go on").isNull();
    }

    private void assertRefused(ErrorReason reason, String member, boolean join, String topic) {
        assertThatThrownBy(() -> needs(member, join, topic))
                .isInstanceOfSatisfying(
                        Refusal.class, refusal -> assertThat(refusal.reason()).isEqualTo(reason));
    }
}
