package io.holdfast.consensus.metadata;

import io.holdfast.consensus.ProducerIdSpace;
import io.holdfast.consensus.raft.CheckpointSource;
import io.holdfast.consensus.raft.GroupId;
import io.holdfast.consensus.raft.GroupListener;
import io.holdfast.consensus.raft.GroupMachine;
import io.holdfast.consensus.raft.RaftBytes;
import io.holdfast.internal.v1.CheckpointStart;
import io.holdfast.internal.v1.CreateGroupCommand;
import io.holdfast.internal.v1.DeleteGroupCommand;
import io.holdfast.internal.v1.FetchCheckpointResponse;
import io.holdfast.internal.v1.GroupRow;
import io.holdfast.internal.v1.MetadataCommand;
import io.holdfast.internal.v1.MetadataImageRow;
import io.holdfast.internal.v1.MetadataReply;
import io.holdfast.internal.v1.MetadataResult;
import io.holdfast.internal.v1.NamedProducerRow;
import io.holdfast.internal.v1.NodeRow;
import io.holdfast.internal.v1.PartitionAssignment;
import io.holdfast.internal.v1.TopicRow;
import io.holdfast.internal.v1.UpdateGroupCommand;
import io.holdfast.internal.v1.UpdateTopicCommand;
import io.holdfast.storage.state.StateTables;
import io.holdfast.storage.state.StateTables.Table;
import io.holdfast.storage.state.StateTables.Update;
import io.holdfast.v1.SettledRetention;
import io.holdfast.v1.TopicConfig;
import java.io.IOException;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.Executor;
import java.util.function.Consumer;
import org.apache.ratis.proto.RaftProtos.LogEntryProto;
import org.apache.ratis.protocol.Message;
import org.apache.ratis.protocol.RaftClientRequest;
import org.apache.ratis.server.protocol.TermIndex;
import org.apache.ratis.statemachine.TransactionContext;
import org.jspecify.annotations.Nullable;

/** The state machine of the metadata group: a {@link MetadataImage}, replaced by each command. */
final class MetadataMachine extends GroupMachine {
    private final StateTables tables;
    private final CheckpointSource source;
    private final Consumer<MetadataImage> onChange;
    private volatile MetadataImage image = MetadataImage.EMPTY;
    private long nowMs;

    /** @param onChange called on the apply thread with each new image: hand over, never block */
    MetadataMachine(
            StateTables tables,
            CheckpointSource source,
            GroupListener listener,
            Executor installer,
            Consumer<MetadataImage> onChange) {
        super(GroupId.METADATA, listener, installer);
        this.tables = tables;
        this.source = source;
        this.onChange = onChange;
    }

    MetadataImage image() {
        return image;
    }

    private void publish(MetadataImage changed) {
        image = changed;
        onChange.accept(changed);
    }

    @Override
    protected @Nullable TermIndex load() throws IOException {
        byte[] bytes = tables.get(Table.CHECKPOINTS, GroupId.METADATA.bytes());
        return bytes == null ? null : restore(MetadataImageRow.parseFrom(bytes));
    }

    private TermIndex restore(MetadataImageRow row) {
        nowMs = row.getNowMs();
        publish(MetadataImage.of(row));
        return TermIndex.valueOf(row.getAppliedTerm(), row.getAppliedIndex());
    }

    @Override
    protected void store(TermIndex appliedUpTo) throws IOException {
        MetadataImageRow row = image.toRow(appliedUpTo.getIndex(), appliedUpTo.getTerm(), nowMs);
        tables.write(new Update().put(Table.CHECKPOINTS, GroupId.METADATA.bytes(), row.toByteArray()));
    }

    @Override
    public TransactionContext startTransaction(RaftClientRequest request) {
        return TransactionContext.newBuilder()
                .setStateMachine(this)
                .setClientRequest(request)
                .setLogData(request.getMessage().getContent())
                .build();
    }

    @Override
    protected Message apply(FrameOfEntry frame, LogEntryProto entry) throws IOException {
        MetadataCommand command = MetadataCommand.parseFrom(
                RaftBytes.buffer(entry.getStateMachineLogEntry().getLogData()));
        nowMs = Math.max(nowMs, command.getNowMs());
        MetadataReply.Builder reply = MetadataReply.newBuilder()
                .setResult(MetadataResult.METADATA_RESULT_DONE)
                .setIndex(frame.index());
        MetadataImage changed = switch (command.getCommandCase()) {
            case REGISTER_NODE ->
                image.withNode(frame.index(), command.getRegisterNode().getNode());
            case CREATE_TOPIC -> createTopic(frame.index(), command, reply);
            case DELETE_TOPIC ->
                deleteTopic(frame.index(), command.getDeleteTopic().getName(), reply);
            case ALLOCATE_PRODUCER_IDS -> {
                reply.setFirstProducerId(image.nextProducerId());
                yield image.withNextProducerId(
                        frame.index(),
                        image.nextProducerId()
                                + command.getAllocateProducerIds().getCount());
            }
            case OPEN_NAMED_PRODUCER ->
                openProducer(frame.index(), command.getOpenNamedProducer().getName(), reply);
            case UPDATE_TOPIC -> updateTopic(frame.index(), command.getUpdateTopic(), reply);
            case CREATE_GROUP -> createGroup(frame.index(), command.getCreateGroup(), reply);
            case UPDATE_GROUP -> updateGroup(frame.index(), command.getUpdateGroup(), reply);
            case DELETE_GROUP -> deleteGroup(frame.index(), command.getDeleteGroup(), reply);
            default -> throw new IOException("entry " + frame.index() + " holds a command of a later version");
        };
        if (changed != image) {
            publish(changed);
        }
        return Message.valueOf(RaftBytes.of(reply.build()));
    }

    private MetadataImage createTopic(long index, MetadataCommand command, MetadataReply.Builder reply) {
        String name = command.getCreateTopic().getName();
        TopicRow existing = image.topic(name);
        if (existing != null) {
            reply.setResult(MetadataResult.METADATA_RESULT_TOPIC_EXISTS).setTopic(existing);
            return image;
        }
        TopicRow topic = TopicRow.newBuilder()
                .setName(name)
                .setTopicId(image.nextTopicId())
                .setReplicas(command.getCreateTopic().getReplicas())
                .setDeadLettersOf(command.getCreateTopic().getDeadLettersOf())
                .setConfig(command.getCreateTopic().getConfig())
                .addAllAssignments(command.getCreateTopic().getAssignmentsList().stream()
                        .map(this::withFounders)
                        .toList())
                .build();
        reply.setTopic(topic);
        return image.withTopic(index, topic);
    }

    private MetadataImage updateTopic(long index, UpdateTopicCommand command, MetadataReply.Builder reply) {
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
        TopicRow topic = existing.toBuilder().setConfig(command.getConfig()).build();
        reply.setTopic(topic);
        return image.withTopic(index, topic);
    }

    private static boolean isWorkQueue(TopicConfig config) {
        return config.getSettled() == SettledRetention.SETTLED_RETENTION_WORK_QUEUE;
    }

    private PartitionAssignment withFounders(PartitionAssignment assignment) {
        PartitionAssignment.Builder founded = assignment.toBuilder().clearFounderIncarnations();
        for (int nodeId : assignment.getReplicaNodesList()) {
            NodeRow node = image.nodes().get(nodeId);
            founded.addFounderIncarnations(node == null ? "" : node.getIncarnation());
        }
        return founded.build();
    }

    private MetadataImage deleteTopic(long index, String name, MetadataReply.Builder reply) {
        TopicRow topic = image.topic(name);
        if (topic == null) {
            reply.setResult(MetadataResult.METADATA_RESULT_TOPIC_NOT_FOUND);
            return image;
        }
        reply.setTopic(topic);
        return image.withoutTopic(index, name);
    }

    private MetadataImage openProducer(long index, String name, MetadataReply.Builder reply) {
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

    private MetadataImage createGroup(long index, CreateGroupCommand command, MetadataReply.Builder reply) {
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

    private MetadataImage updateGroup(long index, UpdateGroupCommand command, MetadataReply.Builder reply) {
        GroupRow existing = image.groups().get(command.getTopic(), command.getName());
        if (existing == null) {
            reply.setResult(MetadataResult.METADATA_RESULT_GROUP_NOT_FOUND);
            return image;
        }
        GroupRow group = existing.toBuilder().setConfig(command.getConfig()).build();
        reply.setGroup(group);
        return image.withGroups(index, image.groups().with(group));
    }

    private MetadataImage deleteGroup(long index, DeleteGroupCommand command, MetadataReply.Builder reply) {
        GroupRow existing = image.groups().get(command.getTopic(), command.getName());
        if (existing == null) {
            reply.setResult(MetadataResult.METADATA_RESULT_GROUP_NOT_FOUND);
            return image;
        }
        reply.setGroup(existing);
        return image.withGroups(index, image.groups().without(command.getTopic(), command.getName()));
    }

    // ---- catching up

    void sendCheckpoint(long minIndex, Consumer<FetchCheckpointResponse> part) throws IOException {
        MetadataImageRow row;
        synchronized (stateLock()) {
            TermIndex applied = getLastAppliedTermIndex();
            if (applied.getIndex() < minIndex) {
                throw new IOException("metadata has been applied up to " + applied.getIndex() + " only");
            }
            row = image.toRow(applied.getIndex(), applied.getTerm(), nowMs);
        }
        part.accept(FetchCheckpointResponse.newBuilder()
                .setStart(CheckpointStart.newBuilder().setMetadata(row))
                .build());
    }

    @Override
    protected Object fetch(int leaderNode, long minIndex) throws IOException {
        List<MetadataImageRow> received = new ArrayList<>();
        source.fetch(
                leaderNode,
                GroupId.METADATA,
                minIndex,
                part -> received.add(part.getStart().getMetadata()));
        if (received.size() != 1) {
            throw new IOException("expected one metadata image, got " + received.size());
        }
        return received.get(0);
    }

    @Override
    protected TermIndex adopt(Object fetched) throws IOException {
        MetadataImageRow row = (MetadataImageRow) fetched;
        tables.write(new Update().put(Table.CHECKPOINTS, GroupId.METADATA.bytes(), row.toByteArray()));
        return restore(row);
    }

    @Override
    protected void release() {}
}
