package io.holdfast.chaos;

import java.util.ArrayList;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.Queue;
import java.util.Set;
import java.util.TreeMap;
import java.util.TreeSet;
import java.util.concurrent.ConcurrentLinkedQueue;

/**
 * What the members of one queue group saw and did, on the clock of one machine, and what must be true of it whatever
 * happened to the cluster meanwhile. Knows nothing of how it is implemented. Thread-safe while it is written.
 */
public final class QueueHistory {
    /** How a settlement ended, as far as its member knows. */
    public enum Ending {
        ACCEPTED,
        /** For certain not. */
        REFUSED,
        UNKNOWN
    }

    /** What a settlement asked for. */
    public enum Wish {
        DONE,
        AGAIN,
        DEAD
    }

    private record Delivery(String record, long leaseId, int count, String member, long atNanos) {}

    private record Settlement(
            String record, long leaseId, Wish wish, Ending ending, long beganNanos, long endedNanos) {}

    private final Queue<Delivery> deliveries = new ConcurrentLinkedQueue<>();
    private final Queue<Settlement> settlements = new ConcurrentLinkedQueue<>();

    /** A member got a record. */
    public void delivered(String record, long leaseId, int count, String member, long atNanos) {
        deliveries.add(new Delivery(record, leaseId, count, member, atNanos));
    }

    public void settled(String record, long leaseId, Wish wish, Ending ending, long beganNanos, long endedNanos) {
        settlements.add(new Settlement(record, leaseId, wish, ending, beganNanos, endedNanos));
    }

    public int deliveryCount() {
        return deliveries.size();
    }

    /** Records whose DONE was accepted. */
    public Set<String> done() {
        Set<String> done = new TreeSet<>();
        settlements.stream()
                .filter(s -> s.wish == Wish.DONE && s.ending == Ending.ACCEPTED)
                .forEach(s -> done.add(s.record));
        return done;
    }

    /**
     * Everything that is wrong, a line each.
     *
     * @param published records that were acknowledged to their producer
     * @param dead records in the dead-letter topic, as often as they are there
     */
    public List<String> check(Set<String> published, List<String> dead) {
        Map<String, List<Delivery>> deliveriesOf = new HashMap<>();
        deliveries.forEach(d ->
                deliveriesOf.computeIfAbsent(d.record, r -> new ArrayList<>()).add(d));
        Map<String, List<Settlement>> settlementsOf = new HashMap<>();
        settlements.forEach(s ->
                settlementsOf.computeIfAbsent(s.record, r -> new ArrayList<>()).add(s));
        List<String> findings = new ArrayList<>();
        Map<String, Integer> deadCount = new TreeMap<>();
        dead.forEach(record -> deadCount.merge(record, 1, Integer::sum));
        deadCount.forEach((record, count) -> {
            if (count > 1) {
                findings.add("dead-lettered " + count + " times: " + record);
            }
        });
        for (String record : published) {
            findings.addAll(checkOne(
                    record,
                    deliveriesOf.getOrDefault(record, List.of()),
                    settlementsOf.getOrDefault(record, List.of()),
                    deadCount.containsKey(record)));
        }
        return findings;
    }

    private static List<String> checkOne(
            String record, List<Delivery> delivered, List<Settlement> settled, boolean isDead) {
        List<String> findings = new ArrayList<>();
        Map<Long, Delivery> byLease = new TreeMap<>();
        for (Delivery delivery : delivered) {
            Delivery before = byLease.put(delivery.leaseId, delivery);
            if (before != null) {
                findings.add("one lease for two deliveries: " + before + ", " + delivery);
            }
        }
        int count = 0;
        for (Delivery delivery : byLease.values()) {
            if (delivery.count <= count) {
                findings.add("deliveries are not counted up: " + byLease.values());
            }
            count = delivery.count;
        }
        boolean finished = false;
        boolean maybeFinished = false;
        for (Settlement settlement : settled) {
            boolean ends = settlement.wish != Wish.AGAIN;
            maybeFinished |= ends && settlement.ending == Ending.UNKNOWN;
            if (settlement.ending != Ending.ACCEPTED) {
                continue;
            }
            if (ends && finished) {
                findings.add("finished twice: " + settled);
            }
            finished |= ends;
            for (Delivery other : byLease.values()) {
                boolean later = other.leaseId > settlement.leaseId;
                if (ends && later) {
                    findings.add("delivered although it was finished: " + settlement + ", " + other);
                }
                if (later && other.atNanos < settlement.beganNanos) {
                    findings.add("accepted although somebody else had it: " + settlement + ", " + other);
                }
            }
        }
        boolean wasDone = settled.stream().anyMatch(s -> s.wish == Wish.DONE && s.ending == Ending.ACCEPTED);
        boolean wasKilled = settled.stream().anyMatch(s -> s.wish == Wish.DEAD && s.ending == Ending.ACCEPTED);
        if (wasDone && isDead) {
            findings.add("done, and dead all the same: " + record);
        }
        if (wasKilled && !isDead) {
            findings.add("dead, and not in the dead-letter topic: " + record);
        }
        if (!finished && !maybeFinished && !isDead) {
            findings.add("lost: " + record + ", delivered " + delivered + ", settled " + settled);
        }
        return findings;
    }
}
