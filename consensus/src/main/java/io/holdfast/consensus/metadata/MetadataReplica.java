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
import io.holdfast.consensus.raft.RaftGroupHandle.Rest;
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
import java.util.function.Supplier;
import org.apache.ratis.protocol.Message;
import org.jspecify.annotations.Nullable;

/** This node's replica of the metadata group. Any thread; failures are {@link Refusal}s. */
public final class MetadataReplica {
    private final RaftHost raft;
    private final RaftGroupHandle group;
    private final List<Peer> openedWith;
    private final boolean learner;
    private final Supplier<MetadataMachine> machines;
    private volatile MetadataMachine machine;

    private MetadataReplica(
            RaftHost raft,
            RaftGroupHandle group,
            List<Peer> openedWith,
            boolean learner,
            Supplier<MetadataMachine> machines) {
        this.raft = raft;
        this.group = group;
        this.openedWith = openedWith;
        this.learner = learner;
        this.machines = machines;
        this.machine = machines.get();
    }

    /**
     * Opens the replica.
     *
     * @param members who vote, at the group's birth or, for a learner, now
     * @param learner this node is not among the members: it follows them until they make it one
     * @param onChange called on the apply thread with each new image: hand over, never block
     */
    public static MetadataReplica open(
            RaftHost raft,
            List<Peer> members,
            boolean learner,
            StateTables tables,
            CheckpointSource source,
            GroupListener listener,
            Executor installer,
            Consumer<MetadataImage> onChange)
            throws IOException {
        MetadataReplica replica = new MetadataReplica(
                raft,
                raft.atRest(GroupId.METADATA, Rest.unborn(members)),
                members,
                learner,
                () -> new MetadataMachine(tables, source, listener, installer, onChange));
        replica.open();
        return replica;
    }

    private void open() throws IOException {
        if (learner) {
            raft.openAsLearner(group, openedWith, machine);
        } else {
            raft.open(group, openedWith, machine);
        }
    }

    /**
     * Opens the replica again if Ratis has given it up, which it does with a member that finds itself to be none any
     * more. It goes on as what its log says it is. Blocks.
     */
    public void reopenIfStopped() throws IOException {
        if (!group.isAlive() && machine.damage() == null) {
            raft.close(GroupId.METADATA, false);
            machine = machines.get();
            open();
        }
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
