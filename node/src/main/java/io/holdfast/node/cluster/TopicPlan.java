package io.holdfast.node.cluster;

import com.google.protobuf.Duration;
import io.holdfast.consensus.Refusal;
import io.holdfast.consensus.metadata.FeatureLevel;
import io.holdfast.consensus.metadata.MetadataImage;
import io.holdfast.consensus.metadata.TopicSplits;
import io.holdfast.internal.v1.AddPartitionsCommand;
import io.holdfast.internal.v1.CreateTopicCommand;
import io.holdfast.internal.v1.KeyRange;
import io.holdfast.internal.v1.NodeRow;
import io.holdfast.internal.v1.ParentPartition;
import io.holdfast.internal.v1.PartitionAssignment;
import io.holdfast.internal.v1.TopicRow;
import io.holdfast.node.placement.Placement;
import io.holdfast.v1.Compaction;
import io.holdfast.v1.ErrorReason;
import io.holdfast.v1.NodeState;
import io.holdfast.v1.PartitionKeys;
import io.holdfast.v1.SettledRetention;
import io.holdfast.v1.TopicConfig;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.NavigableMap;
import java.util.TreeMap;
import java.util.regex.Pattern;

/** Turns a wish for a topic into the command that creates it, or says what is wrong with it. */
public final class TopicPlan {
    private static final long DEDUP_SECONDS_MAX = 7 * 86_400;
    private static final long YEAR_SECONDS = 366L * 86_400;
    private static final long RETAIN_SECONDS_MAX = 1000 * YEAR_SECONDS;
    private static final Pattern NAME = Pattern.compile("[a-zA-Z0-9._-]{1,249}");
    private static final int REPLICAS_DEFAULT = 3;

    private TopicPlan() {}

    /**
     * @param image the current one: a node that this image lacks gets no replica
     * @param nodesMeant how many nodes the cluster is meant to have; those still to come count for the default, so that
     *     nobody who creates a topic early gets one copy for good without having asked for it
     * @param partitions 0 for the default
     * @param replicas 0 for the default
     * @throws Refusal if it cannot be
     */
    public static CreateTopicCommand plan(
            MetadataImage image, int nodesMeant, String name, int partitions, int replicas, int partitionsMax) {
        if (!NAME.matcher(name).matches() || name.equals(".") || name.equals("..")) {
            throw Refusal.invalid("name the topic with 1 to 249 of a-z A-Z 0-9 . _ - : '" + name + "' does not do");
        }
        if (image.topic(name) != null) {
            throw Refusal.of(
                    ErrorReason.ERROR_REASON_TOPIC_EXISTS,
                    "choose another name, or use the topic: '" + name + "' exists");
        }
        int count = partitions == 0 ? 1 : partitions;
        if (count < 1 || count > partitionsMax) {
            throw Refusal.invalid(
                    "ask for 1 to " + partitionsMax + " partitions, not " + Integer.toUnsignedString(partitions));
        }
        int nodes = Math.max(nodesMeant, image.nodes().size());
        int copies = replicas == 0 ? Math.min(REPLICAS_DEFAULT, nodes % 2 == 0 ? nodes - 1 : nodes) : replicas;
        checkOdd(copies);
        try {
            return CreateTopicCommand.newBuilder()
                    .setName(name)
                    .setReplicas(copies)
                    .addAllAssignments(Placement.place(takers(image), existing(image), count, copies))
                    .build();
        } catch (IllegalArgumentException e) {
            throw Refusal.invalid(String.valueOf(e.getMessage()));
        }
    }

    /** @throws Refusal if these are not all hashes, each once, one range for each partition */
    public static CreateTopicCommand withKeys(
            MetadataImage image, CreateTopicCommand command, List<PartitionKeys> keys) {
        checkGrowing(image);
        int partitions = command.getAssignmentsCount();
        if (keys.size() != partitions) {
            throw Refusal.invalid("say the keys of each partition, or of none");
        }
        NavigableMap<Long, Long> ranges = new TreeMap<>();
        CreateTopicCommand.Builder changed = command.toBuilder();
        for (int p = 0; p < partitions; p++) {
            PartitionKeys one = keys.get(p);
            ranges.put(Integer.toUnsignedLong(one.getHashFirst()), Integer.toUnsignedLong(one.getHashLast()));
            PartitionAssignment.Builder assignment = changed.getAssignmentsBuilder(p)
                    .setKeys(KeyRange.newBuilder().setFirst(one.getHashFirst()).setLast(one.getHashLast()));
            if (one.hasSplitOff()) {
                if (one.getSplitOff().getParent() >= partitions
                        || one.getSplitOff().getParent() == p) {
                    throw Refusal.invalid("partition " + p + " cannot have been split off from "
                            + Integer.toUnsignedString(one.getSplitOff().getParent()));
                }
                assignment.setParent(ParentPartition.newBuilder()
                        .setPartition(one.getSplitOff().getParent())
                        .setEndOffset(one.getSplitOff().getParentEnd()));
            }
        }
        long next = 0;
        for (Map.Entry<Long, Long> range : ranges.entrySet()) {
            if (range.getKey() != next || range.getValue() < next) {
                throw Refusal.invalid("say whose each key hash is: nobody's, or two partitions', from " + next + " on");
            }
            next = range.getValue() + 1;
        }
        if (next != 1L << 32 || ranges.size() != partitions) {
            throw Refusal.invalid("say whose each key hash is: nobody's, or two partitions', from " + next + " on");
        }
        return changed.build();
    }

    private static void checkGrowing(MetadataImage image) {
        if (image.clusterNodes().featureLevel() < FeatureLevel.GROWING_TOPICS) {
            throw raiseLevel();
        }
    }

    private static Refusal raiseLevel() {
        return Refusal.invalid("raise the cluster's feature level first (holdfast cluster upgrade)");
    }

    /**
     * More partitions for a topic, of which each takes half of another's keys.
     *
     * @param partitions how many there shall be
     * @throws Refusal if that cannot be
     */
    public static AddPartitionsCommand grow(MetadataImage image, TopicRow topic, int partitions, int partitionsMax) {
        int now = topic.getAssignmentsCount();
        if (partitions < now) {
            throw Refusal.invalid("leave topic '" + topic.getName() + "' its " + now
                    + " partitions: it can get more, and never has fewer again");
        }
        if (partitions > partitionsMax) {
            throw Refusal.invalid("ask for at most " + partitionsMax + " partitions");
        }
        checkGrowing(image);
        if (topic.getDeadLettersOf() != 0) {
            throw Refusal.invalid("leave the dead letters of a group where they are");
        }
        try {
            List<PartitionAssignment> pieces = TopicSplits.plan(topic, partitions - now);
            List<PartitionAssignment> placed =
                    Placement.place(takers(image), existing(image), pieces.size(), topic.getReplicas());
            AddPartitionsCommand.Builder command =
                    AddPartitionsCommand.newBuilder().setTopic(topic.getName()).setExpectedPartitions(now);
            for (int i = 0; i < pieces.size(); i++) {
                command.addAssignments(placed.get(i).toBuilder().mergeFrom(pieces.get(i)));
            }
            return command.build();
        } catch (IllegalArgumentException e) {
            throw Refusal.invalid(String.valueOf(e.getMessage()));
        }
    }

    private static List<PartitionAssignment> existing(MetadataImage image) {
        List<PartitionAssignment> existing = new ArrayList<>();
        image.topics().values().forEach(topic -> existing.addAll(topic.getAssignmentsList()));
        return existing;
    }

    private static List<NodeRow> takers(MetadataImage image) {
        return image.nodes().values().stream()
                .filter(node -> image.clusterNodes().state(node.getNodeId()) == NodeState.NODE_STATE_ACTIVE)
                .toList();
    }

    /** @throws Refusal if a topic cannot have so many */
    public static void checkReplicas(int replicas, MetadataImage image) {
        checkOdd(replicas);
        if (replicas > image.nodes().size()) {
            throw Refusal.invalid("ask for at most " + image.nodes().size() + " replicas, or start more nodes first");
        }
    }

    private static void checkOdd(int replicas) {
        if (replicas < 1 || replicas % 2 == 0) {
            throw Refusal.invalid("ask for 1, 3 or 5 replicas, not " + Integer.toUnsignedString(replicas)
                    + ": an even number costs one more and survives no more");
        }
    }

    /** Checks what a topic keeps and for how long, and what it knows again; partitions and replicas are left out. */
    public static TopicConfig changeable(TopicConfig config) {
        if (config.hasRetainFor()
                && (config.getRetainFor().getSeconds() < 1
                        || config.getRetainFor().getSeconds() > RETAIN_SECONDS_MAX)) {
            throw Refusal.invalid("keep records for 1 s to 1,000 years");
        }
        if (config.getPublishBytesPerSecond() < 0) {
            throw Refusal.invalid("let a partition take fewer bytes a second");
        }
        if (config.getRetainBytes() < 0) {
            throw Refusal.invalid("keep fewer bytes");
        }
        if (config.hasDedupWindow()
                && (config.getDedupWindow().getSeconds() < 1
                        || config.getDedupWindow().getSeconds() > DEDUP_SECONDS_MAX)) {
            throw Refusal.invalid("know message ids for 1 s to 7 days");
        }
        if (config.hasCompaction()) {
            check(config.getCompaction());
        }
        if (config.getSettled() == SettledRetention.UNRECOGNIZED) {
            throw Refusal.invalid("choose a retention that this version knows");
        }
        if (config.getRejectWhenFull() && config.getRetainBytes() == 0) {
            throw Refusal.invalid("say with retain_bytes when a partition is full");
        }
        return config.toBuilder().clearPartitions().clearReplicas().build();
    }

    private static void check(Compaction compaction) {
        if (compaction.hasAfter() && !isWithin(compaction.getAfter(), 0, YEAR_SECONDS)) {
            throw Refusal.invalid("compact records of an age of 0 s to 1 year");
        }
        if (compaction.hasWithin() && !isWithin(compaction.getWithin(), 1, YEAR_SECONDS)) {
            throw Refusal.invalid("compact within 1 s to 1 year");
        }
        if (compaction.hasKeepTombstones() && !isWithin(compaction.getKeepTombstones(), 0, 10 * YEAR_SECONDS)) {
            throw Refusal.invalid("keep tombstones for 0 s to 10 years");
        }
    }

    private static boolean isWithin(Duration duration, long secondsMin, long secondsMax) {
        return duration.getSeconds() >= secondsMin && duration.getSeconds() <= secondsMax && duration.getNanos() >= 0;
    }

    /** @throws Refusal if some node may not know what this asks for */
    public static void checkLevel(MetadataImage image, TopicConfig config) {
        if (config.hasCompaction()) {
            checkCompaction(image);
        }
    }

    /** @throws Refusal if some node may not know that logs can have gaps */
    public static void checkCompaction(MetadataImage image) {
        if (image.clusterNodes().featureLevel() < FeatureLevel.COMPACTION) {
            throw raiseLevel();
        }
    }
}
