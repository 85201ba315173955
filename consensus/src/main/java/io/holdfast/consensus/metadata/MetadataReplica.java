package io.holdfast.consensus.metadata;

import com.google.protobuf.InvalidProtocolBufferException;
import io.holdfast.consensus.Refusal;
import io.holdfast.consensus.raft.CheckpointSource;
import io.holdfast.consensus.raft.GroupId;
import io.holdfast.consensus.raft.GroupListener;
import io.holdfast.consensus.raft.Peer;
import io.holdfast.consensus.raft.RaftBytes;
import io.holdfast.consensus.raft.RaftFailures;
import io.holdfast.consensus.raft.RaftGroupHandle;
import io.holdfast.consensus.raft.RaftHost;
import io.holdfast.internal.v1.FetchCheckpointResponse;
import io.holdfast.internal.v1.MetadataCommand;
import io.holdfast.internal.v1.MetadataReply;
import io.holdfast.internal.v1.NodeRow;
import io.holdfast.internal.v1.RegisterNodeCommand;
import io.holdfast.storage.state.StateTables;
import java.io.IOException;
import java.util.List;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.Executor;
import java.util.function.Consumer;
import org.apache.ratis.protocol.Message;
import org.jspecify.annotations.Nullable;

/** This node's replica of the metadata group. Any thread; failures are {@link Refusal}s. */
public final class MetadataReplica {
    private final RaftGroupHandle group;
    private final MetadataMachine machine;

    private MetadataReplica(RaftGroupHandle group, MetadataMachine machine) {
        this.group = group;
        this.machine = machine;
    }

    /**
     * Opens the replica; see {@link RaftHost#open} for {@code peers}.
     *
     * @param onChange called on the apply thread with each new image: hand over, never block
     */
    public static MetadataReplica open(
            RaftHost raft,
            List<Peer> peers,
            StateTables tables,
            CheckpointSource source,
            GroupListener listener,
            Executor installer,
            Consumer<MetadataImage> onChange)
            throws IOException {
        MetadataMachine machine = new MetadataMachine(tables, source, listener, installer, onChange);
        return new MetadataReplica(raft.open(GroupId.METADATA, peers, machine), machine);
    }

    public RaftGroupHandle group() {
        return group;
    }

    public @Nullable String damage() {
        return machine.damage() != null ? machine.damage() : group.isAlive() ? null : "the replica has stopped";
    }

    /** What this replica has applied: a prefix of the metadata's history, maybe not the newest. */
    public MetadataImage image() {
        return machine.image();
    }

    /** The image with everything in it that was committed when this was called. Needs a leader; any replica can. */
    public CompletableFuture<MetadataImage> current() {
        CompletableFuture<MetadataImage> result = new CompletableFuture<>();
        group.readBarrier().whenComplete((reply, failure) -> {
            Refusal refusal = RaftFailures.refusal(group, image()::apiAddress, reply, failure, false);
            if (refusal != null) {
                result.completeExceptionally(refusal);
            } else {
                result.complete(image());
            }
        });
        return result;
    }

    /** Commits a command. Only the leader can; others refuse and name it. */
    public CompletableFuture<MetadataReply> submit(MetadataCommand command) {
        CompletableFuture<MetadataReply> result = new CompletableFuture<>();
        group.propose(Message.valueOf(RaftBytes.of(command))).whenComplete((reply, failure) -> {
            Refusal refusal = RaftFailures.refusal(group, image()::apiAddress, reply, failure, true);
            if (refusal != null) {
                result.completeExceptionally(refusal);
                return;
            }
            try {
                result.complete(MetadataReply.parseFrom(
                        RaftBytes.buffer(reply.getMessage().getContent())));
            } catch (InvalidProtocolBufferException e) {
                result.completeExceptionally(e);
            }
        });
        return result;
    }

    /** Writes an entry that changes nothing: a registered node registers as it is. Leader only. */
    public void nudge(NodeRow registered) {
        submit(MetadataCommand.newBuilder()
                .setNowMs(System.currentTimeMillis())
                .setRegisterNode(RegisterNodeCommand.newBuilder().setNode(registered))
                .build());
    }

    /** Streams the image to a replica that is far behind. */
    public void sendCheckpoint(long minIndex, Consumer<FetchCheckpointResponse> part) throws IOException {
        machine.sendCheckpoint(minIndex, part);
    }
}
