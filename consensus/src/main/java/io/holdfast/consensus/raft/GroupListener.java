package io.holdfast.consensus.raft;

/** Hears what happens in the groups of a node. Called on Raft's threads: hand over, never block. */
public interface GroupListener {
    /** A leader is known; it may be this node. */
    void onLeader(GroupId group, int leaderNode);

    /** The local replica leads, and has applied what earlier terms committed: from now on it takes writes. */
    void onLeading(GroupId group);

    /** The local replica found damage and takes no further part. */
    void onDamage(GroupId group, String reason);

    /** The disk failed under the local replica. The process must stop: a failed flush is final. */
    void onDiskFailure(GroupId group, Throwable cause);
}
