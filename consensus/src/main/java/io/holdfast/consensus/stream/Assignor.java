package io.holdfast.consensus.stream;

import java.util.ArrayList;
import java.util.Comparator;
import java.util.HashSet;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.TreeMap;
import org.jspecify.annotations.Nullable;

/**
 * Says who should own what: members that could own the same have as many partitions within one; who has a partition
 * keeps it unless that would break the balance; where there is a choice, a member reads from its own rack. A pure
 * function. The aims are those of KIP-54 and KIP-848's uniform assignor.
 */
final class Assignor {
    /** @param topics ids */
    record Candidate(String member, String rack, Set<Long> topics) {}

    /**
     * @param owner who has it or was meant to; null for nobody
     * @param racks where it has replicas
     */
    record Subject(PartitionName name, @Nullable String owner, Set<String> racks) {}

    private static final class Share {
        final Candidate candidate;
        /** Those that it had before, then those that are new to it, so that the latter go first. */
        final List<Subject> kept = new ArrayList<>();

        final List<Subject> fresh = new ArrayList<>();

        Share(Candidate candidate) {
            this.candidate = candidate;
        }

        int size() {
            return kept.size() + fresh.size();
        }

        boolean takes(Subject subject) {
            return candidate.topics().contains(subject.name().topicId());
        }

        boolean isNear(Subject subject) {
            return subject.racks().contains(candidate.rack());
        }
    }

    private static final Comparator<Share> LEAST =
            Comparator.comparingInt(Share::size).thenComparing(share -> share.candidate.member());

    private final Map<String, Share> shares = new TreeMap<>();

    private Assignor(List<Candidate> candidates) {
        candidates.forEach(candidate -> shares.put(candidate.member(), new Share(candidate)));
    }

    /** Partitions by member; those that nobody subscribes to are left out. */
    static Map<String, List<PartitionName>> assign(List<Candidate> candidates, List<Subject> subjects) {
        Assignor assignor = new Assignor(candidates);
        assignor.place(subjects);
        assignor.balance();
        Map<String, List<PartitionName>> assigned = new TreeMap<>();
        assignor.shares.forEach((member, share) -> {
            List<PartitionName> names = new ArrayList<>();
            share.kept.forEach(subject -> names.add(subject.name()));
            share.fresh.forEach(subject -> names.add(subject.name()));
            names.sort(null);
            assigned.put(member, names);
        });
        return assigned;
    }

    private void place(List<Subject> subjects) {
        List<Subject> free = new ArrayList<>();
        for (Subject subject : subjects) {
            Share owner = subject.owner() == null ? null : shares.get(subject.owner());
            if (owner != null && owner.takes(subject)) {
                owner.kept.add(subject);
            } else {
                free.add(subject);
            }
        }
        int enough = (subjects.size() + shares.size() - 1) / Math.max(1, shares.size());
        List<Subject> left = new ArrayList<>();
        for (Subject subject : free) {
            Share near = least(subject, share -> share.isNear(subject) && share.size() < enough);
            if (near == null) {
                left.add(subject);
            } else {
                near.fresh.add(subject);
            }
        }
        for (Subject subject : left) {
            Share any = least(subject, share -> true);
            if (any != null) {
                any.fresh.add(subject);
            }
        }
    }

    private interface Wish {
        boolean suits(Share share);
    }

    private @Nullable Share least(Subject subject, Wish wish) {
        Share best = null;
        for (Share share : shares.values()) {
            if (share.takes(subject) && wish.suits(share) && (best == null || LEAST.compare(share, best) < 0)) {
                best = share;
            }
        }
        return best;
    }

    /** Moves partitions from those with more to those with less until no single move makes two shares more equal. */
    private void balance() {
        boolean moved = true;
        while (moved) {
            moved = false;
            List<Share> byMost = new ArrayList<>(shares.values());
            // Of those with most, first who can give what it did not have before.
            byMost.sort(Comparator.<Share>comparingInt(share -> -share.size())
                    .thenComparingInt(share -> share.fresh.isEmpty() ? 1 : 0)
                    .thenComparing(share -> share.candidate.member()));
            List<Share> byLeast = new ArrayList<>(shares.values());
            byLeast.sort(LEAST);
            for (int from = 0; from < byMost.size() && !moved; from++) {
                moved = giveFrom(byMost.get(from), byLeast);
            }
        }
    }

    private static boolean giveFrom(Share from, List<Share> byLeast) {
        Set<Set<Long>> tried = new HashSet<>();
        for (Share to : byLeast) {
            if (from.size() - to.size() < 2) {
                return false;
            }
            // Who subscribes to the same and has no less can take no more.
            if (tried.add(to.candidate.topics()) && (give(from.fresh, to) || give(from.kept, to))) {
                return true;
            }
        }
        return false;
    }

    private static boolean give(List<Subject> from, Share to) {
        int chosen = -1;
        for (int i = from.size() - 1; i >= 0; i--) {
            if (to.takes(from.get(i))) {
                chosen = i;
                if (to.isNear(from.get(i))) {
                    break;
                }
            }
        }
        if (chosen < 0) {
            return false;
        }
        to.fresh.add(from.remove(chosen));
        return true;
    }
}
