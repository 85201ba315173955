package io.holdfast.node.queue;

import io.holdfast.consensus.ProducerIdSpace;
import io.holdfast.consensus.Refusal;
import io.holdfast.consensus.metadata.MetadataImage;
import io.holdfast.consensus.partition.PartitionReplica;
import io.holdfast.consensus.queue.DeadLetterSource;
import io.holdfast.consensus.queue.DeadLetterSource.DeadLetter;
import io.holdfast.consensus.raft.GroupId;
import io.holdfast.internal.v1.AppendDeadRequest;
import io.holdfast.internal.v1.AppendDeadResponse;
import io.holdfast.internal.v1.CreateTopicCommand;
import io.holdfast.internal.v1.DeadRecord;
import io.holdfast.internal.v1.GroupRow;
import io.holdfast.internal.v1.QueueNodeServiceGrpc;
import io.holdfast.internal.v1.TopicRow;
import io.holdfast.node.cluster.ClusterState;
import io.holdfast.node.cluster.MetadataClient;
import io.holdfast.node.cluster.TopicPlan;
import io.holdfast.node.service.Appends;
import io.holdfast.node.service.Forwarder;
import io.holdfast.record.Compression;
import io.holdfast.record.HeaderNames;
import io.holdfast.record.LogRecord;
import io.holdfast.record.RecordBatch;
import io.holdfast.record.RecordBatchBuilder;
import io.holdfast.record.RecordHeader;
import io.holdfast.v1.ErrorReason;
import io.holdfast.v1.Sequence;
import java.nio.ByteBuffer;
import java.nio.charset.StandardCharsets;
import java.time.Duration;
import java.time.Instant;
import java.util.ArrayList;
import java.util.List;
import java.util.Set;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.ConcurrentHashMap;
import java.util.concurrent.TimeUnit;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * Writes dead records of the partitions that this node leads to their groups' dead-letter topics, exactly once: under
 * the partition's own producer id, with the number that the record got when it died as its sequence. Whoever leads next
 * goes on with the oldest that is not known to be there; what is there already is a duplicate, which changes nothing.
 */
final class DeadLetterMover {
    private static final Logger LOG = LoggerFactory.getLogger(DeadLetterMover.class);
    private static final int LETTERS_MAX = 500;
    private static final Duration PATIENCE = Duration.ofSeconds(10);
    private static final long RETRY_NANOS = TimeUnit.SECONDS.toNanos(1);

    private final ClusterState state;
    private final MetadataClient metadata;
    private final Appends appends;
    private final Forwarder forwarder;
    private final QueueMetrics metrics;
    /** Being moved, or to be left alone for a moment after a failure. */
    private final Set<Move> moving = ConcurrentHashMap.newKeySet();

    private final ConcurrentHashMap<Move, Long> notBefore = new ConcurrentHashMap<>();

    private record Move(GroupId partition, long queueGroupId) {}

    DeadLetterMover(
            ClusterState state, MetadataClient metadata, Appends appends, Forwarder forwarder, QueueMetrics metrics) {
        this.state = state;
        this.metadata = metadata;
        this.appends = appends;
        this.forwarder = forwarder;
        this.metrics = metrics;
    }

    /** Moves what there is to move, in the background. */
    void move(PartitionReplica replica) {
        GroupId partition = replica.group().group();
        for (long queueGroupId : replica.queues().lane().deadLetters().groups()) {
            Move move = new Move(partition, queueGroupId);
            GroupRow group = state.image().groups().get(queueGroupId);
            long notBeforeNanos = notBefore.getOrDefault(move, System.nanoTime());
            if (group != null && System.nanoTime() - notBeforeNanos >= 0 && moving.add(move)) {
                moveAll(replica, group).whenComplete((ok, failure) -> {
                    if (failure == null) {
                        notBefore.remove(move);
                    } else {
                        metrics.deadFailures.inc();
                        notBefore.put(move, System.nanoTime() + RETRY_NANOS);
                        LOG.info(
                                "dead letters of group {} of {}/{} wait: {}",
                                group.getName(),
                                group.getTopic(),
                                partition.partition(),
                                failure.getMessage());
                    }
                    moving.remove(move);
                });
            }
        }
    }

    private CompletableFuture<Void> moveAll(PartitionReplica replica, GroupRow group) {
        DeadLetterSource source = replica.queues().lane().deadLetters();
        return topic(group)
                .thenCompose(topic -> source.oldest(group.getGroupId(), topic.getTopicId(), LETTERS_MAX)
                        .thenCompose(letters -> letters.isEmpty()
                                ? CompletableFuture.completedFuture(null)
                                : append(replica, group, topic, letters).thenCompose(next -> {
                                    metrics.deadMoved.inc(
                                            next - letters.get(0).dead().getNumber());
                                    return source.moved(group.getGroupId(), next)
                                            .thenAccept(ok -> {});
                                })));
    }

    /** The group's dead-letter topic; made if there is none. */
    private CompletableFuture<TopicRow> topic(GroupRow group) {
        String name = GroupConfigs.deadLetterTopic(group.getTopic(), group.getName());
        TopicRow existing = state.image().topic(name);
        if (existing != null) {
            return checked(existing);
        }
        return metadata.getOrCreateTopic(name, image -> plan(image, name, group), PATIENCE)
                .thenCompose(DeadLetterMover::checked);
    }

    private CreateTopicCommand plan(MetadataImage image, String name, GroupRow group) {
        TopicRow source = image.topic(group.getTopicId());
        if (source == null) {
            throw Refusal.of(ErrorReason.ERROR_REASON_TOPIC_NOT_FOUND, "the topic has been deleted");
        }
        return TopicPlan.plan(image, metadata.voters(), name, 1, source.getReplicas(), 1).toBuilder()
                .setDeadLettersOf(group.getGroupId())
                .build();
    }

    /** A user's topic that happens to have the name is not written to. */
    private static CompletableFuture<TopicRow> checked(TopicRow topic) {
        return topic.getDeadLettersOf() != 0
                ? CompletableFuture.completedFuture(topic)
                : CompletableFuture.failedFuture(Refusal.of(
                        ErrorReason.ERROR_REASON_TOPIC_EXISTS,
                        "delete topic '" + topic.getName()
                                + "': it is not a dead-letter topic, and stands where one should be"));
    }

    /** Appends as many of the letters as one batch takes; completes with the number after the last. */
    private CompletableFuture<Long> append(
            PartitionReplica replica, GroupRow group, TopicRow topic, List<DeadLetter> letters) {
        int partition = replica.group().group().partition();
        RecordBatchBuilder builder = new RecordBatchBuilder(Compression.NONE);
        int bytesMax = appends.limits().batchBytesMax();
        long next = letters.get(0).dead().getNumber();
        for (DeadLetter letter : letters) {
            LogRecord record = record(letter, group, partition);
            if (RecordBatch.HEADER_BYTES + RecordBatchBuilder.sizeInBytesMax(record) > bytesMax) {
                record = withoutContent(record);
            }
            if (builder.recordCount() > 0
                    && builder.sizeInBytes() + RecordBatchBuilder.sizeInBytesMax(record) > bytesMax) {
                break;
            }
            builder.add(record);
            next = letter.dead().getNumber() + 1;
        }
        ByteBuffer batch = builder.build();
        long producerId = ProducerIdSpace.deadLetters(group.getGroupId(), partition);
        long sequence = letters.get(0).sequence();
        GroupId target = GroupId.ofPartition(topic.getTopicId(), 0);
        AppendDeadRequest request = AppendDeadRequest.newBuilder()
                .setTopicId(topic.getTopicId())
                .setBatch(com.google.protobuf.UnsafeByteOperations.unsafeWrap(batch.duplicate()))
                .setProducerId(producerId)
                .setFirstSequence(sequence)
                .build();
        Sequence place = Sequence.newBuilder()
                .setProducerId(producerId)
                .setFirstSequence(sequence)
                .build();
        long after = next;
        return forwarder
                .run(
                        target,
                        () -> appends.appendOwn(target, batch.duplicate(), place)
                                .thenApply(stored -> AppendDeadResponse.getDefaultInstance()),
                        node -> QueueNodeServiceGrpc.newFutureStub(node).appendDead(request))
                .thenApply(ok -> after);
    }

    private static LogRecord record(DeadLetter letter, GroupRow group, int partition) {
        DeadRecord dead = letter.dead();
        LogRecord content = letter.content();
        List<RecordHeader> headers = new ArrayList<>();
        if (content != null) {
            content.headers().stream()
                    .filter(header -> !header.name().startsWith(HeaderNames.DEAD_LETTER_PREFIX))
                    .forEach(headers::add);
        }
        header(headers, "topic", group.getTopic());
        header(headers, "partition", Integer.toString(partition));
        header(headers, "offset", Long.toString(dead.getOffset()));
        header(headers, "group", group.getName());
        header(headers, "number", Long.toString(dead.getNumber()));
        header(headers, "reason", dead.getReason());
        header(headers, "deliveries", Integer.toString(dead.getDelivered()));
        header(headers, "failures", Integer.toString(dead.getFailed()));
        header(
                headers,
                "first-failure",
                Instant.ofEpochMilli(dead.getFirstFailureMs()).toString());
        header(
                headers,
                "last-failure",
                Instant.ofEpochMilli(dead.getLastFailureMs()).toString());
        header(headers, "member", dead.getMember());
        if (content == null) {
            header(headers, "content", "trimmed before it could be moved");
            return new LogRecord(dead.getLastFailureMs(), null, null, headers);
        }
        return new LogRecord(content.timestampMs(), content.key(), content.value(), headers);
    }

    /** One that was as large as a record may be, and has no room for our headers. */
    private static LogRecord withoutContent(LogRecord record) {
        List<RecordHeader> headers = new ArrayList<>(record.headers());
        headers.removeIf(header -> !header.name().startsWith(HeaderNames.DEAD_LETTER_PREFIX));
        header(headers, "content", "too large to be copied: read it where it came from");
        return new LogRecord(record.timestampMs(), null, null, headers);
    }

    private static void header(List<RecordHeader> headers, String name, String value) {
        headers.add(new RecordHeader(HeaderNames.DEAD_LETTER_PREFIX + name, value.getBytes(StandardCharsets.UTF_8)));
    }
}
