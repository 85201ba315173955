package io.holdfast.consensus.raft.transport;

import java.util.Collection;
import java.util.function.Predicate;
import org.apache.ratis.protocol.RaftPeer;
import org.apache.ratis.protocol.RaftPeerId;
import org.apache.ratis.server.RaftConfiguration;
import org.apache.ratis.server.RaftServer;

/** Majorities of a leader's present members, and of the former ones too while they change. */
final class Majority {
    private Majority() {}

    /** Whether this replica and these others are one. */
    static boolean has(RaftServer.Division self, Predicate<RaftPeerId> others) {
        RaftConfiguration members = self.getRaftConf();
        Predicate<RaftPeerId> with = id -> id.equals(self.getId()) || others.test(id);
        return has(members.getCurrentPeers(), with)
                && (members.getPreviousPeers().isEmpty() || has(members.getPreviousPeers(), with));
    }

    private static boolean has(Collection<RaftPeer> members, Predicate<RaftPeerId> with) {
        return members.stream().map(RaftPeer::getId).filter(with).count() > members.size() / 2;
    }
}
