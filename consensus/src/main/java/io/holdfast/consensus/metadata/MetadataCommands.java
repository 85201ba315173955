package io.holdfast.consensus.metadata;

import io.holdfast.consensus.ProducerIdSpace;
import io.holdfast.internal.v1.CreateGroupCommand;
import io.holdfast.internal.v1.CreateTopicCommand;
import io.holdfast.internal.v1.DeleteGroupCommand;
import io.holdfast.internal.v1.Founder;
import io.holdfast.internal.v1.GroupRow;
import io.holdfast.internal.v1.MetadataCommand;
import io.holdfast.internal.v1.MetadataReply;
import io.holdfast.internal.v1.MetadataResult;
import io.holdfast.internal.v1.NamedProducerRow;
import io.holdfast.internal.v1.NodeRow;
import io.holdfast.internal.v1.PartitionAssignment;
import io.holdfast.internal.v1.TopicRow;
import io.holdfast.internal.v1.UpdateGroupCommand;
import io.holdfast.internal.v1.UpdateTopicCommand;
import io.holdfast.v1.SettledRetention;
import io.holdfast.v1.TopicConfig;
import java.io.IOException;
import java.util.ArrayList;
import java.util.List;

/**
 * What the commands of the metadata group do: from the image before, the image after. Pure, so that all replicas come to
 * the same.
 */
public final class MetadataCommands {
    private final MetadataImage image;
    private final long index;
    private final long nowMs;
    private final MetadataReply.Builder reply;
    private final List<String> events = new ArrayList<>();

    private MetadataCommands(MetadataImage image, long index, long nowMs, MetadataReply.Builder reply) {
        this.image = image;
        this.index = index;
        this.nowMs = nowMs;
        this.reply = reply;
    }

    /**
     * @param index of the command in the metadata group's Raft log
     * @param nowMs the group's clock, which never goes back
     * @param reply gets the answer
     * @return the image after it, the same one if nothing changes
     * @throws IOException if this version does not know the command
     */
    public static MetadataImage apply(
            MetadataImage before, long index, long nowMs, MetadataCommand command, MetadataReply.Builder reply)
            throws IOException {
        reply.setResult(MetadataResult.METADATA_RESULT_DONE).setIndex(index);
        MetadataCommands commands = new MetadataCommands(before, index, nowMs, reply);
        MetadataImage after = commands.apply(command);
        return after == before ? before : after.with(after.events().with(index, nowMs, commands.events));
    }

    private MetadataImage apply(MetadataCommand command) throws IOException {
        NodeCommands nodes = new NodeCommands(index, nowMs, reply, events);
        return switch (command.getCommandCase()) {
            case REGISTER_NODE ->
                nodes.register(image, command.getRegisterNode().getNode());
            case SET_NODE_STATE -> nodes.setState(image, command.getSetNodeState());
            case RAISE_FEATURE_LEVEL ->
                nodes.raise(image, command.getRaiseFeatureLevel().getLevel());
            case REMOVE_NODE -> nodes.remove(image, command.getRemoveNode().getNodeId());
            case CHANGE_REPLICAS -> nodes.change(image, command.getChangeReplicas());
            case CONFIRM_REPLICAS -> nodes.confirm(image, command.getConfirmReplicas());
            case CREATE_TOPIC -> createTopic(command.getCreateTopic());
            case DELETE_TOPIC -> deleteTopic(command.getDeleteTopic().getName());
            case ALLOCATE_PRODUCER_IDS -> {
                reply.setFirstProducerId(image.nextProducerId());
                yield image.withNextProducerId(
                        index,
                        image.nextProducerId()
                                + command.getAllocateProducerIds().getCount());
            }
            case OPEN_NAMED_PRODUCER ->
                openProducer(command.getOpenNamedProducer().getName());
            case UPDATE_TOPIC -> updateTopic(command.getUpdateTopic());
            case ADD_PARTITIONS ->
                new TopicSplits(index, reply, events).add(image, command.getAddPartitions(), this::withFounders);
            case CONFIRM_SPLITS -> new TopicSplits(index, reply, events).confirm(image, command.getConfirmSplits());
            case CREATE_GROUP -> createGroup(command.getCreateGroup());
            case UPDATE_GROUP -> updateGroup(command.getUpdateGroup());
            case DELETE_GROUP -> deleteGroup(command.getDeleteGroup());
            default -> throw new IOException("entry " + index + " holds a command of a later version");
        };
    }

    private MetadataImage createTopic(CreateTopicCommand command) {
        String name = command.getName();
        TopicRow existing = image.topic(name);
        if (existing != null) {
            reply.setResult(MetadataResult.METADATA_RESULT_TOPIC_EXISTS).setTopic(existing);
            return image;
        }
        TopicRow topic = TopicRow.newBuilder()
                .setName(name)
                .setTopicId(image.nextTopicId())
                .setReplicas(command.getReplicas())
                .setDeadLettersOf(command.getDeadLettersOf())
                .setConfig(command.getConfig())
                .addAllAssignments(command.getAssignmentsList().stream()
                        .map(this::withFounders)
                        .toList())
                .setSplitVersion(
                        command.getAssignmentsList().stream().anyMatch(PartitionAssignment::hasKeys) ? index : 0)
                .build();
        reply.setTopic(topic);
        events.add("topic " + name + " was created: " + topic.getAssignmentsCount() + " partitions, "
                + topic.getReplicas() + " replicas each");
        return image.withTopic(index, topic);
    }

    private MetadataImage updateTopic(UpdateTopicCommand command) {
        TopicRow existing = image.topic(command.getName());
        if (existing == null) {
            reply.setResult(MetadataResult.METADATA_RESULT_TOPIC_NOT_FOUND);
            return image;
        }
        if (isWorkQueue(command.getConfig())
                && image.groups().of(command.getName()).size() > 1) {
            reply.setResult(MetadataResult.METADATA_RESULT_INVALID)
                    .setMessage("delete all groups of '" + command.getName() + "' but one: a work queue has no more");
            return image;
        }
        if (command.getConfig().hasDedupWindow() && TopicSplits.isUnderWay(existing)) {
            reply.setResult(MetadataResult.METADATA_RESULT_INVALID)
                    .setMessage("wait until '" + command.getName()
                            + "' has its new partitions, and then have message ids known");
            return image;
        }
        int replicas = command.getReplicas() == 0 ? existing.getReplicas() : command.getReplicas();
        if (replicas != existing.getReplicas()) {
            events.add("topic " + command.getName() + " shall have " + replicas + " replicas instead of "
                    + existing.getReplicas());
        }
        TopicRow topic = existing.toBuilder()
                .setConfig(command.getConfig())
                .setReplicas(replicas)
                .build();
        reply.setTopic(topic);
        return image.withTopic(index, topic);
    }

    private static boolean isWorkQueue(TopicConfig config) {
        return config.getSettled() == SettledRetention.SETTLED_RETENTION_WORK_QUEUE;
    }

    private PartitionAssignment withFounders(PartitionAssignment assignment) {
        PartitionAssignment.Builder founded = assignment.toBuilder().clearFounders();
        for (int nodeId : assignment.getReplicaNodesList()) {
            NodeRow node = image.nodes().get(nodeId);
            founded.addFounders(
                    Founder.newBuilder().setNodeId(nodeId).setIncarnation(node == null ? "" : node.getIncarnation()));
        }
        return founded.build();
    }

    private MetadataImage deleteTopic(String name) {
        TopicRow topic = image.topic(name);
        if (topic == null) {
            reply.setResult(MetadataResult.METADATA_RESULT_TOPIC_NOT_FOUND);
            return image;
        }
        reply.setTopic(topic);
        events.add("topic " + name + " was deleted");
        return image.withoutTopic(index, name);
    }

    private MetadataImage openProducer(String name) {
        NamedProducerRow before = image.namedProducers().get(name);
        NamedProducerRow now = before == null
                ? NamedProducerRow.newBuilder()
                        .setName(name)
                        .setProducerId(ProducerIdSpace.NAMED_FROM
                                + image.namedProducers().size())
                        .build()
                : before.toBuilder().setEpoch(before.getEpoch() + 1).build();
        reply.setFirstProducerId(now.getProducerId()).setProducerEpoch(now.getEpoch());
        return image.withNamedProducer(index, now);
    }

    private MetadataImage createGroup(CreateGroupCommand command) {
        TopicRow topic = image.topic(command.getTopic());
        GroupRow existing = image.groups().get(command.getTopic(), command.getName());
        if (topic == null) {
            reply.setResult(MetadataResult.METADATA_RESULT_TOPIC_NOT_FOUND);
            return image;
        }
        if (existing != null) {
            reply.setResult(MetadataResult.METADATA_RESULT_GROUP_EXISTS).setGroup(existing);
            return image;
        }
        if (isWorkQueue(topic.getConfig())
                && !image.groups().of(command.getTopic()).isEmpty()) {
            reply.setResult(MetadataResult.METADATA_RESULT_INVALID)
                    .setMessage("use the group that '" + command.getTopic()
                            + "' has: a work queue has no more than one, since settled records go");
            return image;
        }
        GroupRow group = GroupRow.newBuilder()
                .setGroupId(image.groups().nextId())
                .setTopicId(topic.getTopicId())
                .setTopic(topic.getName())
                .setName(command.getName())
                .setConfig(command.getConfig())
                .setCreatedMs(nowMs)
                .build();
        reply.setGroup(group);
        return image.withGroups(index, image.groups().with(group));
    }

    private MetadataImage updateGroup(UpdateGroupCommand command) {
        GroupRow existing = image.groups().get(command.getTopic(), command.getName());
        if (existing == null) {
            reply.setResult(MetadataResult.METADATA_RESULT_GROUP_NOT_FOUND);
            return image;
        }
        GroupRow group = existing.toBuilder().setConfig(command.getConfig()).build();
        reply.setGroup(group);
        return image.withGroups(index, image.groups().with(group));
    }

    private MetadataImage deleteGroup(DeleteGroupCommand command) {
        GroupRow existing = image.groups().get(command.getTopic(), command.getName());
        if (existing == null) {
            reply.setResult(MetadataResult.METADATA_RESULT_GROUP_NOT_FOUND);
            return image;
        }
        reply.setGroup(existing);
        return image.withGroups(index, image.groups().without(command.getTopic(), command.getName()));
    }
}
