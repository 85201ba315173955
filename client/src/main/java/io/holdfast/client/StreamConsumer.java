package io.holdfast.client;

import io.holdfast.client.PartitionStream.Chunk;
import io.holdfast.client.StreamMembership.Owned;
import io.holdfast.v1.ErrorReason;
import io.holdfast.v1.Ownership;
import io.holdfast.v1.Start;
import io.holdfast.v1.TopicPartition;
import java.time.Duration;
import java.util.ArrayList;
import java.util.Collection;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.TreeSet;
import java.util.concurrent.ScheduledExecutorService;
import java.util.concurrent.ScheduledFuture;
import java.util.concurrent.TimeUnit;
import org.jspecify.annotations.Nullable;

/**
 * A member of a stream group: gets the records of the partitions that it owns, those of a partition in order, and
 * commits how far it is. Members that come and go change who owns what; a record may come again to the next owner if its
 * offset had not been committed, and none is left out.
 *
 * <p>A poll says that the records of polls before it have been processed. Partitions change hands in polls, too: call it
 * at least once in the group's rebalance timeout. One thread at a time.
 */
public final class StreamConsumer implements AutoCloseable {
    private static final long ALIVE_CHECK_SECONDS = 2;
    private static final long LOOK_MS = 50;

    private final StreamSettings settings;
    private final Admin admin;
    private final StreamMembership membership;
    private final StreamOffsets offsets;
    private final StreamReading.Arrivals arrivals = new StreamReading.Arrivals();
    private final StreamReading.Opener opener;
    private final ScheduledFuture<?> aliveCheck;
    /** Changed by the consumer's thread; read by others under this object's lock. */
    private final Map<TopicPartition, StreamReading> inHand = new HashMap<>();

    /** As they were when they were in hand last. */
    private final Map<TopicPartition, StreamReading> letGoOf = new HashMap<>();

    private long committedNanos = System.nanoTime();
    private @Nullable Chunk toRelease;

    StreamConsumer(
            StreamSettings settings,
            Connections connections,
            RoutingCache routes,
            ScheduledExecutorService timer,
            Admin admin) {
        this.settings = settings;
        this.admin = admin;
        opener = new StreamReading.Opener(settings, connections, routes, timer, arrivals);
        membership = new StreamMembership(settings, connections, this::ownerships);
        offsets = new StreamOffsets(settings.group(), membership, admin);
        membership.start();
        aliveCheck = timer.scheduleWithFixedDelay(
                this::checkAlive, ALIVE_CHECK_SECONDS, ALIVE_CHECK_SECONDS, TimeUnit.SECONDS);
    }

    private synchronized Collection<Ownership> ownerships() {
        List<Ownership> all = new ArrayList<>();
        inHand.values().forEach(reading -> all.add(reading.ownership()));
        return all;
    }

    private void checkAlive() {
        List<StreamReading> all;
        synchronized (this) {
            all = new ArrayList<>(inHand.values());
        }
        all.forEach(reading -> reading.stream().checkAlive());
    }

    /**
     * Records of one partition, in order; none if none came in time. What earlier polls returned counts as processed.
     *
     * @throws HoldfastException if the group cannot be joined, or a partition cannot be read any further
     */
    public List<ReceivedRecord> poll(Duration patience) {
        long deadline = System.nanoTime() + patience.toNanos();
        commitIfDue();
        while (true) {
            if (toRelease != null) {
                toRelease.from().used(toRelease);
                toRelease = null;
            }
            align();
            StreamReading.Arrival next =
                    await(Math.min(deadline - System.nanoTime(), TimeUnit.MILLISECONDS.toNanos(LOOK_MS)));
            List<ReceivedRecord> records = next == null ? List.of() : take(next);
            if (!records.isEmpty() || System.nanoTime() - deadline >= 0) {
                return records;
            }
        }
    }

    private StreamReading.@Nullable Arrival await(long nanos) {
        try {
            return arrivals.await(nanos);
        } catch (InterruptedException e) {
            Thread.currentThread().interrupt();
            throw HoldfastException.notApplied(ErrorReason.ERROR_REASON_UNAVAILABLE, "interrupted");
        }
    }

    private List<ReceivedRecord> take(StreamReading.Arrival arrival) {
        StreamReading from = arrival.from();
        Owned owned = membership.owned().get(from.partition());
        if (inHand.get(from.partition()) != from || owned == null || owned.epoch() != from.epoch()) {
            return List.of(); // not this member's any more
        }
        Chunk chunk = arrival.chunk();
        if (chunk == null) {
            restart(from, arrival.failure());
            return List.of();
        }
        toRelease = chunk;
        from.returned(chunk);
        return chunk.records();
    }

    /** Records that were trimmed before they were read are passed over; any other failure is the caller's. */
    private void restart(StreamReading from, @Nullable HoldfastException failure) {
        String start = failure != null && failure.reason() == ErrorReason.ERROR_REASON_OFFSET_OUT_OF_RANGE
                ? failure.facts().get("log_start_offset")
                : null;
        if (start == null || Long.parseLong(start) <= from.position()) {
            throw failure == null
                    ? HoldfastException.notApplied(ErrorReason.ERROR_REASON_INTERNAL, "a partition ended")
                    : failure;
        }
        begin(new StreamReading(from.partition(), from.epoch(), Long.parseLong(start), null, opener));
    }

    // ---- ownership

    /** Lets go of what is another's now, and begins with what has become this member's. */
    private void align() {
        Map<TopicPartition, Owned> owned = membership.owned();
        List<StreamReading> lost = new ArrayList<>();
        for (StreamReading reading : inHand.values()) {
            Owned still = owned.get(reading.partition());
            if (still == null || still.epoch() != reading.epoch()) {
                lost.add(reading);
            }
        }
        if (!lost.isEmpty()) {
            commitQuietly(lost);
            letGo(lost);
        }
        owned.forEach((partition, one) -> {
            if (!inHand.containsKey(partition)) {
                begin(partition, one);
            }
        });
    }

    private void begin(TopicPartition partition, Owned owned) {
        try {
            long offset = offset(partition, owned);
            StreamReading before = letGoOf.remove(partition);
            Long committed = before != null && before.epoch() == owned.epoch() ? before.committed() : null;
            if (committed != null) {
                offset = Math.max(offset, committed); // the answer may be older than the commit
            }
            begin(new StreamReading(
                    partition, owned.epoch(), offset, owned.start().hasOffset() ? offset : null, opener));
        } catch (HoldfastException e) {
            if (!e.isPassing()) {
                throw e;
            }
            // It is tried again in a moment.
        }
    }

    private void letGo(Collection<StreamReading> lost) {
        synchronized (this) {
            lost.forEach(reading -> inHand.remove(reading.partition()));
        }
        lost.forEach(reading -> {
            reading.stream().close();
            letGoOf.put(reading.partition(), reading);
        });
        membership.tell();
    }

    private void begin(StreamReading reading) {
        boolean begun = membership.ifOwned(reading.partition(), reading.epoch(), () -> {
            synchronized (this) {
                StreamReading before = inHand.put(reading.partition(), reading);
                if (before != null) {
                    before.stream().close();
                }
            }
        });
        if (begun) {
            reading.stream().connect();
        }
    }

    /**
     * A place that depends on when it is looked up is committed before anything is read from there, lest the next owner
     * find another one.
     */
    private long offset(TopicPartition partition, Owned owned) {
        Start start = owned.start();
        if (start.hasOffset()) {
            return start.getOffset();
        }
        if (start.getEarliest()) {
            return StreamReading.EARLIEST;
        }
        long offset = admin.lookupOffset(partition.getTopic(), partition.getPartition(), start);
        offsets.begin(
                Ownership.newBuilder()
                        .setPartition(partition)
                        .setOwnershipEpoch(owned.epoch())
                        .build(),
                offset);
        return offset;
    }

    /** What this member owns and reads now, with where each partition's ownership stands. */
    public synchronized Map<TopicPartition, Long> ownershipEpochs() {
        Map<TopicPartition, Long> epochs = new HashMap<>();
        inHand.values().forEach(reading -> epochs.put(reading.partition(), reading.epoch()));
        return epochs;
    }

    /** Partitions of a topic that this member owns and reads now. */
    public synchronized Set<Integer> partitions(String topic) {
        Set<Integer> mine = new TreeSet<>();
        inHand.keySet().stream()
                .filter(partition -> partition.getTopic().equals(topic))
                .forEach(partition -> mine.add(partition.getPartition()));
        return mine;
    }

    // ---- offsets

    /**
     * Commits all that polls have returned so far.
     *
     * @throws HoldfastException OWNERSHIP_LOST if a partition was lost meanwhile; those that were not are committed
     */
    public void commit() {
        List<StreamReading> all = new ArrayList<>(inHand.values());
        HoldfastException refused = offsets.commit(all);
        if (refused != null) {
            throw refused;
        }
    }

    /**
     * Commits that a record has been processed, and those of its partition before it; for callers that do not get to the
     * end of what a poll returned. Settle for a {@code commitEvery} of zero then.
     *
     * @param last returned by this consumer
     * @throws HoldfastException OWNERSHIP_LOST if its partition is not this member's any more
     */
    public void commit(ReceivedRecord last) {
        TopicPartition partition = TopicPartition.newBuilder()
                .setTopic(last.topic())
                .setPartition(last.partition())
                .build();
        StreamReading reading = inHand.get(partition);
        HoldfastException refused = reading == null
                ? HoldfastException.notApplied(
                        ErrorReason.ERROR_REASON_OWNERSHIP_LOST, "the partition is not this member's any more")
                : offsets.commit(reading, last.offset() + 1);
        if (refused != null) {
            throw refused;
        }
    }

    private void commitIfDue() {
        if (!settings.commitEvery().isZero()
                && System.nanoTime() - committedNanos >= settings.commitEvery().toNanos()) {
            commitQuietly(new ArrayList<>(inHand.values()));
            committedNanos = System.nanoTime();
        }
    }

    /** What cannot be committed now is committed later, or comes again to the next owner. */
    private void commitQuietly(Collection<StreamReading> readings) {
        if (settings.commitEvery().isZero()) {
            return;
        }
        try {
            offsets.commit(readings);
        } catch (HoldfastException e) {
            // at least once
        }
    }

    /** Commits what polls have returned, unless that is left to {@link #commit}, and leaves the group. */
    @Override
    public void close() {
        aliveCheck.cancel(false);
        List<StreamReading> all = new ArrayList<>(inHand.values());
        commitQuietly(all);
        synchronized (this) {
            inHand.clear();
        }
        all.forEach(reading -> reading.stream().close());
        membership.close();
    }
}
