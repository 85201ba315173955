package io.holdfast.cli.backup;

import com.fasterxml.jackson.databind.node.ObjectNode;
import io.holdfast.cli.backup.BatchFile.Frame;
import io.holdfast.cli.backup.Snapshot.Committed;
import io.holdfast.cli.backup.Snapshot.Keys;
import io.holdfast.cli.backup.Snapshot.QueueGroupPart;
import io.holdfast.cli.backup.Snapshot.Range;
import io.holdfast.cli.backup.Snapshot.StreamGroupPart;
import io.holdfast.cli.backup.Snapshot.TopicPart;
import io.holdfast.cli.declare.MessageText;
import io.holdfast.client.HoldfastClient;
import io.holdfast.client.Position;
import io.holdfast.v1.Group;
import io.holdfast.v1.PartitionKeys;
import io.holdfast.v1.QueueConfig;
import io.holdfast.v1.ScheduledRecord;
import io.holdfast.v1.SeekTarget;
import io.holdfast.v1.SplitOff;
import io.holdfast.v1.Start;
import io.holdfast.v1.StreamConfig;
import io.holdfast.v1.StreamGroup;
import io.holdfast.v1.Topic;
import io.holdfast.v1.TopicConfig;
import java.io.IOException;
import java.nio.ByteBuffer;
import java.util.ArrayList;
import java.util.HashSet;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.concurrent.atomic.AtomicLong;
import java.util.stream.Collectors;

/**
 * Puts a backup into a cluster: topics with their settings, records with their offsets and append times, groups where they
 * stood, and what waits for its time. Can go on where it, or another before it, was interrupted.
 */
final class RestoreRun {
    private static final int CALL_BYTES = 1 << 20;
    private static final int SCHEDULED_AT_ONCE = 100;

    private final HoldfastClient client;
    private final BackupFolder folder;
    private final RestoreChoice choice;
    private final AtomicLong restored = new AtomicLong();

    RestoreRun(HoldfastClient client, BackupFolder folder, RestoreChoice choice) {
        this.client = client;
        this.folder = folder;
        this.choice = choice;
    }

    long restoredRecords() {
        return restored.get();
    }

    /** Topics and groups of these names that are there already. */
    List<String> inTheWay() {
        Set<String> names = new HashSet<>(choice.topics().values());
        List<String> found = client.admin().listTopics("").stream()
                .map(Topic::getName)
                .filter(names::contains)
                .map(name -> "topic " + name)
                .collect(Collectors.toCollection(ArrayList::new));
        if (choice.streamGroups() && choice.positions() != null) {
            Set<String> groups = choice.positions().streamGroups().stream()
                    .map(StreamGroupPart::name)
                    .collect(Collectors.toSet());
            client.streamGroups().list().stream()
                    .filter(group -> groups.contains(group.getName()))
                    .forEach(group -> found.add("stream group " + group.getName()));
        }
        return found;
    }

    void run() throws IOException {
        Map<String, List<Long>> ends = new LinkedHashMap<>();
        List<Parallel.Task> tasks = new ArrayList<>();
        Set<String> present =
                client.admin().listTopics("").stream().map(Topic::getName).collect(Collectors.toSet());
        for (TopicPart topic : choice.parts()) {
            String name = newName(topic.name());
            TopicConfig config = config(topic);
            if (!present.contains(name)) {
                client.admin().createTopic(name, unbounded(config), keys(topic));
            }
            int partitions = topic.partitions().size();
            List<Long> ofTopic = new ArrayList<>(ends(name, partitions));
            ends.put(name, ofTopic);
            for (int p = 0; p < partitions; p++) {
                int partition = p;
                long from = ofTopic.get(p);
                tasks.add(() -> {
                    long end = restore(topic, name, partition, from);
                    synchronized (ofTopic) {
                        ofTopic.set(partition, end);
                    }
                });
            }
        }
        Parallel.run(tasks);
        for (TopicPart topic : choice.parts()) {
            String name = newName(topic.name());
            restoreScheduled(topic, name);
            restoreQueueGroups(topic, ends);
            client.admin().updateTopic(name, config(topic));
        }
        if (choice.streamGroups()) {
            restoreStreamGroups(ends);
        }
    }

    private List<PartitionKeys> keys(TopicPart topic) throws IOException {
        List<PartitionKeys> all = new ArrayList<>();
        List<Keys> keys = topic.keys();
        for (Keys one : keys == null ? List.<Keys>of() : keys) {
            PartitionKeys.Builder partition =
                    PartitionKeys.newBuilder().setHashFirst((int) one.first()).setHashLast((int) one.last());
            Integer parent = one.parent();
            Long end = one.parentEnd();
            if (parent != null && end != null) {
                // Where it ends in the restored topic, if that is before it was split.
                partition.setSplitOff(
                        SplitOff.newBuilder().setParent(parent).setParentEnd(Math.min(end, endOf(topic, parent))));
            }
            all.add(partition.build());
        }
        return all;
    }

    /** Where a partition will end when it is restored. */
    private long endOf(TopicPart topic, int partition) throws IOException {
        Range range = topic.partitions().get(partition);
        if (choice.atMs() == null) {
            return range.end();
        }
        long end = range.start();
        try (BackupReader reader = new BackupReader(folder, topic, partition, range.start())) {
            for (Frame frame = reader.next(); frame != null; frame = reader.next()) {
                if (frame.appendMs() > choice.atMs()) {
                    break;
                }
                end = Math.min(range.end(), frame.firstOffset() + frame.records());
            }
        }
        return end;
    }

    private String newName(String topic) {
        return choice.topics().getOrDefault(topic, topic);
    }

    /** Nothing may be deleted, or refused, while the records of then come back one after the other. */
    private static TopicConfig unbounded(TopicConfig config) {
        return TopicConfig.newBuilder()
                .setPartitions(config.getPartitions())
                .setReplicas(config.getReplicas())
                .build();
    }

    private TopicConfig config(TopicPart topic) {
        TopicConfig.Builder config = config(topic.settings(), TopicConfig.newBuilder(), topic.name());
        if (choice.replicas() != null) {
            config.setReplicas(choice.replicas());
        }
        return config.build();
    }

    private static <B extends com.google.protobuf.Message.Builder> B config(
            ObjectNode settings, B builder, String where) {
        MessageText.merge(settings, builder, where);
        return builder;
    }

    private List<Long> ends(String topic, int partitions) {
        return client.admin().lookupOffsets(topic, partitions, Position.latest().start());
    }

    // ---- records

    /** @return where the partition ends */
    private long restore(TopicPart topic, String name, int partition, long from) throws IOException {
        Range range = topic.partitions().get(partition);
        long next = from == 0 ? range.start() : from;
        if (next < range.start() || next > range.end()) {
            throw new IOException(name + "/" + partition + " ends at offset " + from + ": it is not from this backup");
        }
        List<ByteBuffer> batches = new ArrayList<>();
        int bytes = 0;
        long first = next;
        long appendMs = 0;
        try (BackupReader reader = new BackupReader(folder, topic, partition, next)) {
            for (Frame frame = reader.next(); frame != null; frame = reader.next()) {
                if (choice.atMs() != null && frame.appendMs() > choice.atMs()) {
                    break;
                }
                Frame part = frame.between(next, range.end());
                if (part.isGap()) {
                    if (!batches.isEmpty() || first == range.start()) { // if only to begin there
                        send(name, partition, first, appendMs, batches, (int) (next - first));
                        bytes = 0;
                    }
                    client.backups().skip(name, partition, next, next + part.records(), appendMs);
                    next += part.records();
                    first = next;
                    continue;
                }
                int size = part.batch().remaining();
                if (!batches.isEmpty() && (part.appendMs() != appendMs || bytes + size > CALL_BYTES)) {
                    first = send(name, partition, first, appendMs, batches, (int) (next - first));
                    bytes = 0;
                }
                batches.add(part.batch());
                restored.addAndGet(part.recordCount());
                bytes += size;
                appendMs = part.appendMs();
                next += part.records();
            }
        }
        boolean begins = from == 0 && next > 0 && next == range.start(); // all that it had was deleted, or came later
        return batches.isEmpty() && !begins
                ? next
                : send(name, partition, first, appendMs, batches, (int) (next - first));
    }

    private long send(String name, int partition, long first, long appendMs, List<ByteBuffer> batches, int records) {
        long end = client.backups().restore(name, partition, first, appendMs, batches, records);
        batches.clear();
        return end;
    }

    // ---- what is besides

    private void restoreScheduled(TopicPart topic, String name) throws IOException {
        if (choice.atMs() != null || client.schedules().list(name, "", 1).getTotalRecords() > 0) {
            return; // what waited then is not known, or it was done before
        }
        Map<Integer, List<io.holdfast.v1.Record>> waiting = new LinkedHashMap<>();
        for (ScheduledRecord one : folder.readScheduled(choice.records(), topic.name())) {
            waiting.computeIfAbsent(one.getPartition(), p -> new ArrayList<>())
                    .add(one.getRecord().toBuilder()
                            .setDeliverAt(one.getDeliverAt())
                            .build());
        }
        waiting.forEach((partition, records) -> {
            for (int i = 0; i < records.size(); i += SCHEDULED_AT_ONCE) {
                client.backups()
                        .publish(name, partition, records.subList(i, Math.min(records.size(), i + SCHEDULED_AT_ONCE)));
            }
        });
    }

    private void restoreQueueGroups(TopicPart topic, Map<String, List<Long>> ends) {
        String name = newName(topic.name());
        for (QueueGroupPart group : choice.groups().queueGroups()) {
            if (group.topic().equals(topic.name())) {
                restore(group, name, ends.getOrDefault(name, List.of()), choice.positions() != null);
            }
        }
    }

    /** Paused until it stands where it stood; one that is there and at work has been restored before. */
    private void restore(QueueGroupPart group, String topic, List<Long> ends, boolean withPositions) {
        QueueConfig config =
                config(group.settings(), QueueConfig.newBuilder(), topic).build();
        Group present = client.queues().list(topic).stream()
                .filter(one -> one.getName().equals(group.name()))
                .findFirst()
                .orElse(null);
        if (present != null && !present.getConfig().getPaused()) {
            return;
        }
        if (present == null) {
            client.queues()
                    .create(
                            topic,
                            group.name(),
                            config.toBuilder().setPaused(true).build());
        }
        for (int p = 0;
                withPositions && p < Math.min(ends.size(), group.floors().size());
                p++) {
            long floor = Math.min(group.floors().get(p), ends.get(p));
            client.queues().seek(topic, group.name(), List.of(p), Position.offset(floor), false);
        }
        client.queues().update(topic, group.name(), config);
    }

    private void restoreStreamGroups(Map<String, List<Long>> ends) {
        Set<String> present =
                client.streamGroups().list().stream().map(StreamGroup::getName).collect(Collectors.toSet());
        for (StreamGroupPart group : choice.groups().streamGroups()) {
            if (!present.contains(group.name())) {
                client.streamGroups()
                        .create(
                                group.name(),
                                config(group.settings(), StreamConfig.newBuilder(), group.name())
                                        .build());
            }
            List<SeekTarget> targets = new ArrayList<>();
            for (Committed one : choice.positions() == null ? List.<Committed>of() : group.committed()) {
                List<Long> ofTopic = ends.get(newName(one.topic()));
                if (ofTopic != null && one.partition() < ofTopic.size()) {
                    targets.add(SeekTarget.newBuilder()
                            .setTopic(newName(one.topic()))
                            .setPartition(one.partition())
                            .setTo(Start.newBuilder().setOffset(Math.min(one.offset(), ofTopic.get(one.partition()))))
                            .build());
                }
            }
            if (!targets.isEmpty()) {
                client.streamGroups().seek(group.name(), targets, false);
            }
        }
    }
}
