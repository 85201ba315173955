package io.holdfast.consensus.partition;

import io.holdfast.consensus.Leadership;
import io.holdfast.consensus.Refusal;

/** Who leads, as a partition's replica knows it. */
abstract class ReplicaLeadership implements Leadership {
    private final PartitionReplica replica;

    ReplicaLeadership(PartitionReplica replica) {
        this.replica = replica;
    }

    PartitionReplica replica() {
        return replica;
    }

    @Override
    public boolean leads() {
        return replica.isOpen() && replica.group().isReadyLeader();
    }

    @Override
    public long term() {
        return replica.group().term();
    }

    @Override
    public Refusal notLeader() {
        return replica.notLeader();
    }
}
