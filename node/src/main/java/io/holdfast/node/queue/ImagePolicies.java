package io.holdfast.node.queue;

import io.holdfast.consensus.metadata.QueueGroups;
import io.holdfast.consensus.queue.QueuePolicies;
import io.holdfast.consensus.queue.QueuePolicy;
import io.holdfast.consensus.raft.GroupId;
import io.holdfast.internal.v1.GroupRow;
import io.holdfast.node.cluster.ClusterState;
import org.jspecify.annotations.Nullable;

/** Queue policies as this node's image of the metadata has them. */
public final class ImagePolicies implements QueuePolicies {
    private final ClusterState state;
    private final ParentGates gates;

    public ImagePolicies(ClusterState state, ParentGates gates) {
        this.state = state;
        this.gates = gates;
    }

    @Override
    public @Nullable QueuePolicy of(long groupId) {
        GroupRow group = state.image().groups().get(groupId);
        return group == null ? null : QueuePolicy.of(group.getConfig(), group.getCreatedMs());
    }

    @Override
    public boolean isHeldBack(long groupId, GroupId partition) {
        return gates.isClosed(groupId, partition);
    }

    @Override
    public boolean isDeleted(long groupId) {
        QueueGroups groups = state.image().groups();
        return groupId < groups.nextId() && groups.get(groupId) == null;
    }
}
