package io.holdfast.consensus.stream;

import com.google.protobuf.util.Durations;
import io.holdfast.consensus.Refusal;
import io.holdfast.internal.v1.OwnedPartition;
import io.holdfast.internal.v1.StreamCreate;
import io.holdfast.internal.v1.StreamJoin;
import io.holdfast.internal.v1.StreamOperation;
import io.holdfast.internal.v1.StreamReport;
import io.holdfast.internal.v1.SubscribedTopic;
import io.holdfast.v1.AssignedPartition;
import io.holdfast.v1.ErrorReason;
import io.holdfast.v1.HeartbeatRequest;
import io.holdfast.v1.HeartbeatResponse;
import io.holdfast.v1.Start;
import io.holdfast.v1.StreamConfig;
import io.holdfast.v1.TopicPartition;
import java.time.Duration;
import java.util.HashMap;
import java.util.Map;
import org.jspecify.annotations.Nullable;

/**
 * A member's heartbeat on its way to an answer.
 *
 * @param config of the group, if this makes it; with the defaults filled in
 * @param receivedMs on the clock of {@link Sessions}
 * @param deadlineNanos when an answer is due, changed or not
 */
record Heartbeat(HeartbeatRequest request, StreamConfig config, long receivedMs, long deadlineNanos) {
    static final int MEMBERS_MAX = 2000;
    private static final Duration JOIN_AGAIN_AFTER = Duration.ofSeconds(1);

    /** What has to be written before there can be an answer; null if nothing. */
    @Nullable
    StreamOperation needs(StreamGroupTable table, TopicSource topics) {
        StreamOperation.Builder operation = StreamOperation.newBuilder().setGroup(request.getGroup());
        StreamGroupState state = table.state(request.getGroup());
        if (state == null) {
            if (!request.getJoin()) {
                throw StreamViews.notFound(request.getGroup());
            }
            checkTopics(topics);
            return operation
                    .setCreate(StreamCreate.newBuilder().setConfig(config).setNextTopicId(topics.nextTopicId()))
                    .build();
        }
        Member member = state.member(request.getMemberId());
        if (member == null ? !request.getJoin() : member.isAway()) {
            throw Refusal.of(
                    ErrorReason.ERROR_REASON_MEMBER_FENCED,
                    "stop work, and join under another member id: '" + request.getMemberId()
                            + "' is not a member of stream group '" + request.getGroup() + "', or not any more");
        }
        if (member == null && state.members().size() >= MEMBERS_MAX) {
            throw Refusal.later(
                    ErrorReason.ERROR_REASON_OVERLOADED,
                    "let other members leave first: stream group '" + request.getGroup() + "' has " + MEMBERS_MAX,
                    JOIN_AGAIN_AFTER);
        }
        if (member == null || member.differs(request.getRack(), request.getTopicsList())) {
            checkTopics(topics);
            return operation
                    .setJoin(StreamJoin.newBuilder()
                            .setMember(request.getMemberId())
                            .setInstance(request.getInstanceId())
                            .setRack(request.getRack())
                            .addAllTopics(request.getTopicsList()))
                    .build();
        }
        StreamReport report = report(state);
        return state.frees(report) ? operation.setReport(report).build() : null;
    }

    private void checkTopics(TopicSource topics) {
        for (String name : request.getTopicsList()) {
            if (!name.endsWith("*") && topics.topic(name) == null) {
                throw Refusal.of(
                        ErrorReason.ERROR_REASON_TOPIC_NOT_FOUND,
                        "create topic '" + name + "' first: it does not exist");
            }
        }
    }

    private StreamReport report(StreamGroupState state) {
        StreamReport.Builder report =
                StreamReport.newBuilder().setMember(request.getMemberId()).setSeenVersion(request.getSeenVersion());
        Map<String, Long> ids = new HashMap<>();
        state.topics().values().forEach(topic -> ids.put(topic.getName(), topic.getTopicId()));
        for (io.holdfast.v1.Ownership owned : request.getOwnedList()) {
            Long topicId = ids.get(owned.getPartition().getTopic());
            if (topicId == null) {
                report.setOthers(true);
            } else {
                report.addOwned(OwnedPartition.newBuilder()
                        .setTopicId(topicId)
                        .setPartition(owned.getPartition().getPartition())
                        .setOwnershipEpoch(owned.getOwnershipEpoch()));
            }
        }
        return report.build();
    }

    /** Null if there is nothing new, and time to wait. */
    @Nullable
    HeartbeatResponse answer(StreamGroupTable table) {
        StreamGroupState state = table.state(request.getGroup());
        Member member = state == null ? null : state.member(request.getMemberId());
        boolean isDue = System.nanoTime() - deadlineNanos >= 0;
        if (state == null || member == null || (member.viewVersion() <= request.getSeenVersion() && !isDue)) {
            return null;
        }
        HeartbeatResponse.Builder answer = HeartbeatResponse.newBuilder()
                .setVersion(state.version())
                .setSessionTimeout(Durations.fromMillis(StreamConfigs.sessionMs(state.config())));
        for (Ownership partition : state.heldBy(member.id())) {
            SubscribedTopic topic = state.topics().get(partition.name().topicId());
            if (topic != null) {
                answer.addAssigned(AssignedPartition.newBuilder()
                        .setOwnership(io.holdfast.v1.Ownership.newBuilder()
                                .setPartition(TopicPartition.newBuilder()
                                        .setTopic(topic.getName())
                                        .setPartition(partition.name().partition()))
                                .setOwnershipEpoch(partition.epoch()))
                        .setStart(start(state, topic, partition)));
            }
        }
        return answer.build();
    }

    /** Where an owner begins. */
    static Start start(StreamGroupState state, SubscribedTopic topic, Ownership partition) {
        Long committed = partition.committed();
        if (committed != null) {
            return Start.newBuilder().setOffset(committed).build();
        }
        return partition.name().partition() < topic.getEarlyPartitions()
                ? state.config().getStart()
                : Start.newBuilder().setEarliest(true).build();
    }
}
