package io.holdfast.consensus.metadata;

import io.holdfast.consensus.raft.CheckpointSource;
import io.holdfast.consensus.raft.GroupId;
import io.holdfast.consensus.raft.GroupListener;
import io.holdfast.consensus.raft.GroupMachine;
import io.holdfast.consensus.raft.RaftBytes;
import io.holdfast.internal.v1.CheckpointStart;
import io.holdfast.internal.v1.FetchCheckpointResponse;
import io.holdfast.internal.v1.FollowMetadataResponse;
import io.holdfast.internal.v1.MetadataCommand;
import io.holdfast.internal.v1.MetadataImageRow;
import io.holdfast.internal.v1.MetadataReply;
import io.holdfast.internal.v1.NumberedCommand;
import io.holdfast.storage.state.StateTables;
import io.holdfast.storage.state.StateTables.Table;
import io.holdfast.storage.state.StateTables.Update;
import java.io.IOException;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.Executor;
import java.util.function.Consumer;
import org.apache.ratis.proto.RaftProtos.LogEntryProto;
import org.apache.ratis.protocol.Message;
import org.apache.ratis.protocol.RaftClientRequest;
import org.apache.ratis.protocol.RaftGroupMemberId;
import org.apache.ratis.protocol.RaftPeerId;
import org.apache.ratis.server.protocol.TermIndex;
import org.apache.ratis.statemachine.TransactionContext;
import org.jspecify.annotations.Nullable;

/** The state machine of the metadata group: a {@link MetadataImage}, replaced by each command. */
final class MetadataMachine extends GroupMachine {
    private static final int TAIL_COMMANDS_MAX = 1_000;
    private static final long TAIL_BYTES_MAX = 1 << 20;

    private final StateTables tables;
    private final CheckpointSource source;
    private final Consumer<MetadataImage> onChange;
    private final Runnable onNews;
    /** Guarded by the state lock. */
    private final MetadataTail tail = new MetadataTail(TAIL_COMMANDS_MAX, TAIL_BYTES_MAX);

    private volatile MetadataImage image = MetadataImage.EMPTY;
    private long nowMs;

    /**
     * @param onChange called on the apply thread with each new image: hand over, never block
     * @param onNews called after each applied entry and when another leads: hand over, never block
     */
    MetadataMachine(
            StateTables tables,
            CheckpointSource source,
            GroupListener listener,
            Executor installer,
            Consumer<MetadataImage> onChange,
            Runnable onNews) {
        super(GroupId.METADATA, listener, installer);
        this.tables = tables;
        this.source = source;
        this.onChange = onChange;
        this.onNews = onNews;
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
        tail.restart(row.getAppliedIndex());
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
        MetadataReply.Builder reply = MetadataReply.newBuilder();
        MetadataImage changed = MetadataCommands.apply(image, frame.index(), nowMs, command, reply);
        if (changed != image) {
            publish(changed);
        }
        tail.add(frame.index(), command);
        return Message.valueOf(RaftBytes.of(reply.build()));
    }

    @Override
    protected void applied() {
        onNews.run();
    }

    @Override
    public void notifyLeaderChanged(RaftGroupMemberId member, RaftPeerId newLeader) {
        super.notifyLeaderChanged(member, newLeader);
        onNews.run();
    }

    // ---- catching up

    /** What came after a Raft index, for a node that follows: commands, or the image whole. */
    FollowMetadataResponse.Builder after(long index) {
        synchronized (stateLock()) {
            TermIndex applied = getLastAppliedTermIndex();
            FollowMetadataResponse.Builder answer =
                    FollowMetadataResponse.newBuilder().setAppliedIndex(Math.max(0, applied.getIndex()));
            List<NumberedCommand> commands = tail.after(index);
            return commands == null
                    ? answer.setImage(image.toRow(applied.getIndex(), applied.getTerm(), nowMs))
                    : answer.addAllCommands(commands);
        }
    }

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
    protected TermIndex endOf(Object fetched) {
        MetadataImageRow row = (MetadataImageRow) fetched;
        return TermIndex.valueOf(row.getAppliedTerm(), row.getAppliedIndex());
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
