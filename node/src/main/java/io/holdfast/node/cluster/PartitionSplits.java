package io.holdfast.node.cluster;

import io.holdfast.consensus.metadata.MetadataImage;
import io.holdfast.consensus.metadata.TopicKeys;
import io.holdfast.consensus.partition.PartitionReplica;
import io.holdfast.consensus.raft.GroupId;
import io.holdfast.internal.v1.ConfirmSplitsCommand;
import io.holdfast.internal.v1.ConfirmedSplit;
import io.holdfast.internal.v1.MetadataCommand;
import io.holdfast.internal.v1.ParentPartition;
import io.holdfast.internal.v1.PartitionAssignment;
import io.holdfast.internal.v1.TopicRow;
import java.time.Duration;
import java.util.HashSet;
import java.util.Set;
import java.util.concurrent.ConcurrentHashMap;
import org.jspecify.annotations.Nullable;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * Splits the partitions that this node leads, or would lead, where the metadata want it, and tells the metadata where
 * that took effect (docs/decisions/0019); later, when nothing is left from before, that it is over. May be interrupted
 * anywhere: a split that took effect says the same place again. By the reconciler.
 */
final class PartitionSplits {
    private static final Logger LOG = LoggerFactory.getLogger(PartitionSplits.class);
    private static final Duration PATIENCE = Duration.ofSeconds(10);

    private final ClusterState state;
    private final MetadataClient metadata;
    private final Set<GroupId> underWay = ConcurrentHashMap.newKeySet();

    PartitionSplits(ClusterState state, MetadataClient metadata) {
        this.state = state;
        this.metadata = metadata;
    }

    void keep(MetadataImage image) {
        for (TopicRow topic : image.topics().values()) {
            if (TopicKeys.hasGrown(topic)) {
                keep(topic);
            }
        }
    }

    private void keep(TopicRow topic) {
        Set<Integer> toSplit = new HashSet<>();
        for (PartitionAssignment assignment : topic.getAssignmentsList()) {
            if (TopicKeys.isSplitting(assignment)) {
                toSplit.add(assignment.getParent().getPartition());
            } else if (assignment.hasParent()) {
                endIfOver(topic, assignment.getParent());
            }
        }
        toSplit.forEach(parent -> split(topic, parent));
    }

    private void split(TopicRow topic, int parent) {
        PartitionReplica replica = led(topic, parent);
        GroupId group = MetadataImage.group(topic, parent);
        if (replica == null || !underWay.add(group)) {
            return;
        }
        replica.split(topic.getSplitVersion())
                .thenCompose(end -> {
                    LOG.info("{}/{} is split at offset {}", topic.getName(), parent, end);
                    return metadata.submit(
                            command(ConfirmedSplit.newBuilder()
                                    .setTopicId(topic.getTopicId())
                                    .setParent(parent)
                                    .setSplitVersion(topic.getSplitVersion())
                                    .setEndOffset(end)),
                            PATIENCE);
                })
                .whenComplete((ok, failure) -> {
                    underWay.remove(group);
                    if (failure != null) {
                        LOG.info("{}/{} is not split yet: {}", topic.getName(), parent, failure.getMessage());
                    }
                });
    }

    private void endIfOver(TopicRow topic, ParentPartition parent) {
        PartitionReplica replica = led(topic, parent.getPartition());
        GroupId group = MetadataImage.group(topic, parent.getPartition());
        if (replica == null || replica.log().startOffset() < parent.getEndOffset() || !underWay.add(group)) {
            return;
        }
        metadata.submit(
                        command(ConfirmedSplit.newBuilder()
                                .setTopicId(topic.getTopicId())
                                .setParent(parent.getPartition())
                                .setSplitVersion(topic.getSplitVersion())
                                .setEndOffset(parent.getEndOffset())
                                .setIsOver(true)),
                        PATIENCE)
                .whenComplete((ok, failure) -> underWay.remove(group));
    }

    private static MetadataCommand command(ConfirmedSplit.Builder split) {
        return MetadataCommand.newBuilder()
                .setConfirmSplits(ConfirmSplitsCommand.newBuilder().addConfirmed(split))
                .build();
    }

    /** The local replica if it leads, or is at rest and would. */
    private @Nullable PartitionReplica led(TopicRow topic, int partition) {
        PartitionReplica replica = state.replica(MetadataImage.group(topic, partition));
        boolean leads = replica != null
                && (replica.isSettled()
                        ? replica.group().isReadyLeader()
                        : state.leader(MetadataImage.group(topic, partition)) == state.nodeId());
        return leads ? replica : null;
    }
}
