package io.holdfast.chaos;

import java.util.ArrayList;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.Queue;
import java.util.TreeMap;
import java.util.concurrent.ConcurrentLinkedQueue;

/**
 * What the members of one stream group read and committed, on the clock of one machine, and what must be true of it
 * whatever happened to the cluster and the members meanwhile. Knows nothing of how it is implemented. Thread-safe while
 * it is written.
 */
public final class StreamHistory {
    private record Read(String partition, long epoch, long offset, String member, long fromNanos, long toNanos) {}

    private record Commit(String partition, long epoch, long offset, long beganNanos, long endedNanos) {}

    private final Queue<Read> reads = new ConcurrentLinkedQueue<>();
    private final Queue<Commit> commits = new ConcurrentLinkedQueue<>();

    /**
     * A member worked on a record.
     *
     * @param epoch of its ownership of the partition
     */
    public void read(String partition, long epoch, long offset, String member, long fromNanos, long toNanos) {
        reads.add(new Read(partition, epoch, offset, member, fromNanos, toNanos));
    }

    /** A commit was confirmed. */
    public void committed(String partition, long epoch, long offset, long beganNanos, long endedNanos) {
        commits.add(new Commit(partition, epoch, offset, beganNanos, endedNanos));
    }

    public int readCount() {
        return reads.size();
    }

    /** Owners that a partition had, over all partitions. */
    public int ownershipCount() {
        return (int) reads.stream()
                .map(read -> read.partition + "@" + read.epoch)
                .distinct()
                .count();
    }

    /**
     * Longest time in which nobody worked on a partition between two owners.
     *
     * @return nanoseconds
     */
    public long longestHandOver() {
        long longest = 0;
        for (TreeMap<Long, List<Read>> epochs : byPartition().values()) {
            long before = Long.MIN_VALUE;
            for (List<Read> owner : epochs.values()) {
                if (before != Long.MIN_VALUE) {
                    longest = Math.max(longest, owner.get(0).fromNanos - before);
                }
                before = owner.get(owner.size() - 1).toNanos;
            }
        }
        return longest;
    }

    /**
     * An owner may read again what it has not committed: its session may have been over for a while.
     *
     * @param ends first offset that does not exist, by partition
     * @return what is wrong, in words; empty if nothing is
     */
    public List<String> check(Map<String, Long> ends) {
        List<String> wrong = new ArrayList<>();
        Map<String, TreeMap<Long, List<Read>>> byPartition = byPartition();
        ends.forEach((partition, end) -> {
            TreeMap<Long, List<Read>> epochs = byPartition.getOrDefault(partition, new TreeMap<>());
            long next = 0;
            Read last = null;
            for (List<Read> owner : epochs.values()) {
                Read first = owner.get(0);
                if (last != null && first.fromNanos < last.toNanos) {
                    wrong.add(partition + " had two owners at a time: " + last + " and " + first);
                }
                if (first.offset > next) {
                    wrong.add(partition + ": " + first + " leaves out records from " + next + " on");
                }
                Read before = null;
                for (Read read : owner) {
                    if (before != null && read.offset > before.offset + 1) {
                        wrong.add(partition + ": " + read + " does not follow " + before);
                    }
                    if (!read.member.equals(first.member)) {
                        wrong.add(partition + ": one ownership, two members: " + first + " and " + read);
                    }
                    before = read;
                    next = Math.max(next, read.offset + 1);
                    last = last == null || read.toNanos > last.toNanos ? read : last;
                }
            }
            if (next < end) {
                wrong.add(partition + ": nobody read the records from " + next + " to " + end);
            }
        });
        wrong.addAll(checkCommits(byPartition));
        return wrong;
    }

    /** Who owns a partition next begins no earlier than what was committed before, and no commit of one before counts. */
    private List<String> checkCommits(Map<String, TreeMap<Long, List<Read>>> byPartition) {
        List<String> wrong = new ArrayList<>();
        for (Commit commit : commits) {
            byPartition.getOrDefault(commit.partition, new TreeMap<>()).tailMap(commit.epoch, false).values().stream()
                    .map(owner -> owner.get(0))
                    .forEach(first -> {
                        if (first.offset < commit.offset) {
                            wrong.add(first + " reads again what was committed: " + commit);
                        }
                        if (first.fromNanos < commit.beganNanos) {
                            wrong.add(commit + " was taken although there was a later owner: " + first);
                        }
                    });
        }
        return wrong;
    }

    /** Reads in the order of time, by epoch, by partition. */
    private Map<String, TreeMap<Long, List<Read>>> byPartition() {
        Map<String, TreeMap<Long, List<Read>>> byPartition = new HashMap<>();
        reads.stream()
                .sorted((a, b) -> Long.compare(a.fromNanos, b.fromNanos))
                .forEach(read -> byPartition
                        .computeIfAbsent(read.partition, p -> new TreeMap<>())
                        .computeIfAbsent(read.epoch, e -> new ArrayList<>())
                        .add(read));
        return byPartition;
    }
}
