package io.holdfast.client;

import io.holdfast.client.RoutingCache.PartitionKey;
import io.holdfast.v1.ErrorReason;
import java.util.Collection;
import java.util.HashMap;
import java.util.HashSet;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.concurrent.ThreadLocalRandom;

/** Where a producer puts records, by the keys that partitions have, or had. Guarded by the producer's lock. */
final class KeyPlacement {
    private final RoutingCache routes;
    /** Of the topics that are used here. */
    private final Map<String, KeyRanges> ranges = new HashMap<>();

    /** Those in which something waits that was placed when their partitions had more keys. */
    private final Set<Lane> stale = new HashSet<>();

    /** Partitions that batches without keys are filled for, until they are full. */
    private final Map<String, Integer> sticky = new HashMap<>();

    KeyPlacement(RoutingCache routes) {
        this.routes = routes;
    }

    KeyRanges ranges(String topic) {
        return ranges.computeIfAbsent(topic, routes::ranges);
    }

    /**
     * Where a key belongs. As long as something of it may wait in a lane where it belonged before, that is where it goes:
     * it is refused there with the others, and they are placed anew together, in order.
     */
    int partitionOf(String topic, long hash) {
        stale.removeIf(Lane::isEmpty);
        for (Lane lane : stale) {
            if (lane.key().topic().equals(topic) && lane.hadKey(hash)) {
                return lane.key().partition();
            }
        }
        return known(topic, ranges(topic).partition(hash));
    }

    /** Where records without a key go for now. */
    int stickyPartition(String topic) {
        Integer before = sticky.get(topic);
        if (before != null) {
            return before;
        }
        List<Integer> all = ranges(topic).partitions();
        int partition = known(
                topic, all.isEmpty() ? -1 : all.get(ThreadLocalRandom.current().nextInt(all.size())));
        sticky.put(topic, partition);
        return partition;
    }

    /** The batch is full: another partition's turn. */
    void unstick(String topic) {
        sticky.remove(topic);
    }

    private static int known(String topic, int partition) {
        if (partition < 0) {
            throw HoldfastException.notApplied(
                    ErrorReason.ERROR_REASON_TOPIC_NOT_FOUND, "create topic '" + topic + "' first: it does not exist");
        }
        return partition;
    }

    /** There is news about the routes. */
    void adoptRoutes(Collection<Lane> lanes) {
        ranges.replaceAll((topic, before) -> routes.ranges(topic));
        for (Lane lane : lanes) {
            if (lane.isStale(ranges(lane.key().topic()))) {
                stale.add(lane);
            }
        }
    }

    /** Whether more is known now of where the keys of a batch belong than when it was placed. */
    boolean isNewer(PendingBatch batch) {
        PartitionKey key = batch.lane().key();
        return batch.keysVersion() < ranges(key.topic()).version(key.partition());
    }

    /** What waits in the lane from now on was placed by the keys of now. */
    void settled(Lane lane) {
        stale.remove(lane);
    }
}
