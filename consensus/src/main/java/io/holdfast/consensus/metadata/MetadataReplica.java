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
import io.holdfast.internal.v1.FollowMetadataRequest;
import io.holdfast.internal.v1.FollowMetadataResponse;
import io.holdfast.internal.v1.MetadataCommand;
import io.holdfast.internal.v1.MetadataReply;
import io.holdfast.internal.v1.NodeRow;
import io.holdfast.internal.v1.RegisterNodeCommand;
import io.holdfast.storage.state.StateTables;
import java.io.IOException;
import java.util.List;
import java.util.Set;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.ConcurrentHashMap;
import java.util.concurrent.Executor;
import java.util.concurrent.TimeUnit;
import java.util.function.Consumer;
import java.util.function.Function;
import java.util.function.Supplier;
import org.apache.ratis.protocol.Message;
import org.jspecify.annotations.Nullable;

/**
 * The metadata as this node has them. A node that votes on them has a replica of the metadata group. On one that does
 * not, the replica waits to be made a member, and the metadata are those that it has been told by {@link #follow}
 * elsewhere. Any thread; failures are {@link Refusal}s.
 */
public final class MetadataReplica {
    private static final long WAIT_MS_MAX = 5_000;

    private final RaftHost raft;
    private final RaftGroupHandle group;
    private final List<Peer> openedWith;
    private final FollowedMetadata followed;
    private final Executor requests;
    private final Supplier<MetadataMachine> machines;
    private final Set<CompletableFuture<Void>> followers = ConcurrentHashMap.newKeySet();
    private volatile MetadataMachine machine;

    private MetadataReplica(
            RaftHost raft,
            RaftGroupHandle group,
            List<Peer> openedWith,
            FollowedMetadata followed,
            Executor requests,
            Function<Runnable, MetadataMachine> machines) {
        this.raft = raft;
        this.group = group;
        this.openedWith = openedWith;
        this.followed = followed;
        this.requests = requests;
        this.machines = () -> machines.apply(this::onNews);
        this.machine = this.machines.get();
    }

    /**
     * Opens the replica.
     *
     * @param members who vote, at the group's birth; or, if this node is not among them, now
     * @param installer copies checkpoints
     * @param requests answers those who follow
     * @param onChange called with each new image, and maybe older ones, on the thread that made it: hand over, never block
     */
    public static MetadataReplica open(
            RaftHost raft,
            List<Peer> members,
            StateTables tables,
            CheckpointSource source,
            GroupListener listener,
            Executor installer,
            Executor requests,
            Consumer<MetadataImage> onChange)
            throws IOException {
        MetadataReplica replica = new MetadataReplica(
                raft,
                raft.atRest(GroupId.METADATA, Rest.unborn(members)),
                members,
                new FollowedMetadata(tables, System::nanoTime, onChange),
                requests,
                onNews -> new MetadataMachine(tables, source, listener, installer, onChange, onNews));
        replica.followed.load();
        replica.open();
        return replica;
    }

    private void open() throws IOException {
        raft.open(group, openedWith, machine);
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

    public Peer self() {
        return raft.self();
    }

    public RaftGroupHandle group() {
        return group;
    }

    public @Nullable String damage() {
        return machine.damage() != null ? machine.damage() : group.isAlive() ? null : "the replica has stopped";
    }

    /** What this node has heard: a prefix of the metadata's history, maybe not the newest. */
    public MetadataImage image() {
        MetadataImage applied = machine.image();
        MetadataImage told = followed.image();
        return told.version() > applied.version() ? told : applied;
    }

    /** Raft index up to which the image has everything. */
    public long appliedIndex() {
        return Math.max(group.appliedIndex(), followed.index());
    }

    /** Who votes, as far as this node knows. */
    public List<Peer> voters() {
        return followed.votersIndex() > group.membersIndex() ? followed.voters() : group.members();
    }

    /** Whether this node takes part in the group's votes, as far as its own replica knows. */
    public boolean votes() {
        return Peer.names(group.members()).contains(raft.self().name());
    }

    /** Whether this node hears of the metadata by its own replica. If not it must {@link #take} what others tell. */
    public boolean isLed() {
        return votes() && group.leaderNode() != 0 && damage() == null;
    }

    /** Node that leads the metadata group, 0 if not known. */
    public int leaderNode() {
        return isLed() ? group.leaderNode() : followed.leaderNode();
    }

    public long term() {
        return Math.max(group.term(), followed.term());
    }

    // ---- for nodes that follow, and on them

    /** Asks for what has changed since the last answer. */
    public FollowMetadataRequest.Builder whatIsNew() {
        return FollowMetadataRequest.newBuilder()
                .setAppliedIndex(followed.index())
                .setLeaderNode(followed.leaderNode());
    }

    /** Takes over what another node answered. One thread at a time gets through; what is known already stays. */
    public void take(FollowMetadataResponse answer) throws IOException {
        followed.take(answer);
    }

    /** Makes durable what others have told. */
    public void storeTold() throws IOException {
        followed.store();
    }

    /** Answers a node that follows: when there is news for it or it has waited; at once if it asks for all there is. */
    public CompletableFuture<FollowMetadataResponse> follow(FollowMetadataRequest request) {
        if (request.getCurrent()) {
            return current().thenApply(image -> answer(request));
        }
        CompletableFuture<Void> news = new CompletableFuture<>();
        followers.add(news);
        if (group.appliedIndex() > request.getAppliedIndex() || leaderNode() != request.getLeaderNode()) {
            news.complete(null);
        }
        return news.completeOnTimeout(null, Math.min(request.getWaitMs(), WAIT_MS_MAX), TimeUnit.MILLISECONDS)
                .thenApplyAsync(
                        ok -> {
                            followers.remove(news);
                            return answer(request);
                        },
                        requests);
    }

    private void onNews() {
        followers.forEach(news -> news.complete(null));
    }

    private FollowMetadataResponse answer(FollowMetadataRequest request) {
        FollowMetadataResponse.Builder answer = machine.after(request.getAppliedIndex())
                .setLeaderNode(leaderNode())
                .setTerm(term())
                .setVotersIndex(Math.max(followed.votersIndex(), group.membersIndex()))
                .setVotes(votes() && damage() == null);
        for (Peer voter : voters()) {
            answer.addVoters(MetadataImage.row(voter));
        }
        return answer.build();
    }

    // ---- for nodes that vote

    /** The image with everything in it that was committed when this was called. Needs a leader; any voter can. */
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
