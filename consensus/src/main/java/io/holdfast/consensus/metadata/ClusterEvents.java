package io.holdfast.consensus.metadata;

import com.google.protobuf.util.Timestamps;
import io.holdfast.v1.ClusterEvent;
import java.util.ArrayList;
import java.util.List;

/**
 * What was decided and what happened, the latest of it. Made from the commands of the metadata group, so that it is the
 * same on all nodes. Immutable.
 *
 * @param latest oldest first
 */
public record ClusterEvents(List<ClusterEvent> latest) {
    private static final int KEPT = 1_000;

    public static final ClusterEvents EMPTY = new ClusterEvents(List.of());

    /** @param texts what happened at that index of the metadata group's Raft log */
    ClusterEvents with(long index, long nowMs, List<String> texts) {
        if (texts.isEmpty()) {
            return this;
        }
        List<ClusterEvent> more = new ArrayList<>(latest);
        for (String text : texts) {
            more.add(ClusterEvent.newBuilder()
                    .setNumber(index)
                    .setTime(Timestamps.fromMillis(nowMs))
                    .setText(text)
                    .build());
        }
        return new ClusterEvents(List.copyOf(more.subList(Math.max(0, more.size() - KEPT), more.size())));
    }

    /** Those after a number. */
    public List<ClusterEvent> after(long number) {
        return latest.stream().filter(event -> event.getNumber() > number).toList();
    }
}
