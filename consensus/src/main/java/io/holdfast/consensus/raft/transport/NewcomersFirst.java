package io.holdfast.consensus.raft.transport;

import java.util.HashSet;
import java.util.Set;
import java.util.function.ToLongFunction;
import org.apache.ratis.protocol.RaftPeer;
import org.apache.ratis.protocol.RaftPeerId;
import org.apache.ratis.server.RaftConfiguration;

/**
 * Who hears first of a change of members. As soon as a majority has the entry that begins it, the new members' votes are
 * needed, and only who has that entry in its log knows that it may vote (docs/decisions/0007). If the leader died just
 * then, before a new member had it, the group could find no other. So the others hear of it when the new members have it,
 * or have had their time. Of one follower; not thread-safe.
 */
final class NewcomersFirst {
    static final long PATIENCE_MS = 500;

    private long change = -1;
    private long sinceMs;

    /**
     * Whether this follower is to get no entries now.
     *
     * @param nextIndex the entry that the follower would get next
     * @param has up to which index another member has the log, as far as this leader knows
     * @param nowMs of a clock that does not go back
     */
    boolean holdBack(
            RaftConfiguration members,
            RaftPeerId follower,
            long nextIndex,
            ToLongFunction<RaftPeerId> has,
            RaftPeerId self,
            long nowMs) {
        long index = members.getLogEntryIndex();
        if (members.getPreviousPeers().isEmpty() || nextIndex > index) {
            return false;
        }
        Set<RaftPeerId> newcomers = new HashSet<>();
        members.getCurrentPeers().forEach(peer -> newcomers.add(peer.getId()));
        members.getPreviousPeers().stream().map(RaftPeer::getId).forEach(newcomers::remove);
        newcomers.remove(self);
        if (newcomers.contains(follower) || newcomers.stream().allMatch(id -> has.applyAsLong(id) >= index)) {
            return false;
        }
        if (change != index) {
            change = index;
            sinceMs = nowMs;
        }
        return nowMs - sinceMs < PATIENCE_MS;
    }
}
