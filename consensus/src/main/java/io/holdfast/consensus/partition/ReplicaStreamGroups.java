package io.holdfast.consensus.partition;

import io.holdfast.consensus.stream.StreamCoordinator;
import io.holdfast.consensus.stream.StreamGroupTable;
import io.holdfast.consensus.stream.StreamResources;
import io.holdfast.consensus.stream.StreamShard;
import io.holdfast.internal.v1.PartitionReply;
import io.holdfast.internal.v1.StreamCommand;
import io.holdfast.internal.v1.StreamResult;
import java.util.List;
import java.util.concurrent.CompletableFuture;
import java.util.function.Function;

/** A replica's stream groups: what {@link StreamCoordinator} needs of the replica. */
public final class ReplicaStreamGroups extends ReplicaLeadership implements StreamShard {
    private final StreamCoordinator coordinator;

    ReplicaStreamGroups(PartitionReplica replica, StreamResources resources) {
        super(replica);
        coordinator = new StreamCoordinator(this, resources);
    }

    /** Of a replica that is open; see {@link PartitionReplica#awake}. */
    public StreamCoordinator coordinator() {
        return coordinator;
    }

    @Override
    public CompletableFuture<List<StreamResult>> propose(StreamCommand command) {
        return replica().propose(entry -> entry.setStream(command)).thenApply(PartitionReply::getStreamList);
    }

    @Override
    public CompletableFuture<Void> barrier() {
        return replica().barrier();
    }

    /** Of a replica that is open. */
    @Override
    public <T> T ask(Function<StreamGroupTable, T> question) {
        return replica().ask(open -> open.ask(state -> question.apply(state.streamGroups())), atRest -> {
            throw notLeader();
        });
    }
}
