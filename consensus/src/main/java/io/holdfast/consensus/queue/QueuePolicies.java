package io.holdfast.consensus.queue;

import io.holdfast.consensus.raft.GroupId;
import org.jspecify.annotations.Nullable;

/** What the metadata says of queue groups. Any thread. */
public interface QueuePolicies {
    /** Null if no such group is known here. */
    @Nullable
    QueuePolicy of(long groupId);

    /**
     * Whether a group that keeps the order of keys must leave a partition alone for now: it was split off from another, in
     * which the group has not settled all earlier records of its keys.
     */
    boolean isHeldBack(long groupId, GroupId partition);

    /** Whether there was such a group, and is no more; false if it may just not be known here yet. */
    boolean isDeleted(long groupId);
}
