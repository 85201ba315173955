package io.holdfast.client;

import io.holdfast.v1.Route;
import io.holdfast.v1.SplitOff;
import java.util.ArrayList;
import java.util.Collection;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.NavigableMap;
import java.util.TreeMap;
import org.jspecify.annotations.Nullable;

/** Which partition of a topic has which keys, and which it had them from. Immutable. */
final class KeyRanges {
    private final NavigableMap<Long, Integer> byFirst = new TreeMap<>();
    private final Map<Integer, Long> versions = new HashMap<>();
    private final Map<Integer, SplitOff> splitOff = new HashMap<>();

    private KeyRanges(Collection<Route> routes) {
        for (Route route : routes) {
            int partition = route.getPartition().getPartition();
            long first = Integer.toUnsignedLong(route.getHashFirst());
            if (first <= Integer.toUnsignedLong(route.getHashLast())) {
                byFirst.put(first, partition);
            }
            versions.put(partition, route.getKeysVersion());
            if (route.hasSplitOff()) {
                splitOff.put(partition, route.getSplitOff());
            }
        }
    }

    static KeyRanges of(Collection<Route> routes) {
        return new KeyRanges(routes);
    }

    /** The partition that the hash belongs to; -1 if the topic has none. */
    int partition(long hash) {
        Map.Entry<Long, Integer> range = byFirst.floorEntry(hash);
        return range == null ? -1 : range.getValue();
    }

    /** Partitions that have keys. */
    List<Integer> partitions() {
        return new ArrayList<>(byFirst.values());
    }

    /** Rises when a partition has fewer keys than before. */
    long version(int partition) {
        return versions.getOrDefault(partition, 0L);
    }

    /** Where older records of a partition's keys are; null if there are none elsewhere. */
    @Nullable
    SplitOff splitOff(int partition) {
        return splitOff.get(partition);
    }
}
