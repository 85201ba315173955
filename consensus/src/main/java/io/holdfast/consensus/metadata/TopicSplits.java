package io.holdfast.consensus.metadata;

import io.holdfast.internal.v1.AddPartitionsCommand;
import io.holdfast.internal.v1.ConfirmSplitsCommand;
import io.holdfast.internal.v1.ConfirmedSplit;
import io.holdfast.internal.v1.KeyRange;
import io.holdfast.internal.v1.MetadataReply;
import io.holdfast.internal.v1.MetadataResult;
import io.holdfast.internal.v1.ParentPartition;
import io.holdfast.internal.v1.PartitionAssignment;
import io.holdfast.internal.v1.TopicRow;
import java.util.ArrayList;
import java.util.List;
import java.util.function.UnaryOperator;

/**
 * Partitions that are added to a topic, in two steps (docs/decisions/0019): they are there and have no keys yet; their
 * parents' leaders say from where on they take no more of these keys, and the children have them.
 */
public final class TopicSplits {
    private final long index;
    private final MetadataReply.Builder reply;
    private final List<String> events;

    TopicSplits(long index, MetadataReply.Builder reply, List<String> events) {
        this.index = index;
        this.reply = reply;
        this.events = events;
    }

    private record Piece(int parent, boolean isNew, long first, long last) {
        long size() {
            return last - first + 1;
        }
    }

    /**
     * What new partitions begin with: again and again the largest range is halved, and the upper half is a new one's.
     *
     * @return keys and parents of so many
     * @throws IllegalArgumentException if there are not so many hashes
     */
    public static List<PartitionAssignment> plan(TopicRow topic, int more) {
        List<Piece> pieces = new ArrayList<>();
        for (int p = 0; p < topic.getAssignmentsCount(); p++) {
            KeyRange range = TopicKeys.range(topic, p);
            pieces.add(new Piece(p, false, TopicKeys.first(range), TopicKeys.last(range)));
        }
        for (int i = 0; i < more; i++) {
            int largest = 0;
            for (int p = 1; p < pieces.size(); p++) {
                if (pieces.get(p).size() > pieces.get(largest).size()) {
                    largest = p;
                }
            }
            Piece whole = pieces.get(largest);
            if (whole.size() < 2) {
                throw new IllegalArgumentException("there are not so many key hashes");
            }
            long middle = whole.first + whole.size() / 2;
            pieces.set(largest, new Piece(whole.parent, whole.isNew, whole.first, middle - 1));
            pieces.add(new Piece(whole.parent, true, middle, whole.last));
        }
        return pieces.stream()
                .filter(Piece::isNew)
                .map(piece -> PartitionAssignment.newBuilder()
                        .setKeys(KeyRange.newBuilder()
                                .setFirst((int) piece.first)
                                .setLast((int) piece.last))
                        .setParent(ParentPartition.newBuilder().setPartition(piece.parent))
                        .build())
                .toList();
    }

    /** Whether partitions were added that have no keys yet. */
    public static boolean isUnderWay(TopicRow topic) {
        return TopicKeys.hasGrown(topic) && topic.getAssignmentsList().stream().anyMatch(TopicKeys::isSplitting);
    }

    MetadataImage add(
            MetadataImage image, AddPartitionsCommand command, UnaryOperator<PartitionAssignment> withFounders) {
        TopicRow topic = image.topic(command.getTopic());
        if (topic == null) {
            reply.setResult(MetadataResult.METADATA_RESULT_TOPIC_NOT_FOUND);
            return image;
        }
        if (topic.getConfig().hasDedupWindow()) {
            reply.setResult(MetadataResult.METADATA_RESULT_INVALID)
                    .setMessage(
                            "leave the partitions as they are while message ids are known: the ids of a key that moves"
                                    + " would not be known where it moves to");
            return image;
        }
        if (isUnderWay(topic)
                || topic.getAssignmentsCount() != command.getExpectedPartitions()
                || !isPlannedFor(topic, command.getAssignmentsList())) {
            reply.setResult(MetadataResult.METADATA_RESULT_INVALID)
                    .setMessage(
                            "ask again in a moment: topic '" + topic.getName() + "' is being given more partitions");
            return image;
        }
        TopicRow.Builder grown = topic.toBuilder().setSplitVersion(index);
        for (int p = 0; p < topic.getAssignmentsCount(); p++) {
            grown.getAssignmentsBuilder(p).setKeys(TopicKeys.range(topic, p));
        }
        command.getAssignmentsList().forEach(added -> grown.addAssignments(withFounders.apply(added)));
        reply.setTopic(grown);
        events.add("topic " + topic.getName() + " gets " + command.getAssignmentsCount() + " more partitions, "
                + grown.getAssignmentsCount() + " in all");
        return image.withTopic(index, grown.build());
    }

    /** False for a plan made when other partitions had not got their keys yet: it would give the same keys away again. */
    private static boolean isPlannedFor(TopicRow topic, List<PartitionAssignment> added) {
        List<PartitionAssignment> planned = plan(topic, added.size());
        for (int i = 0; i < planned.size(); i++) {
            if (!planned.get(i).getKeys().equals(added.get(i).getKeys())
                    || !planned.get(i).getParent().equals(added.get(i).getParent())) {
                return false;
            }
        }
        return true;
    }

    MetadataImage confirm(MetadataImage image, ConfirmSplitsCommand command) {
        MetadataImage after = image;
        for (ConfirmedSplit split : command.getConfirmedList()) {
            TopicRow topic = after.topic(split.getTopicId());
            if (topic != null && topic.getSplitVersion() == split.getSplitVersion()) {
                TopicRow confirmed = split.getIsOver() ? over(topic, split) : confirmed(topic, split);
                if (!confirmed.equals(topic)) {
                    after = after.withTopic(index, confirmed);
                }
            }
        }
        return after;
    }

    private TopicRow confirmed(TopicRow topic, ConfirmedSplit split) {
        TopicRow.Builder confirmed = topic.toBuilder();
        long keptUntil = Long.MAX_VALUE;
        for (int p = 0; p < topic.getAssignmentsCount(); p++) {
            PartitionAssignment.Builder child = confirmed.getAssignmentsBuilder(p);
            if (TopicKeys.isSplitting(child.build()) && child.getParent().getPartition() == split.getParent()) {
                keptUntil = Math.min(keptUntil, TopicKeys.first(child.getKeys()) - 1);
                if (split.getEndOffset() == 0) {
                    child.clearParent(); // it had nothing
                } else {
                    child.getParentBuilder().setEndOffset(split.getEndOffset());
                }
            }
        }
        if (keptUntil < Long.MAX_VALUE) {
            PartitionAssignment.Builder parent = confirmed.getAssignmentsBuilder(split.getParent());
            parent.setKeysVersion(split.getSplitVersion());
            parent.getKeysBuilder().setLast((int) keptUntil);
            events.add("partition " + topic.getName() + "/" + split.getParent() + " was split at offset "
                    + split.getEndOffset());
        }
        return confirmed.build();
    }

    private static TopicRow over(TopicRow topic, ConfirmedSplit split) {
        TopicRow.Builder over = topic.toBuilder();
        for (PartitionAssignment.Builder child : over.getAssignmentsBuilderList()) {
            if (child.hasParent()
                    && child.getParent().getPartition() == split.getParent()
                    && child.getParent().hasEndOffset()
                    && child.getParent().getEndOffset() <= split.getEndOffset()) {
                child.clearParent();
            }
        }
        return over.build();
    }
}
