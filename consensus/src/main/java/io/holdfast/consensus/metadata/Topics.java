package io.holdfast.consensus.metadata;

import io.holdfast.internal.v1.TopicRow;
import java.util.Collection;
import java.util.Collections;
import java.util.HashMap;
import java.util.Map;
import java.util.NavigableMap;
import java.util.TreeMap;

/** The topics, by name and by id. Immutable. */
public record Topics(NavigableMap<String, TopicRow> byName, Map<Long, TopicRow> byId) {
    public static final Topics EMPTY = new Topics(Collections.emptyNavigableMap(), Map.of());

    /** New topics, or rows that replace those of the same name. */
    Topics with(Collection<TopicRow> rows) {
        NavigableMap<String, TopicRow> names = new TreeMap<>(byName);
        Map<Long, TopicRow> ids = new HashMap<>(byId);
        for (TopicRow row : rows) {
            names.put(row.getName(), row);
            ids.put(row.getTopicId(), row);
        }
        return new Topics(names, ids);
    }

    Topics without(String name) {
        NavigableMap<String, TopicRow> names = new TreeMap<>(byName);
        Map<Long, TopicRow> ids = new HashMap<>(byId);
        TopicRow gone = names.remove(name);
        if (gone != null) {
            ids.remove(gone.getTopicId());
        }
        return new Topics(names, ids);
    }
}
