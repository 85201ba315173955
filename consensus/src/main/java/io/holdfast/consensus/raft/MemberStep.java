package io.holdfast.consensus.raft;

import java.util.ArrayList;
import java.util.List;
import java.util.Set;

/**
 * The way from the members that a group has to those that it shall have, one step at a time. A pure function.
 *
 * <p>Each step adds one member at most, and fewer than stay, which Ratis demands so that those who know nothing yet can
 * never outvote those who do. Where it can, the step that adds one takes one away too, so that the number of members
 * stays odd. The leader, who carries the steps out, is never taken away: it hands over first.
 */
public final class MemberStep {
    private MemberStep() {}

    /**
     * @param leader one of {@code now}
     * @return the members after the next step; {@code now}, if only the leader itself is left to go, or nothing
     */
    public static List<Peer> next(List<Peer> now, List<Peer> desired, Peer leader) {
        Set<String> wanted = Peer.names(desired);
        Set<String> have = Peer.names(now);
        List<Peer> coming = new ArrayList<>(desired);
        coming.removeIf(peer -> have.contains(peer.name()));
        List<Peer> going = new ArrayList<>(now);
        going.removeIf(peer -> wanted.contains(peer.name()) || peer.name().equals(leader.name()));
        List<Peer> next = new ArrayList<>(now);
        if (coming.isEmpty()) {
            next.removeAll(going);
            return next;
        }
        // The old incarnation of the node that comes is the one that goes.
        Peer first = coming.get(0);
        going.sort((a, b) -> Boolean.compare(b.nodeId() == first.nodeId(), a.nodeId() == first.nodeId()));
        boolean enoughStay = now.size() > 2;
        if (!going.isEmpty() && enoughStay) {
            next.remove(going.get(0));
        }
        next.add(first);
        return next;
    }
}
