package io.holdfast.node.queue;

import io.holdfast.consensus.partition.PartitionReplica;
import io.holdfast.consensus.raft.GroupId;
import io.holdfast.internal.v1.DescribeQueueRequest;
import io.holdfast.internal.v1.GroupRow;
import io.holdfast.internal.v1.ParentPartition;
import io.holdfast.internal.v1.QueueNodeServiceGrpc;
import io.holdfast.internal.v1.TopicRow;
import io.holdfast.node.cluster.Calls;
import io.holdfast.node.cluster.ClusterState;
import io.holdfast.node.service.Forwarder;
import io.holdfast.v1.QueuePartition;
import java.util.Set;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.ConcurrentHashMap;
import org.jspecify.annotations.Nullable;

/**
 * Which groups must leave which partitions alone: those that keep an order, in a partition that was split off from
 * another, until they have settled there whatever was before the split. Asked by dispatchers; the answers come from the
 * parents' leaders, some times a second, only while somebody asks. Any thread.
 */
public final class ParentGates {
    private final ClusterState state;
    /** Asked for since the last round, and not known to be open. */
    private final Set<Gate> asked = ConcurrentHashMap.newKeySet();

    private final Set<Gate> open = ConcurrentHashMap.newKeySet();

    private record Gate(long queueGroupId, GroupId partition) {}

    public ParentGates(ClusterState state) {
        this.state = state;
    }

    boolean isClosed(long queueGroupId, GroupId partition) {
        if (parent(partition) == null) {
            return false;
        }
        Gate gate = new Gate(queueGroupId, partition);
        if (open.contains(gate)) {
            return false;
        }
        asked.add(gate);
        return true;
    }

    private @Nullable ParentPartition parent(GroupId partition) {
        TopicRow topic = state.image().topic(partition.topicId());
        return topic == null
                        || partition.partition() >= topic.getAssignmentsCount()
                        || !topic.getAssignments(partition.partition()).hasParent()
                ? null
                : topic.getAssignments(partition.partition()).getParent();
    }

    /** Asks the parents' leaders about all gates that somebody has found closed. */
    void round(LocalQueues local, Forwarder forwarder) {
        for (Gate gate : asked) {
            asked.remove(gate);
            ParentPartition parent = parent(gate.partition);
            GroupRow group = state.image().groups().get(gate.queueGroupId);
            PartitionReplica here = state.replica(gate.partition);
            if (parent == null || group == null || here == null || !parent.hasEndOffset()) {
                continue;
            }
            floor(group, parent.getPartition(), local, forwarder).thenAccept(queue -> {
                if (queue.getFloor() >= parent.getEndOffset()) {
                    open.add(gate);
                    here.queues().lane().wakeStalled();
                }
            });
        }
        open.removeIf(gate -> parent(gate.partition) == null);
    }

    private static CompletableFuture<QueuePartition> floor(
            GroupRow group, int partition, LocalQueues local, Forwarder forwarder) {
        DescribeQueueRequest ask = DescribeQueueRequest.newBuilder()
                .setGroupId(group.getGroupId())
                .setPartition(partition)
                .build();
        return forwarder.run(
                GroupId.ofPartition(group.getTopicId(), partition),
                () -> local.describe(group.getGroupId(), partition),
                node -> Calls.map(
                        QueueNodeServiceGrpc.newFutureStub(node).describeQueue(ask), answer -> answer.getQueue()));
    }
}
