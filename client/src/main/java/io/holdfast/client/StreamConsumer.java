package io.holdfast.client;

import io.holdfast.client.PartitionStream.Chunk;
import io.holdfast.client.StreamMembership.Owned;
import io.holdfast.v1.CommitOffsetsRequest;
import io.holdfast.v1.ErrorReason;
import io.holdfast.v1.ItemError;
import io.holdfast.v1.OffsetCommit;
import io.holdfast.v1.Ownership;
import io.holdfast.v1.Start;
import io.holdfast.v1.StreamGroupServiceGrpc;
import io.holdfast.v1.TopicPartition;
import java.time.Duration;
import java.util.ArrayList;
import java.util.Collection;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.TreeMap;
import java.util.concurrent.LinkedBlockingQueue;
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
    private static final long EARLIEST = -1;

    private final StreamSettings settings;
    private final Connections connections;
    private final RoutingCache routes;
    private final ScheduledExecutorService timer;
    private final Admin admin;
    private final StreamMembership membership;
    private final ScheduledFuture<?> aliveCheck;
    private final LinkedBlockingQueue<Arrival> arrivals = new LinkedBlockingQueue<>();
    /** Changed by the consumer's thread; read by others under this object's lock. */
    private final Map<TopicPartition, Reading> inHand = new HashMap<>();

    /** As they were when they were in hand last. */
    private final Map<TopicPartition, Reading> letGoOf = new HashMap<>();

    private long committedNanos = System.nanoTime();
    private volatile boolean waiting;
    private @Nullable Chunk toRelease;

    /** A partition that is being read. */
    private final class Reading implements PartitionStream.Sink {
        final TopicPartition partition;
        final long epoch;
        final PartitionStream stream;
        /** First offset that has not been returned; negative until the first record, where that is the earliest. */
        long position;

        @Nullable
        Long committed;

        Reading(TopicPartition partition, long epoch, long position, @Nullable Long committed) {
            this.partition = partition;
            this.epoch = epoch;
            this.position = position;
            this.committed = committed;
            ReaderSettings reader = ReaderSettings.of(partition.getTopic())
                    .withPartition(partition.getPartition())
                    .withFrom(position < 0 ? Position.earliest() : Position.offset(position))
                    .withFollow(true)
                    .withMode(settings.mode())
                    .withBytesAheadMax(settings.bytesAheadMax());
            stream = new PartitionStream(
                    reader, partition.getPartition(), Long.MAX_VALUE, connections, routes, timer, this);
        }

        @Override
        public void offer(Chunk chunk) {
            arrivals.add(new Arrival(this, chunk, null)); // bounded by the credit given
        }

        @Override
        public void ended(PartitionStream from, @Nullable HoldfastException failure) {
            if (failure != null) {
                arrivals.add(new Arrival(this, null, failure));
            }
        }

        @Override
        public boolean isWaiting() {
            return waiting;
        }
    }

    private record Arrival(
            Reading from, @Nullable Chunk chunk, @Nullable HoldfastException failure) {}

    StreamConsumer(
            StreamSettings settings,
            Connections connections,
            RoutingCache routes,
            ScheduledExecutorService timer,
            Admin admin) {
        this.settings = settings;
        this.connections = connections;
        this.routes = routes;
        this.timer = timer;
        this.admin = admin;
        membership = new StreamMembership(settings, connections, this::ownerships);
        membership.start();
        aliveCheck = timer.scheduleWithFixedDelay(
                this::checkAlive, ALIVE_CHECK_SECONDS, ALIVE_CHECK_SECONDS, TimeUnit.SECONDS);
    }

    private synchronized Collection<Ownership> ownerships() {
        List<Ownership> all = new ArrayList<>();
        inHand.values().forEach(reading -> all.add(ownership(reading)));
        return all;
    }

    private static Ownership ownership(Reading reading) {
        return Ownership.newBuilder()
                .setPartition(reading.partition)
                .setOwnershipEpoch(reading.epoch)
                .build();
    }

    private void checkAlive() {
        List<Reading> all;
        synchronized (this) {
            all = new ArrayList<>(inHand.values());
        }
        all.forEach(reading -> reading.stream.checkAlive());
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
            Arrival next = await(Math.min(deadline - System.nanoTime(), TimeUnit.MILLISECONDS.toNanos(LOOK_MS)));
            List<ReceivedRecord> records = next == null ? List.of() : take(next);
            if (!records.isEmpty() || System.nanoTime() - deadline >= 0) {
                return records;
            }
        }
    }

    private @Nullable Arrival await(long nanos) {
        waiting = true;
        try {
            return arrivals.poll(Math.max(0, nanos), TimeUnit.NANOSECONDS);
        } catch (InterruptedException e) {
            Thread.currentThread().interrupt();
            throw HoldfastException.notApplied(ErrorReason.ERROR_REASON_UNAVAILABLE, "interrupted");
        } finally {
            waiting = false;
        }
    }

    private List<ReceivedRecord> take(Arrival arrival) {
        Reading from = arrival.from();
        Owned owned = membership.owned().get(from.partition);
        if (inHand.get(from.partition) != from || owned == null || owned.epoch() != from.epoch) {
            return List.of(); // not this member's any more
        }
        Chunk chunk = arrival.chunk();
        if (chunk == null) {
            restart(from, arrival.failure());
            return List.of();
        }
        toRelease = chunk;
        if (!chunk.records().isEmpty()) {
            from.position = chunk.records().get(chunk.records().size() - 1).offset() + 1;
        }
        return chunk.records();
    }

    /** Records that were trimmed before they were read are passed over; any other failure is the caller's. */
    private void restart(Reading from, @Nullable HoldfastException failure) {
        String start = failure != null && failure.reason() == ErrorReason.ERROR_REASON_OFFSET_OUT_OF_RANGE
                ? failure.facts().get("log_start_offset")
                : null;
        if (start == null || Long.parseLong(start) <= from.position) {
            throw failure == null
                    ? HoldfastException.notApplied(ErrorReason.ERROR_REASON_INTERNAL, "a partition ended")
                    : failure;
        }
        begin(new Reading(from.partition, from.epoch, Long.parseLong(start), null));
    }

    // ---- ownership

    /** Lets go of what is another's now, and begins with what has become this member's. */
    private void align() {
        Map<TopicPartition, Owned> owned = membership.owned();
        List<Reading> lost = new ArrayList<>();
        for (Reading reading : inHand.values()) {
            Owned still = owned.get(reading.partition);
            if (still == null || still.epoch() != reading.epoch) {
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
            Reading before = letGoOf.remove(partition);
            if (before != null && before.epoch == owned.epoch() && before.committed != null) {
                offset = Math.max(offset, before.committed); // the answer may be older than the commit
            }
            begin(new Reading(partition, owned.epoch(), offset, owned.start().hasOffset() ? offset : null));
        } catch (HoldfastException e) {
            if (!e.isPassing()) {
                throw e;
            }
            // It is tried again in a moment.
        }
    }

    private void letGo(Collection<Reading> lost) {
        synchronized (this) {
            lost.forEach(reading -> inHand.remove(reading.partition));
        }
        lost.forEach(reading -> {
            reading.stream.close();
            letGoOf.put(reading.partition, reading);
        });
        membership.tell();
    }

    private void begin(Reading reading) {
        boolean begun = membership.ifOwned(reading.partition, reading.epoch, () -> {
            synchronized (this) {
                Reading before = inHand.put(reading.partition, reading);
                if (before != null) {
                    before.stream.close();
                }
            }
        });
        if (begun) {
            reading.stream.connect();
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
            return EARLIEST;
        }
        long offset = admin.lookupOffset(partition.getTopic(), partition.getPartition(), start);
        commit(List.of(OffsetCommit.newBuilder()
                .setOwnership(Ownership.newBuilder().setPartition(partition).setOwnershipEpoch(owned.epoch()))
                .setOffset(offset)
                .build()));
        return offset;
    }

    /** What this member owns and reads now, with where each partition's ownership stands. */
    public synchronized Map<TopicPartition, Long> ownershipEpochs() {
        Map<TopicPartition, Long> epochs = new HashMap<>();
        inHand.values().forEach(reading -> epochs.put(reading.partition, reading.epoch));
        return epochs;
    }

    /** Partitions of a topic that this member owns and reads now. */
    public synchronized Set<Integer> partitions(String topic) {
        Map<Integer, Reading> mine = new TreeMap<>();
        inHand.values().stream()
                .filter(reading -> reading.partition.getTopic().equals(topic))
                .forEach(reading -> mine.put(reading.partition.getPartition(), reading));
        return mine.keySet();
    }

    // ---- offsets

    /**
     * Commits all that polls have returned so far.
     *
     * @throws HoldfastException OWNERSHIP_LOST if a partition was lost meanwhile; those that were not are committed
     */
    public void commit() {
        List<Reading> all = new ArrayList<>(inHand.values());
        HoldfastException refused = commitReadings(all);
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
    private void commitQuietly(Collection<Reading> readings) {
        if (settings.commitEvery().isZero()) {
            return;
        }
        try {
            commitReadings(readings);
        } catch (HoldfastException e) {
            // at least once
        }
    }

    private @Nullable HoldfastException commitReadings(Collection<Reading> readings) {
        List<Reading> changed = new ArrayList<>();
        List<OffsetCommit> commits = new ArrayList<>();
        for (Reading reading : readings) {
            Long before = reading.committed;
            if (reading.position >= 0 && (before == null || before != reading.position)) {
                changed.add(reading);
                commits.add(OffsetCommit.newBuilder()
                        .setOwnership(ownership(reading))
                        .setOffset(reading.position)
                        .build());
            }
        }
        HoldfastException refused = null;
        List<ItemError> results = commits.isEmpty() ? List.of() : commit(commits);
        for (int i = 0; i < results.size(); i++) {
            if (results.get(i).getReason() == ErrorReason.ERROR_REASON_UNSPECIFIED) {
                changed.get(i).committed = commits.get(i).getOffset();
            } else {
                refused = HoldfastException.of(results.get(i));
            }
        }
        return refused;
    }

    private List<ItemError> commit(List<OffsetCommit> commits) {
        CommitOffsetsRequest request = CommitOffsetsRequest.newBuilder()
                .setGroup(settings.group())
                .setMemberId(membership.memberId())
                .addAllOffsets(commits)
                .build();
        return admin.call(
                        true,
                        channel -> Admin.timed(StreamGroupServiceGrpc.newBlockingStub(channel))
                                .commitOffsets(request))
                .getResultsList();
    }

    /** Commits what polls have returned, unless that is left to {@link #commit}, and leaves the group. */
    @Override
    public void close() {
        aliveCheck.cancel(false);
        List<Reading> all = new ArrayList<>(inHand.values());
        commitQuietly(all);
        synchronized (this) {
            inHand.clear();
        }
        all.forEach(reading -> reading.stream.close());
        membership.close();
    }
}
