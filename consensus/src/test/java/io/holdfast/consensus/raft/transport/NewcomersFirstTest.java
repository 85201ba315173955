package io.holdfast.consensus.raft.transport;

import static org.assertj.core.api.Assertions.assertThat;

import java.util.ArrayList;
import java.util.Collection;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import org.apache.ratis.proto.RaftProtos.RaftPeerRole;
import org.apache.ratis.protocol.RaftPeer;
import org.apache.ratis.protocol.RaftPeerId;
import org.apache.ratis.server.RaftConfiguration;
import org.junit.jupiter.api.Test;

/** Leader a, follower b; at entry 10 d takes the place of c. */
class NewcomersFirstTest {
    private static final long CHANGE = 10;

    private final NewcomersFirst ofB = new NewcomersFirst();
    private final Map<RaftPeerId, Long> has = new HashMap<>();

    private boolean holdsBack(
            NewcomersFirst follower, String name, long nextIndex, RaftConfiguration members, long nowMs) {
        return follower.holdBack(members, id(name), nextIndex, peer -> has.getOrDefault(peer, -1L), id("a"), nowMs);
    }

    @Test
    void shouldLetTheOthersWaitUntilTheNewcomerHasTheEntry() {
        has.put(id("d"), CHANGE - 1);
        assertThat(holdsBack(ofB, "b", CHANGE, changing(), 0)).isTrue();
        has.put(id("d"), CHANGE);
        assertThat(holdsBack(ofB, "b", CHANGE, changing(), 0)).isFalse();
    }

    @Test
    void shouldNotLetTheNewcomerWait() {
        assertThat(holdsBack(new NewcomersFirst(), "d", CHANGE, changing(), 0)).isFalse();
    }

    @Test
    void shouldLetTheOneThatGoesWaitToo() {
        assertThat(holdsBack(new NewcomersFirst(), "c", CHANGE, changing(), 0)).isTrue();
    }

    @Test
    void shouldNotWaitForANewcomerForEver() {
        assertThat(holdsBack(ofB, "b", CHANGE, changing(), 7_000)).isTrue();
        assertThat(holdsBack(ofB, "b", CHANGE, changing(), 7_000 + NewcomersFirst.PATIENCE_MS - 1))
                .isTrue();
        assertThat(holdsBack(ofB, "b", CHANGE, changing(), 7_000 + NewcomersFirst.PATIENCE_MS))
                .isFalse();
    }

    @Test
    void shouldLetWhatComesAfterTheEntryPass() {
        assertThat(holdsBack(ofB, "b", CHANGE + 1, changing(), 0)).isFalse();
    }

    @Test
    void shouldHoldNothingBackWhenNothingChanges() {
        assertThat(holdsBack(ofB, "b", CHANGE, members(CHANGE, List.of("a", "b", "c"), List.of()), 0))
                .isFalse();
    }

    @Test
    void shouldHoldNothingBackWhenSomebodyOnlyGoes() {
        assertThat(holdsBack(ofB, "b", CHANGE, members(CHANGE, List.of("a", "b"), List.of("a", "b", "c")), 0))
                .isFalse();
    }

    private static RaftConfiguration changing() {
        return members(CHANGE, List.of("a", "b", "d"), List.of("a", "b", "c"));
    }

    private static RaftPeerId id(String name) {
        return RaftPeerId.valueOf(name);
    }

    private static RaftConfiguration members(long index, List<String> current, List<String> previous) {
        return new RaftConfiguration() {
            private List<RaftPeer> peers(List<String> names) {
                List<RaftPeer> peers = new ArrayList<>();
                names.forEach(
                        name -> peers.add(RaftPeer.newBuilder().setId(name).build()));
                return peers;
            }

            @Override
            public RaftPeer getPeer(RaftPeerId peer, RaftPeerRole... roles) {
                throw new UnsupportedOperationException();
            }

            @Override
            public Collection<RaftPeer> getAllPeers(RaftPeerRole role) {
                throw new UnsupportedOperationException();
            }

            @Override
            public Collection<RaftPeer> getCurrentPeers(RaftPeerRole role) {
                return peers(current);
            }

            @Override
            public Collection<RaftPeer> getPreviousPeers(RaftPeerRole role) {
                return peers(previous);
            }

            @Override
            public long getLogEntryIndex() {
                return index;
            }
        };
    }
}
