package io.holdfast.node.stream;

import io.holdfast.consensus.Refusal;
import io.holdfast.consensus.metadata.MetadataImage;
import io.holdfast.consensus.raft.GroupId;
import io.holdfast.consensus.stream.StreamViews;
import io.holdfast.internal.v1.CreateTopicCommand;
import io.holdfast.internal.v1.TopicRow;
import io.holdfast.node.cluster.ClusterState;
import io.holdfast.node.cluster.MetadataClient;
import io.holdfast.node.cluster.SystemTopics;
import io.holdfast.node.cluster.TopicPlan;
import io.holdfast.node.service.Forwarder;
import io.holdfast.record.KeyHash;
import java.nio.charset.StandardCharsets;
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
            throw StreamViews.notFound(streamGroup);
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
                : metadata.getOrCreateTopic(SystemTopics.STREAM_GROUPS, this::plan, Forwarder.left())
                        .thenApply(created -> of(created, streamGroup));
    }

    private CreateTopicCommand plan(MetadataImage image) {
        return TopicPlan.plan(image, metadata.voters(), SystemTopics.STREAM_GROUPS, SHARDS, 0, SHARDS);
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
