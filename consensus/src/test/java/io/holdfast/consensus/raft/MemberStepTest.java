package io.holdfast.consensus.raft;

import static org.assertj.core.api.Assertions.assertThat;

import java.util.ArrayList;
import java.util.Collections;
import java.util.List;
import java.util.Random;
import java.util.Set;
import org.junit.jupiter.api.Test;

class MemberStepTest {
    @Test
    void aReplicaMovesInOneStepOfThreeMembers() {
        assertThat(MemberStep.next(peers(1, 2, 3), peers(1, 2, 4), peer(1))).isEqualTo(peers(1, 2, 4));
    }

    @Test
    void aSingleMemberIsJoinedBeforeItGoes() {
        List<Peer> both = MemberStep.next(peers(1), peers(2), peer(1));
        assertThat(both).isEqualTo(peers(1, 2));
        assertThat(MemberStep.next(both, peers(2), peer(1)))
                .as("the leader hands over first")
                .isEqualTo(both);
        assertThat(MemberStep.next(both, peers(2), peer(2))).isEqualTo(peers(2));
    }

    @Test
    void aNewIncarnationTakesThePlaceOfTheOldOne() {
        Peer reborn = new Peer(3, "later", "h3:1");
        List<Peer> desired = List.of(peer(4), peer(1), reborn);
        assertThat(MemberStep.next(peers(1, 2, 3), desired, peer(1)))
                .as("node 4 comes first, and somebody goes")
                .containsExactly(peer(1), peer(3), peer(4));
        assertThat(MemberStep.next(List.of(peer(1), peer(3), peer(4)), desired, peer(1)))
                .containsExactly(peer(1), peer(4), reborn);
    }

    /** From anywhere to anywhere, whoever leads and hands over: it arrives, and no step is one that Ratis refuses. */
    @Test
    void everyWayIsWalkedInSafeSteps() {
        for (int seed = 0; seed < 2_000; seed++) {
            Random random = new Random(seed);
            List<Peer> now = some(random, 1 + random.nextInt(5));
            List<Peer> desired = some(random, 1 + random.nextInt(5));
            Peer leader = now.get(random.nextInt(now.size()));
            int steps = 0;
            while (!Peer.names(now).equals(Peer.names(desired))) {
                assertThat(steps++)
                        .as("seed %d: steps from %s to %s", seed, now, desired)
                        .isLessThan(20);
                List<Peer> next = MemberStep.next(now, desired, leader);
                if (next.equals(now)) {
                    leader = heir(now, desired);
                    continue;
                }
                Set<String> before = Peer.names(now);
                long kept = next.stream().filter(p -> before.contains(p.name())).count();
                long added = next.size() - kept;
                assertThat(added).as("seed %d: %s to %s", seed, now, next).isLessThanOrEqualTo(1);
                boolean firstTwo = now.size() == 1 && next.size() == 2;
                assertThat(added < kept || firstTwo)
                        .as("seed %d: those who know something outnumber the new: %s to %s", seed, now, next)
                        .isTrue();
                assertThat(next).as("seed %d: the leader stays", seed).contains(leader);
                now = next;
            }
        }
    }

    private static Peer heir(List<Peer> now, List<Peer> desired) {
        Set<String> wanted = Peer.names(desired);
        return now.stream().filter(p -> wanted.contains(p.name())).findFirst().orElseThrow();
    }

    private static List<Peer> some(Random random, int count) {
        List<Peer> all = new ArrayList<>(peers(1, 2, 3, 4, 5, 6, 7, 8));
        Collections.shuffle(all, random);
        return new ArrayList<>(all.subList(0, count));
    }

    private static Peer peer(int id) {
        return new Peer(id, "first", "h" + id + ":1");
    }

    private static List<Peer> peers(int... ids) {
        List<Peer> peers = new ArrayList<>();
        for (int id : ids) {
            peers.add(peer(id));
        }
        return peers;
    }
}
