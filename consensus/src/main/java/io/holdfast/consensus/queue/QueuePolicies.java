package io.holdfast.consensus.queue;

import org.jspecify.annotations.Nullable;

/** What the metadata says of queue groups. Any thread. */
public interface QueuePolicies {
    /** Null if no such group is known here. */
    @Nullable
    QueuePolicy of(long groupId);

    /** Whether there was such a group, and is no more; false if it may just not be known here yet. */
    boolean isDeleted(long groupId);
}
