package io.holdfast.cli.declare;

import com.fasterxml.jackson.databind.node.ObjectNode;
import com.google.protobuf.Message;
import io.holdfast.client.Admin;
import io.holdfast.client.HoldfastClient;
import io.holdfast.v1.Group;
import io.holdfast.v1.QueueConfig;
import io.holdfast.v1.StreamConfig;
import io.holdfast.v1.StreamGroup;
import io.holdfast.v1.Topic;
import io.holdfast.v1.TopicConfig;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.LinkedHashSet;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.function.Function;
import java.util.stream.Collectors;

/** What has to be done to a cluster so that it has what a file says. Nothing that the file does not name is touched. */
final class DeclaredChanges {
    private final HoldfastClient client;
    private final Map<String, Topic> topics;
    private final Map<String, Group> queueGroups;
    private final Map<String, StreamGroup> streamGroups;
    private final List<Change> changes = new ArrayList<>();
    private int unchanged;

    /**
     * @param what for people: create topic orders
     * @param check throws if it cannot be done, as far as that can be known before
     */
    record Change(String what, Runnable check, Runnable action) {}

    /** What no cluster would do. */
    static final class ImpossibleChangeException extends RuntimeException {
        private static final long serialVersionUID = 1;

        ImpossibleChangeException(String message) {
            super(message);
        }
    }

    private DeclaredChanges(HoldfastClient client) {
        this.client = client;
        Admin admin = client.admin();
        this.topics = byName(admin.listTopics(""), Topic::getName);
        this.queueGroups = byName(client.queues().list(""), group -> groupName(group.getTopic(), group.getName()));
        this.streamGroups = byName(client.streamGroups().list(), StreamGroup::getName);
    }

    private static <T> Map<String, T> byName(List<T> things, Function<T, String> name) {
        Map<String, T> map = new LinkedHashMap<>();
        things.forEach(thing -> map.put(name.apply(thing), thing));
        return map;
    }

    private static String groupName(String topic, String group) {
        return topic + "/" + group;
    }

    /** @throws io.holdfast.node.config.ConfigException if the file says what nothing can be set to */
    static DeclaredChanges between(HoldfastClient client, ClusterFile file) {
        DeclaredChanges found = new DeclaredChanges(client);
        file.topics().forEach(found::topic);
        file.queueGroups()
                .forEach(
                        (topic, groups) -> groups.forEach((name, settings) -> found.queueGroup(topic, name, settings)));
        file.streamGroups().forEach(found::streamGroup);
        return found;
    }

    /** In the order in which they can be made. */
    List<Change> changes() {
        return changes;
    }

    int unchanged() {
        return unchanged;
    }

    private void topic(String name, ObjectNode settings) {
        String where = "topic " + name;
        Topic present = topics.get(name);
        TopicConfig before = present == null ? TopicConfig.getDefaultInstance() : present.getConfig();
        TopicConfig.Builder after = before.toBuilder();
        MessageText.merge(settings, after, where);
        TopicConfig config = after.build();
        if (present == null) {
            add(
                    "create " + where + text(config),
                    () -> client.admin().checkTopic(name, config),
                    () -> client.admin().createTopic(name, config));
        } else {
            Runnable check = () -> {
                if (config.getPartitions() < before.getPartitions()) {
                    throw new ImpossibleChangeException("a topic never has fewer partitions than it had");
                }
            };
            update(where, before, config, check, () -> client.admin().updateTopic(name, config));
        }
    }

    private void queueGroup(String topic, String name, ObjectNode settings) {
        String where = "queue group " + groupName(topic, name);
        Group present = queueGroups.get(groupName(topic, name));
        QueueConfig before = present == null
                ? QueueConfig.getDefaultInstance()
                : present.getConfig().toBuilder().clearStart().build();
        QueueConfig.Builder after = before.toBuilder();
        MessageText.merge(settings, after, where);
        if (present == null) {
            QueueConfig config = after.build();
            add(
                    "create " + where + text(config),
                    () -> {},
                    () -> client.queues().create(topic, name, config));
        } else {
            QueueConfig config = after.clearStart().build(); // said when it began
            update(where, before, config, () -> {}, () -> client.queues().update(topic, name, config));
        }
    }

    private void streamGroup(String name, ObjectNode settings) {
        String where = "stream group " + name;
        StreamGroup present = streamGroups.get(name);
        StreamConfig before = present == null
                ? StreamConfig.getDefaultInstance()
                : present.getConfig().toBuilder().clearStart().build();
        StreamConfig.Builder after = before.toBuilder();
        MessageText.merge(settings, after, where);
        if (present == null) {
            StreamConfig config = after.build();
            add(
                    "create " + where + text(config),
                    () -> {},
                    () -> client.streamGroups().create(name, config));
        } else {
            Runnable refusal = () -> {
                throw new ImpossibleChangeException("delete it and create it anew: its settings cannot be changed");
            };
            update(where, before, after.clearStart().build(), refusal, refusal);
        }
    }

    private void add(String what, Runnable check, Runnable action) {
        changes.add(new Change(what, check, action));
    }

    private void update(String where, Message before, Message after, Runnable check, Runnable action) {
        if (before.equals(after)) {
            unchanged++;
        } else {
            add("update " + where + difference(MessageText.text(before), MessageText.text(after)), check, action);
        }
    }

    private static String text(Message config) {
        return MessageText.text(config).entrySet().stream()
                .map(setting -> ", " + setting.getKey() + " " + setting.getValue())
                .collect(Collectors.joining());
    }

    private static String difference(Map<String, Object> before, Map<String, Object> after) {
        Set<String> names = new LinkedHashSet<>(before.keySet());
        names.addAll(after.keySet());
        return names.stream()
                .filter(name -> !before.getOrDefault(name, "none").equals(after.getOrDefault(name, "none")))
                .map(name -> ", " + name + " " + before.getOrDefault(name, "none") + " -> "
                        + after.getOrDefault(name, "none"))
                .collect(Collectors.joining());
    }
}
