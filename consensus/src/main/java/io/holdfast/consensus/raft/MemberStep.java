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

    /** Who votes and who only follows. */
    public record Members(List<Peer> voters, List<Peer> learners) {}

    /**
     * As {@link #next(List, List, Peer)}, for groups with learners. A learner that is to vote leaves the group first, and a
     * voter that is only to follow comes back when it has left: whoever is one before a step and the other after it has two
     * appenders while the step is under way, and Ratis refuses a second one in the middle of an election, so that the group
     * would never have a leader again.
     *
     * @param leader one of the voters now
     */
    public static Members next(Members now, Members desired, Peer leader) {
        List<Peer> voters = next(now.voters, desired.voters, leader);
        Set<String> voting = Peer.names(voters);
        if (voting.equals(Peer.names(now.voters))) {
            return new Members(voters, without(voting, desired.learners));
        }
        List<Peer> staying = without(voting, now.learners);
        return new Members(staying.size() == now.learners.size() ? voters : now.voters, staying);
    }

    private static List<Peer> without(Set<String> names, List<Peer> peers) {
        return peers.stream().filter(peer -> !names.contains(peer.name())).toList();
    }

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
