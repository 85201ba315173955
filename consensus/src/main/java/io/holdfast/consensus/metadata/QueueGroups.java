package io.holdfast.consensus.metadata;

import com.google.common.collect.ImmutableMap;
import com.google.common.collect.ImmutableSortedMap;
import io.holdfast.internal.v1.GroupRow;
import java.util.Collection;
import java.util.Collections;
import java.util.List;
import java.util.Map;
import java.util.NavigableMap;
import java.util.TreeMap;
import java.util.stream.Collectors;
import org.jspecify.annotations.Nullable;

/** The queue groups of all topics; immutable. Ids count up from 1 and are never used again. */
public final class QueueGroups {
    public static final QueueGroups EMPTY = new QueueGroups(Collections.emptyNavigableMap(), 1);

    /** By topic, '/' and name, neither of which may have a '/' in it. */
    private final NavigableMap<String, GroupRow> byName;

    private final Map<Long, GroupRow> byId;
    private final long nextId;

    private QueueGroups(NavigableMap<String, GroupRow> byName, long nextId) {
        this.byName = byName;
        this.nextId = nextId;
        byId = ImmutableMap.copyOf(
                byName.values().stream().collect(Collectors.toMap(GroupRow::getGroupId, group -> group)));
    }

    static QueueGroups of(List<GroupRow> rows, long nextId) {
        NavigableMap<String, GroupRow> byName = new TreeMap<>();
        rows.forEach(row -> byName.put(key(row.getTopic(), row.getName()), row));
        return new QueueGroups(ImmutableSortedMap.copyOf(byName), Math.max(1, nextId));
    }

    private static String key(String topic, String name) {
        return topic + "/" + name;
    }

    public @Nullable GroupRow get(String topic, String name) {
        return byName.get(key(topic, name));
    }

    public @Nullable GroupRow get(long groupId) {
        return byId.get(groupId);
    }

    /** By topic and name. */
    public Collection<GroupRow> all() {
        return byName.values();
    }

    /** Groups of a topic, by name. */
    public Collection<GroupRow> of(String topic) {
        return byName.subMap(key(topic, ""), true, topic + (char) ('/' + 1), false)
                .values();
    }

    /** Id that the next group gets: lower ones that are not here have been deleted. */
    public long nextId() {
        return nextId;
    }

    QueueGroups with(GroupRow row) {
        NavigableMap<String, GroupRow> changed = new TreeMap<>(byName);
        changed.put(key(row.getTopic(), row.getName()), row);
        return new QueueGroups(changed, Math.max(nextId, row.getGroupId() + 1));
    }

    QueueGroups without(String topic, String name) {
        NavigableMap<String, GroupRow> changed = new TreeMap<>(byName);
        changed.remove(key(topic, name));
        return new QueueGroups(changed, nextId);
    }

    QueueGroups withoutTopic(String topic) {
        NavigableMap<String, GroupRow> changed = new TreeMap<>(byName);
        changed.values().removeIf(group -> group.getTopic().equals(topic));
        return new QueueGroups(changed, nextId);
    }
}
