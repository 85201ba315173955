package io.holdfast.cli.backup;

import com.fasterxml.jackson.databind.ObjectMapper;
import com.fasterxml.jackson.databind.node.ObjectNode;
import com.google.protobuf.Message;
import io.holdfast.cli.backup.BatchFile.Frame;
import io.holdfast.cli.backup.Snapshot.Committed;
import io.holdfast.cli.backup.Snapshot.Keys;
import io.holdfast.cli.backup.Snapshot.QueueGroupPart;
import io.holdfast.cli.backup.Snapshot.Range;
import io.holdfast.cli.backup.Snapshot.ScheduledPart;
import io.holdfast.cli.backup.Snapshot.StreamGroupPart;
import io.holdfast.cli.backup.Snapshot.TopicPart;
import io.holdfast.cli.declare.MessageText;
import io.holdfast.client.HoldfastClient;
import io.holdfast.client.HoldfastException;
import io.holdfast.client.Position;
import io.holdfast.record.InvalidBatchException;
import io.holdfast.record.KeyHash;
import io.holdfast.record.RecordBatch;
import io.holdfast.v1.Compaction;
import io.holdfast.v1.ErrorReason;
import io.holdfast.v1.Group;
import io.holdfast.v1.ListScheduledResponse;
import io.holdfast.v1.QueuePartition;
import io.holdfast.v1.ReadResponse;
import io.holdfast.v1.Route;
import io.holdfast.v1.ScheduledRecord;
import io.holdfast.v1.StreamGroup;
import io.holdfast.v1.StreamPartition;
import io.holdfast.v1.Topic;
import java.io.IOException;
import java.nio.ByteBuffer;
import java.time.Duration;
import java.time.Instant;
import java.time.temporal.ChronoUnit;
import java.util.ArrayList;
import java.util.Comparator;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.concurrent.atomic.AtomicLong;
import org.jspecify.annotations.Nullable;

/**
 * Makes a backup, while the cluster works. First where the groups stand, then what waits for its time, then the records, so
 * that no group stands beyond the records and no record that came due in between is missing. Only records that no earlier
 * backup in the folder has are copied.
 */
final class BackupRun {
    private static final int READ_BYTES = 4 << 20;
    private static final int SCHEDULE_PAGE = 1000;
    /** What a node takes where a topic does not say. */
    private static final Duration KEEP_TOMBSTONES = Duration.ofDays(7);
    /** The same. */
    private static final Duration COMPACT_AFTER = Duration.ofMinutes(1);
    /** How often a partition is read on to what its end is by then, before that is given up. */
    private static final int PASSES_MAX = 100;

    private final HoldfastClient client;
    private final BackupFolder folder;
    private final BackupStore.Hold hold;
    private final long fileBytesMax;
    private final ObjectMapper json = new ObjectMapper();
    private final AtomicLong copiedRecords = new AtomicLong();
    private final AtomicLong copiedBytes = new AtomicLong();

    /**
     * @param hold of the folder, so that no other run writes there
     * @param fileBytesMax a file of records is closed when it is so large
     */
    BackupRun(HoldfastClient client, BackupFolder folder, BackupStore.Hold hold, long fileBytesMax) {
        this.client = client;
        this.folder = folder;
        this.hold = hold;
        this.fileBytesMax = fileBytesMax;
    }

    long copiedRecords() {
        return copiedRecords.get();
    }

    long copiedBytes() {
        return copiedBytes.get();
    }

    Snapshot run() throws IOException {
        String time = Instant.now().truncatedTo(ChronoUnit.MILLIS).toString();
        List<QueueGroupPart> queueGroups = queueGroups();
        List<StreamGroupPart> streamGroups = streamGroups();
        List<Topic> topics = client.admin().listTopics("");
        Map<String, ScheduledPart> scheduled = new LinkedHashMap<>();
        for (Topic topic : topics) {
            List<ScheduledRecord> records = scheduled(topic.getName());
            if (!records.isEmpty()) {
                hold.check();
                scheduled.put(topic.getName(), folder.storeScheduled(Snapshot.id(time), topic.getName(), records));
            }
        }
        Snapshot before = folder.list().stream()
                .max(Comparator.comparing(Snapshot::instant))
                .orElse(null);
        List<TopicPart> parts = new ArrayList<>();
        List<Parallel.Task> tasks = new ArrayList<>();
        for (Topic topic : topics) {
            if (before != null) {
                checkDeletionsAreThere(topic, before);
            }
            long started = System.nanoTime();
            TopicPart part = ranges(topic);
            Duration after = compactAfter(topic);
            for (int p = 0; p < part.partitions().size(); p++) {
                int partition = p;
                tasks.add(() -> part.partitions().set(partition, copyWhole(part, partition, after, started)));
            }
            parts.add(part);
        }
        Parallel.run(tasks);
        Snapshot snapshot = new Snapshot(time, parts, queueGroups, streamGroups, scheduled);
        hold.check();
        folder.add(snapshot);
        return snapshot;
    }

    /**
     * A key that an earlier backup has may have been deleted since, and compaction may have let go of the record that said so:
     * then it would come back to life.
     */
    private static void checkDeletionsAreThere(Topic topic, Snapshot before) throws IOException {
        if (!topic.getConfig().hasCompaction()
                || before.topics().stream().noneMatch(part -> part.topicId() == topic.getTopicId())) {
            return;
        }
        Compaction compaction = topic.getConfig().getCompaction();
        Duration kept = compaction.hasKeepTombstones()
                ? Duration.ofSeconds(compaction.getKeepTombstones().getSeconds())
                : KEEP_TOMBSTONES;
        if (Duration.between(before.instant(), Instant.now()).compareTo(kept) >= 0) {
            throw new IOException("begin a new folder: the last backup in this one, of " + before.time()
                    + ", is older than topic " + topic.getName()
                    + " keeps tombstones, so deletions may have gone unnoticed."
                    + " Back up more often than that, or let the topic keep them for longer (--keep-tombstones)");
        }
    }

    private ObjectNode settings(Message config) {
        return json.valueToTree(MessageText.text(config));
    }

    private List<QueueGroupPart> queueGroups() {
        List<QueueGroupPart> parts = new ArrayList<>();
        for (Group group : client.queues().list("")) {
            List<Long> floors = new ArrayList<>();
            for (QueuePartition partition :
                    client.queues().describe(group.getTopic(), group.getName()).getPartitionsList()) {
                if (partition.hasError()) {
                    throw new HoldfastException(
                            partition.getError().getReason(),
                            partition.getError().getOutcome(),
                            "try again: where group " + group.getName() + " stands is not known: "
                                    + partition.getError().getMessage());
                }
                floors.add(partition.getFloor());
            }
            parts.add(new QueueGroupPart(
                    group.getTopic(),
                    group.getName(),
                    settings(group.getConfig().toBuilder().clearStart().build()),
                    floors));
        }
        return parts;
    }

    private List<StreamGroupPart> streamGroups() {
        List<StreamGroupPart> parts = new ArrayList<>();
        for (StreamGroup group : client.streamGroups().list()) {
            List<Committed> committed = new ArrayList<>();
            for (StreamPartition partition :
                    client.streamGroups().describe(group.getName()).getPartitionsList()) {
                if (partition.hasCommitted()) {
                    committed.add(new Committed(
                            partition.getPartition().getTopic(),
                            partition.getPartition().getPartition(),
                            partition.getCommitted()));
                }
            }
            parts.add(new StreamGroupPart(group.getName(), settings(group.getConfig()), committed));
        }
        return parts;
    }

    private List<ScheduledRecord> scheduled(String topic) {
        List<ScheduledRecord> records = new ArrayList<>();
        ListScheduledResponse page;
        do {
            String after =
                    records.isEmpty() ? "" : records.get(records.size() - 1).getScheduleId();
            page = client.schedules().list(topic, after, SCHEDULE_PAGE);
            records.addAll(page.getRecordsList());
        } while (page.getMore() && page.getRecordsCount() > 0);
        return records;
    }

    private TopicPart ranges(Topic topic) throws IOException {
        int partitions = topic.getConfig().getPartitions();
        List<Long> starts = client.admin()
                .lookupOffsets(topic.getName(), partitions, Position.earliest().start());
        List<Long> ends = client.admin()
                .lookupOffsets(topic.getName(), partitions, Position.latest().start());
        List<Range> ranges = new ArrayList<>();
        for (int p = 0; p < partitions; p++) {
            ranges.add(new Range(starts.get(p), Math.max(starts.get(p), ends.get(p))));
        }
        return new TopicPart(
                topic.getName(), topic.getTopicId(), settings(topic.getConfig()), ranges, keys(topic.getName()));
    }

    /** Null if they are equal shares. */
    private @Nullable List<Keys> keys(String topic) throws IOException {
        List<Route> routes = client.admin().getRoutes(List.of(topic)).getRoutesList();
        boolean equal = true;
        List<Keys> keys = new ArrayList<>();
        for (Route route : routes) {
            long first = Integer.toUnsignedLong(route.getHashFirst());
            long last = Integer.toUnsignedLong(route.getHashLast());
            if (first > last) {
                throw new IOException("run it again in a moment: topic " + topic + " is being given more partitions");
            }
            int partition = route.getPartition().getPartition();
            equal &= first == KeyHash.rangeFirst(partition, routes.size())
                    && last == KeyHash.rangeLast(partition, routes.size())
                    && !route.hasSplitOff();
            keys.add(
                    route.hasSplitOff()
                            ? new Keys(
                                    first,
                                    last,
                                    route.getSplitOff().getParent(),
                                    route.getSplitOff().getParentEnd())
                            : new Keys(first, last, null, null));
        }
        return equal ? null : keys;
    }

    // ---- records

    /**
     * A key that is written again, behind the end, while a compacted partition is being read, may be gone before it is read,
     * once what superseded it is so old as the topic says. So the partition is read on, to what its end is by then, until a
     * pass took less than that: what superseded anything that it should have found lies before the end.
     *
     * @param after null if the topic is not compacted
     * @param started before the end of the range was looked up, {@link System#nanoTime}
     * @return what was copied
     */
    private Range copyWhole(TopicPart topic, int partition, @Nullable Duration after, long started) throws IOException {
        long start = topic.partitions().get(partition).start();
        long end = topic.partitions().get(partition).end();
        long next = start;
        for (BatchFile file : folder.data(topic, partition)) {
            next = Math.max(next, file.end());
        }
        long passStarted = started;
        for (int pass = 0; pass < PASSES_MAX; pass++) {
            next = copy(topic, partition, next, end);
            if (after == null || System.nanoTime() - passStarted < after.toNanos()) {
                return new Range(start, end);
            }
            passStarted = System.nanoTime();
            end = Math.max(end, client.backups().end(topic.name(), partition));
        }
        throw new IOException(
                "let topic " + topic.name() + " compact later (--compact-after): its records are superseded after "
                        + after + ", sooner than what was written meanwhile could be copied");
    }

    /** Null if it is not compacted, or at once: then nothing would be soon enough. */
    private static @Nullable Duration compactAfter(Topic topic) {
        if (!topic.getConfig().hasCompaction()) {
            return null;
        }
        Compaction compaction = topic.getConfig().getCompaction();
        Duration after = compaction.hasAfter()
                ? Duration.ofSeconds(
                        compaction.getAfter().getSeconds(),
                        compaction.getAfter().getNanos())
                : COMPACT_AFTER;
        return after.isZero() ? null : after;
    }

    /** @return what comes next: the end, or more if an earlier backup has it */
    private long copy(TopicPart topic, int partition, long from, long end) throws IOException {
        long next = from;
        while (next < end) {
            try (BatchFile.Writer writer = folder.write(topic, partition, next)) {
                while (next < end && writer.size() < fileBytesMax) {
                    next = copySome(topic, partition, next, end, writer);
                }
                hold.check();
                writer.finish();
                copiedRecords.addAndGet(writer.records());
                copiedBytes.addAndGet(writer.size());
            }
        }
        return next;
    }

    private long copySome(TopicPart topic, int partition, long from, long end, BatchFile.Writer writer)
            throws IOException {
        ReadResponse read;
        try {
            read = client.backups().read(topic.name(), partition, from, end, READ_BYTES);
        } catch (HoldfastException e) {
            if (e.reason() == ErrorReason.ERROR_REASON_OFFSET_OUT_OF_RANGE) {
                throw new IOException(
                        "run it again: records of " + topic.name() + "/" + partition + " from offset " + from
                                + " on were deleted while they were being copied",
                        e);
            }
            throw e;
        }
        long next = from;
        ByteBuffer batches = read.getBatches().asReadOnlyByteBuffer();
        for (int i = 0; batches.hasRemaining() && next < end; i++) {
            int size = RecordBatch.sizeAt(batches);
            RecordBatch batch = new RecordBatch(batches.slice(batches.position(), size));
            batches.position(batches.position() + size);
            Frame whole = checked(batch, read.getBatchAppendTimes(i));
            next = addGap(next, Math.min(end, whole.firstOffset()), writer);
            if (next < end) {
                Frame frame = whole.between(next, end);
                writer.add(frame);
                next += frame.records();
            }
        }
        next = addGap(next, Math.min(end, read.getNextOffset()), writer);
        if (next == from) {
            throw new IOException("nothing could be read of " + topic.name() + "/" + partition + " at offset " + from);
        }
        return next;
    }

    /** What has gone is noted, so that nothing can be missing unnoticed. */
    private static long addGap(long from, long until, BatchFile.Writer writer) throws IOException {
        long next = from;
        while (next < until) {
            Frame gap = Frame.gap(next, until);
            writer.add(gap);
            next += gap.records();
        }
        return next;
    }

    private static Frame checked(RecordBatch batch, long appendMs) throws IOException {
        try {
            batch.verify();
            return new Frame(batch.baseOffset(), batch.offsetCount(), appendMs, batch.bytes());
        } catch (InvalidBatchException e) {
            throw new IOException("a batch arrived damaged: " + e.getMessage(), e);
        }
    }
}
