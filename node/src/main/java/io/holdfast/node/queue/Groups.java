package io.holdfast.node.queue;

import io.holdfast.consensus.Refusal;
import io.holdfast.internal.v1.CreateGroupCommand;
import io.holdfast.internal.v1.DeleteGroupCommand;
import io.holdfast.internal.v1.GroupRow;
import io.holdfast.internal.v1.MetadataCommand;
import io.holdfast.internal.v1.MetadataReply;
import io.holdfast.internal.v1.MetadataResult;
import io.holdfast.internal.v1.UpdateGroupCommand;
import io.holdfast.node.cluster.ClusterState;
import io.holdfast.node.cluster.MetadataClient;
import io.holdfast.node.cluster.SystemTopics;
import io.holdfast.node.service.Forwarder;
import io.holdfast.v1.ErrorReason;
import io.holdfast.v1.QueueConfig;
import java.util.concurrent.CompletableFuture;

/** Queue groups in the metadata: found, created, changed, deleted. Any thread; nothing blocks. */
final class Groups {
    private final ClusterState state;
    private final MetadataClient metadata;

    Groups(ClusterState state, MetadataClient metadata) {
        this.state = state;
        this.metadata = metadata;
    }

    /** @throws Refusal if there is no such topic or group */
    GroupRow get(String topic, String name) {
        state.topic(topic);
        GroupRow group = state.image().groups().get(topic, name);
        if (group == null) {
            throw notFound(topic, name);
        }
        return group;
    }

    private static Refusal notFound(String topic, String name) {
        return Refusal.of(
                ErrorReason.ERROR_REASON_GROUP_NOT_FOUND,
                "create group '" + name + "' of topic '" + topic + "' first: it does not exist");
    }

    /** The group, made with the defaults if there is none. */
    CompletableFuture<GroupRow> getOrCreate(String topic, String name) {
        state.topic(topic);
        GroupRow group = state.image().groups().get(topic, name);
        return group != null
                ? CompletableFuture.completedFuture(group)
                : submitCreate(topic, name, QueueConfig.getDefaultInstance()).thenApply(MetadataReply::getGroup);
    }

    CompletableFuture<GroupRow> create(String topic, String name, QueueConfig config) {
        return submitCreate(topic, name, config).thenApply(reply -> {
            if (reply.getResult() == MetadataResult.METADATA_RESULT_GROUP_EXISTS) {
                throw Refusal.of(
                        ErrorReason.ERROR_REASON_GROUP_EXISTS,
                        "choose another name, or update the group: topic '" + topic + "' has a group '" + name + "'");
            }
            return reply.getGroup();
        });
    }

    private CompletableFuture<MetadataReply> submitCreate(String topic, String name, QueueConfig config) {
        SystemTopics.refuse(topic);
        GroupConfigs.checkName(topic, name);
        return submit(
                topic,
                name,
                MetadataCommand.newBuilder()
                        .setCreateGroup(CreateGroupCommand.newBuilder()
                                .setTopic(topic)
                                .setName(name)
                                .setConfig(GroupConfigs.complete(config)))
                        .build());
    }

    CompletableFuture<GroupRow> update(String topic, String name, QueueConfig config) {
        return submit(
                        topic,
                        name,
                        MetadataCommand.newBuilder()
                                .setUpdateGroup(UpdateGroupCommand.newBuilder()
                                        .setTopic(topic)
                                        .setName(name)
                                        .setConfig(GroupConfigs.complete(config)))
                                .build())
                .thenApply(MetadataReply::getGroup);
    }

    CompletableFuture<GroupRow> delete(String topic, String name) {
        return submit(
                        topic,
                        name,
                        MetadataCommand.newBuilder()
                                .setDeleteGroup(DeleteGroupCommand.newBuilder()
                                        .setTopic(topic)
                                        .setName(name))
                                .build())
                .thenApply(MetadataReply::getGroup);
    }

    private CompletableFuture<MetadataReply> submit(String topic, String name, MetadataCommand command) {
        return metadata.submit(command, Forwarder.left()).thenCompose(reply -> {
            if (reply.getResult() == MetadataResult.METADATA_RESULT_TOPIC_NOT_FOUND) {
                throw Refusal.of(
                        ErrorReason.ERROR_REASON_TOPIC_NOT_FOUND,
                        "create topic '" + topic + "' first: it does not exist");
            }
            if (reply.getResult() == MetadataResult.METADATA_RESULT_INVALID) {
                throw Refusal.invalid(reply.getMessage());
            }
            if (reply.getResult() == MetadataResult.METADATA_RESULT_GROUP_NOT_FOUND) {
                throw notFound(topic, name);
            }
            return metadata.appliedEverywhere(reply.getIndex()).thenApply(ok -> reply);
        });
    }
}
