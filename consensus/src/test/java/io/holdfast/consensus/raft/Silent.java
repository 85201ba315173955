package io.holdfast.consensus.raft;

/** Wants no news. */
public class Silent implements GroupListener {
    @Override
    public void onLeader(GroupId group, int leaderNode) {}

    @Override
    public void onLeading(GroupId group) {}

    @Override
    public void onDamage(GroupId group, String reason) {}

    @Override
    public void onDiskFailure(GroupId group, Throwable cause) {}
}
