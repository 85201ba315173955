package io.holdfast.node.cluster;

import io.holdfast.consensus.metadata.MetadataImage;
import io.holdfast.consensus.raft.GroupId;
import io.holdfast.consensus.raft.Peer;
import io.holdfast.internal.v1.PartitionAssignment;
import io.holdfast.internal.v1.TopicRow;
import java.util.Collection;
import java.util.List;

/**
 * What the metadata want of a partition's group.
 *
 * @param members who shall be its members; empty if there is no such partition
 * @param unconfirmedChange the change of its nodes that has not been confirmed yet, 0 if there is none
 */
record Wanted(List<Peer> members, long unconfirmedChange) {
    static final Wanted NOTHING = new Wanted(List.of(), 0);

    static Wanted of(MetadataImage image, GroupId group) {
        TopicRow topic = image.topic(group.topicId());
        if (topic == null || group.partition() >= topic.getAssignmentsCount()) {
            return NOTHING;
        }
        PartitionAssignment assignment = topic.getAssignments(group.partition());
        return new Wanted(image.peers(topic, group.partition()), assignment.getUnconfirmedChange());
    }

    /** Whether a group with these members is as it should be, and the metadata know. */
    boolean isReached(Collection<Peer> now) {
        return unconfirmedChange == 0 && isMembers(now);
    }

    boolean isMembers(Collection<Peer> now) {
        return Peer.names(now).equals(Peer.names(members));
    }
}
