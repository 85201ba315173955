package io.holdfast.node.stream;

import io.holdfast.consensus.Refusal;
import io.holdfast.consensus.metadata.MetadataImage;
import io.holdfast.consensus.raft.GroupId;
import io.holdfast.internal.v1.MetadataCommand;
import io.holdfast.internal.v1.TopicRow;
import io.holdfast.node.cluster.ClusterState;
import io.holdfast.node.cluster.MetadataClient;
import io.holdfast.node.cluster.SystemTopics;
import io.holdfast.node.cluster.TopicPlan;
import io.holdfast.node.service.Forwarder;
import io.holdfast.record.KeyHash;
import io.holdfast.v1.ErrorReason;
import java.nio.charset.StandardCharsets;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.CompletableFuture;

/** Which Raft group holds a stream group. The shards are made when the first group is. */
final class Shards {
    private static final int SHARDS = 8;

    private final ClusterState state;
    private final MetadataClient metadata;

    Shards(ClusterState state, MetadataClient metadata) {
        this.state = state;
        this.metadata = metadata;
    }

    /** @throws Refusal if there are no stream groups at all */
    GroupId of(String streamGroup) {
        TopicRow topic = state.image().topic(SystemTopics.STREAM_GROUPS);
        if (topic == null) {
            throw Refusal.of(
                    ErrorReason.ERROR_REASON_GROUP_NOT_FOUND,
                    "create stream group '" + streamGroup + "' first, or join it: it does not exist");
        }
        return of(topic, streamGroup);
    }

    private static GroupId of(TopicRow topic, String streamGroup) {
        long hash = KeyHash.of(streamGroup.getBytes(StandardCharsets.UTF_8));
        return MetadataImage.group(topic, KeyHash.partition(hash, topic.getAssignmentsCount()));
    }

    /** Makes the shards if there are none. */
    CompletableFuture<GroupId> forMember(String streamGroup) {
        TopicRow topic = state.image().topic(SystemTopics.STREAM_GROUPS);
        return topic != null
                ? CompletableFuture.completedFuture(of(topic, streamGroup))
                : create(Forwarder.left()).thenApply(created -> of(created, streamGroup));
    }

    private CompletableFuture<TopicRow> create(Duration left) {
        return metadata.current(left).thenCompose(image -> {
            TopicRow meanwhile = image.topic(SystemTopics.STREAM_GROUPS);
            if (meanwhile != null) {
                return CompletableFuture.completedFuture(meanwhile);
            }
            MetadataCommand command = MetadataCommand.newBuilder()
                    .setCreateTopic(
                            TopicPlan.plan(image, metadata.voters(), SystemTopics.STREAM_GROUPS, SHARDS, 0, SHARDS))
                    .build();
            return metadata.submit(command, left)
                    .thenCompose(reply ->
                            metadata.appliedEverywhere(reply.getIndex()).thenApply(ok -> reply.getTopic()));
        });
    }

    /** All there are. */
    List<GroupId> all() {
        TopicRow topic = state.image().topic(SystemTopics.STREAM_GROUPS);
        List<GroupId> shards = new ArrayList<>();
        for (int p = 0; topic != null && p < topic.getAssignmentsCount(); p++) {
            shards.add(MetadataImage.group(topic, p));
        }
        return shards;
    }
}
