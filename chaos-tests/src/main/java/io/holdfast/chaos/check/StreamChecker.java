package io.holdfast.chaos.check;

import com.fasterxml.jackson.databind.JsonNode;
import io.holdfast.chaos.history.Event;
import io.holdfast.chaos.history.Event.Type;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.NavigableMap;
import java.util.NavigableSet;
import java.util.Set;
import java.util.TreeMap;
import java.util.TreeSet;

/**
 * Members of a group who own partitions. {@code publish} v, ok [partition, offset]; {@code take} null, ok [[partition,
 * epoch, first, last], ...], the offsets that a member was given, and the epoch of its ownership, which grows from owner to
 * owner; {@code commit} [partition, epoch, offset], the offset to begin with next.
 *
 * <ul>
 *   <li>unread: published and acknowledged, and given to nobody
 *   <li>two-owners: given to an owner that asked after a later owner had been given something
 *   <li>skipped: an owner leaves out records that nobody was given before, or its own next ones
 *   <li>late-commit: taken from an owner that asked after a later owner had been given something
 *   <li>read-again: an owner begins before what an earlier one had committed
 * </ul>
 */
public final class StreamChecker implements Checker {
    private final Findings findings = new Findings();
    private final Map<Long, Long> invoked = new HashMap<>();
    private final Map<Long, Partition> partitions = new TreeMap<>();

    private record Take(long first, long last, long invoked, long completed) {}

    private record Commit(long offset, long invoked) {}

    private static final class Partition {
        final List<Long> published = new ArrayList<>();
        final NavigableMap<Long, List<Take>> takes = new TreeMap<>();
        final NavigableMap<Long, List<Commit>> commits = new TreeMap<>();

        NavigableSet<Long> epochs() {
            NavigableSet<Long> all = new TreeSet<>(takes.keySet());
            all.addAll(commits.keySet());
            return all;
        }
    }

    @Override
    public String name() {
        return "stream";
    }

    @Override
    public Set<String> operations() {
        return Set.of("publish", "take", "commit");
    }

    @Override
    public void accept(Event event) {
        findings.count(event);
        if (event.type() == Type.INVOKE) {
            invoked.put(event.process(), event.time());
            return;
        }
        Long asked = invoked.remove(event.process());
        if (event.type() != Type.OK || asked == null) {
            return;
        }
        switch (event.f()) {
            case "publish" ->
                partition(event.value()).published.add(event.value().get(1).asLong());
            case "commit" ->
                partition(event.value())
                        .commits
                        .computeIfAbsent(event.value().get(1).asLong(), e -> new ArrayList<>())
                        .add(new Commit(event.value().get(2).asLong(), asked));
            default ->
                event.value()
                        .forEach(one -> partition(one)
                                .takes
                                .computeIfAbsent(one.get(1).asLong(), e -> new ArrayList<>())
                                .add(new Take(one.get(2).asLong(), one.get(3).asLong(), asked, event.time())));
        }
    }

    private Partition partition(JsonNode value) {
        return partitions.computeIfAbsent(value.get(0).asLong(), p -> new Partition());
    }

    @Override
    public Verdict finish() {
        partitions.forEach((number, partition) -> {
            String name = "partition " + number;
            findStale(name, partition);
            long end = findSkipped(name, partition);
            findReadAgain(name, partition);
            partition.published.stream()
                    .filter(offset -> offset >= end)
                    .forEach(offset -> findings.add("unread", name + ": offset " + offset + ", given up to " + end));
        });
        return findings.verdict(name());
    }

    /** What was given to, or taken from, an owner after there was a later one. */
    private void findStale(String name, Partition partition) {
        long laterGotAt = Long.MAX_VALUE;
        for (long epoch : partition.epochs().descendingSet()) {
            long later = laterGotAt;
            for (Commit commit : partition.commits.getOrDefault(epoch, List.of())) {
                if (commit.invoked > later) {
                    findings.add("late-commit", name + ": " + commit.offset + " by owner " + epoch);
                }
            }
            for (Take take : partition.takes.getOrDefault(epoch, List.of())) {
                if (take.invoked > later) {
                    findings.add("two-owners", name + ": offset " + take.first + " to owner " + epoch);
                }
                laterGotAt = Math.min(laterGotAt, take.completed);
            }
        }
    }

    /** @return first offset that nobody was given */
    private long findSkipped(String name, Partition partition) {
        long end = 0;
        for (Map.Entry<Long, List<Take>> owner : partition.takes.entrySet()) {
            long next = end;
            for (Take take : owner.getValue()) {
                if (take.first > next) {
                    findings.add(
                            "skipped",
                            name + ": owner " + owner.getKey() + " got " + take.first + ", and " + next
                                    + " was to come");
                }
                next = take.last + 1;
                end = Math.max(end, next);
            }
        }
        return end;
    }

    private void findReadAgain(String name, Partition partition) {
        long committed = 0;
        for (long epoch : partition.epochs()) {
            for (Take take : partition.takes.getOrDefault(epoch, List.of())) {
                if (take.first < committed) {
                    findings.add(
                            "read-again",
                            name + ": owner " + epoch + " got " + take.first + ", and " + committed
                                    + " was committed before");
                }
            }
            for (Commit commit : partition.commits.getOrDefault(epoch, List.of())) {
                committed = Math.max(committed, commit.offset);
            }
        }
    }
}
