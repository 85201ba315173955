package io.holdfast.consensus.stream;

import static org.assertj.core.api.Assertions.assertThat;

import io.holdfast.consensus.stream.Assignor.Candidate;
import io.holdfast.consensus.stream.Assignor.Subject;
import java.util.ArrayList;
import java.util.Collections;
import java.util.HashMap;
import java.util.HashSet;
import java.util.List;
import java.util.Map;
import java.util.Random;
import java.util.Set;
import org.junit.jupiter.api.Test;

class AssignorTest {
    private static final int ROUNDS = 2000;

    private final long seed = Long.getLong("holdfast.seed", System.nanoTime());
    private final Random random = new Random(seed);

    @Test
    void shouldBalanceWithinOneAndMoveNoMoreThanThatTakes() {
        for (int round = 0; round < ROUNDS; round++) {
            List<Candidate> candidates = members(1 + random.nextInt(8), Set.of(1L));
            List<Subject> subjects = new ArrayList<>();
            int partitions = random.nextInt(40);
            for (int p = 0; p < partitions; p++) {
                // Some belong to members that are gone.
                String owner = random.nextInt(4) == 0 ? null : "m" + random.nextInt(candidates.size() + 2);
                subjects.add(new Subject(new PartitionName(1, p), owner, racks()));
            }

            Map<String, List<PartitionName>> assigned = Assignor.assign(candidates, subjects);

            String what = "seed " + seed + ", round " + round;
            assertThat(names(assigned)).as(what).hasSize(partitions);
            List<Integer> sizes = assigned.values().stream().map(List::size).toList();
            assertThat(Collections.max(sizes) - Collections.min(sizes)).as(what).isLessThanOrEqualTo(1);
            assertThat(moves(subjects, assigned)).as(what).isEqualTo(fewestMoves(candidates, subjects));
        }
    }

    private static Set<PartitionName> names(Map<String, List<PartitionName>> assigned) {
        Set<PartitionName> names = new HashSet<>();
        int count = 0;
        for (List<PartitionName> share : assigned.values()) {
            names.addAll(share);
            count += share.size();
        }
        assertThat(names).as("each to one member").hasSize(count);
        return names;
    }

    private static int moves(List<Subject> subjects, Map<String, List<PartitionName>> assigned) {
        int moves = 0;
        for (Subject subject : subjects) {
            List<PartitionName> share = subject.owner() == null ? null : assigned.get(subject.owner());
            if (share != null && !share.contains(subject.name())) {
                moves++;
            }
        }
        return moves;
    }

    /** Those who have most keep one more than the others, as far as there is one more to keep. */
    private static int fewestMoves(List<Candidate> candidates, List<Subject> subjects) {
        Map<String, Integer> had = new HashMap<>();
        candidates.forEach(candidate -> had.put(candidate.member(), 0));
        subjects.forEach(subject -> had.computeIfPresent(String.valueOf(subject.owner()), (m, n) -> n + 1));
        List<Integer> sizes = new ArrayList<>(had.values());
        sizes.sort(Collections.reverseOrder());
        int each = subjects.size() / candidates.size();
        int more = subjects.size() % candidates.size();
        int moves = 0;
        for (int i = 0; i < sizes.size(); i++) {
            moves += Math.max(0, sizes.get(i) - each - (i < more ? 1 : 0));
        }
        return moves;
    }

    @Test
    void shouldGiveEachMemberOnlyWhatItSubscribesToAndLeaveNothingThatSomebodyCouldTake() {
        for (int round = 0; round < ROUNDS; round++) {
            List<Candidate> candidates = new ArrayList<>();
            for (Candidate plain : members(1 + random.nextInt(6), Set.of())) {
                candidates.add(new Candidate(plain.member(), plain.rack(), someTopics()));
            }
            List<Subject> subjects = new ArrayList<>();
            for (long topic = 1; topic <= 4; topic++) {
                int partitions = random.nextInt(9);
                for (int p = 0; p < partitions; p++) {
                    subjects.add(new Subject(new PartitionName(topic, p), "m" + random.nextInt(8), racks()));
                }
            }

            Map<String, List<PartitionName>> assigned = Assignor.assign(candidates, subjects);

            String what = "seed " + seed + ", round " + round;
            Set<PartitionName> names = names(assigned);
            for (Subject subject : subjects) {
                boolean wanted = candidates.stream()
                        .anyMatch(one -> one.topics().contains(subject.name().topicId()));
                assertThat(names.contains(subject.name())).as(what).isEqualTo(wanted);
            }
            for (Candidate from : candidates) {
                for (PartitionName name : assigned.get(from.member())) {
                    assertThat(from.topics()).as(what).contains(name.topicId());
                    for (Candidate to : candidates) {
                        boolean uneven = assigned.get(from.member()).size()
                                        - assigned.get(to.member()).size()
                                >= 2;
                        assertThat(uneven && to.topics().contains(name.topicId()))
                                .as("%s: %s could go from %s to %s", what, name, from, to)
                                .isFalse();
                    }
                }
            }
        }
    }

    @Test
    void shouldPreferTheRackOfAReplicaWhereThatIsNoLessBalanced() {
        List<Candidate> candidates = List.of(
                new Candidate("a", "r1", Set.of(1L)),
                new Candidate("b", "r2", Set.of(1L)),
                new Candidate("c", "r3", Set.of(1L)));
        List<Subject> subjects = new ArrayList<>();
        for (int p = 0; p < 12; p++) {
            subjects.add(new Subject(new PartitionName(1, p), null, Set.of("r" + (1 + p % 3))));
        }

        Map<String, List<PartitionName>> assigned = Assignor.assign(candidates, subjects);

        assertThat(assigned.get("a"))
                .allMatch(name -> name.partition() % 3 == 0)
                .hasSize(4);
        assertThat(assigned.get("b"))
                .allMatch(name -> name.partition() % 3 == 1)
                .hasSize(4);
        assertThat(assigned.get("c"))
                .allMatch(name -> name.partition() % 3 == 2)
                .hasSize(4);
    }

    @Test
    void shouldAssignThousandsOfPartitionsInReasonableTime() {
        List<Candidate> candidates = members(100, Set.of(1L));
        List<Subject> subjects = new ArrayList<>();
        for (int p = 0; p < 10_000; p++) {
            subjects.add(new Subject(new PartitionName(1, p), "m0", Set.of()));
        }

        long started = System.nanoTime();
        Map<String, List<PartitionName>> assigned = Assignor.assign(candidates, subjects);

        assertThat(assigned.get("m0")).hasSize(100);
        assertThat(System.nanoTime() - started).as("nanoseconds").isLessThan(5_000_000_000L);
    }

    private List<Candidate> members(int count, Set<Long> topics) {
        List<Candidate> members = new ArrayList<>();
        for (int i = 0; i < count; i++) {
            members.add(new Candidate("m" + i, "r" + random.nextInt(3), topics));
        }
        return members;
    }

    private Set<Long> someTopics() {
        Set<Long> topics = new HashSet<>();
        for (long topic = 1; topic <= 4; topic++) {
            if (random.nextInt(3) > 0) {
                topics.add(topic);
            }
        }
        return topics;
    }

    private Set<String> racks() {
        return Set.of("r" + random.nextInt(3));
    }
}
