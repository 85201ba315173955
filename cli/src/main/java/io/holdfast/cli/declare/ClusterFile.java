package io.holdfast.cli.declare;

import com.fasterxml.jackson.core.StreamReadFeature;
import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.node.JsonNodeFactory;
import com.fasterxml.jackson.databind.node.ObjectNode;
import com.fasterxml.jackson.dataformat.yaml.YAMLFactory;
import com.fasterxml.jackson.dataformat.yaml.YAMLGenerator;
import com.fasterxml.jackson.dataformat.yaml.YAMLMapper;
import io.holdfast.node.config.ConfigException;
import java.io.IOException;
import java.util.LinkedHashMap;
import java.util.Map;
import java.util.Set;
import org.jspecify.annotations.Nullable;

/**
 * What a cluster shall have, as written in YAML:
 *
 * <pre>
 * topics:
 *   orders:
 *     partitions: 16
 *     retain-for: 7d
 *     queue-groups:
 *       billing: {order: keyed, lease: 1m}
 * stream-groups:
 *   analytics: {session-timeout: 20s}
 * </pre>
 *
 * @param topics settings by name
 * @param queueGroups settings by name, by topic
 * @param streamGroups settings by name
 */
record ClusterFile(
        Map<String, ObjectNode> topics,
        Map<String, Map<String, ObjectNode>> queueGroups,
        Map<String, ObjectNode> streamGroups) {
    private static final String TOPICS = "topics";
    private static final String QUEUE_GROUPS = "queue-groups";
    private static final String STREAM_GROUPS = "stream-groups";

    private static YAMLMapper mapper() {
        return new YAMLMapper(YAMLFactory.builder()
                .enable(StreamReadFeature.STRICT_DUPLICATE_DETECTION)
                .disable(YAMLGenerator.Feature.WRITE_DOC_START_MARKER)
                .enable(YAMLGenerator.Feature.MINIMIZE_QUOTES)
                .build());
    }

    /**
     * @param name of the file, for messages
     * @throws ConfigException if it is no YAML, or has what does not belong there
     */
    static ClusterFile parse(String yaml, String name) {
        JsonNode root;
        try {
            root = mapper().readTree(yaml);
        } catch (IOException e) {
            throw new ConfigException(name + " is not valid YAML: " + e.getMessage());
        }
        ClusterFile file = new ClusterFile(new LinkedHashMap<>(), new LinkedHashMap<>(), new LinkedHashMap<>());
        if (root == null || root.isMissingNode() || root.isNull()) {
            return file;
        }
        ObjectNode sections = object(root, name);
        Set<String> known = Set.of(TOPICS, STREAM_GROUPS);
        sections.fieldNames().forEachRemaining(section -> {
            if (!known.contains(section)) {
                throw new ConfigException(
                        name + ": there is no section '" + section + "'; there are " + TOPICS + ", " + STREAM_GROUPS);
            }
        });
        file.topics.putAll(named(sections.get(TOPICS), name + ": " + TOPICS));
        file.streamGroups.putAll(named(sections.get(STREAM_GROUPS), name + ": " + STREAM_GROUPS));
        file.topics.forEach((topic, settings) -> file.queueGroups.put(
                topic, named(settings.remove(QUEUE_GROUPS), name + ": " + topic + ": " + QUEUE_GROUPS)));
        return file;
    }

    private static Map<String, ObjectNode> named(@Nullable JsonNode section, String where) {
        Map<String, ObjectNode> things = new LinkedHashMap<>();
        if (section != null && !section.isNull()) {
            object(section, where)
                    .properties()
                    .forEach(thing ->
                            things.put(thing.getKey(), object(thing.getValue(), where + ": " + thing.getKey())));
        }
        return things;
    }

    private static ObjectNode object(JsonNode node, String where) {
        if (node.isNull() || node.asText().isEmpty() && node.isValueNode()) {
            return JsonNodeFactory.instance.objectNode(); // all defaults
        }
        if (!node.isObject()) {
            throw new ConfigException(where + ": NAME: and what belongs to it are wanted");
        }
        return (ObjectNode) node;
    }

    String toYaml() throws IOException {
        Map<String, Object> root = new LinkedHashMap<>();
        Map<String, ObjectNode> withGroups = new LinkedHashMap<>();
        topics.forEach((topic, settings) -> {
            ObjectNode all = settings.deepCopy();
            Map<String, ObjectNode> groups = queueGroups.getOrDefault(topic, Map.of());
            if (!groups.isEmpty()) {
                all.set(QUEUE_GROUPS, mapper().valueToTree(groups));
            }
            withGroups.put(topic, all);
        });
        root.put(TOPICS, withGroups);
        root.put(STREAM_GROUPS, streamGroups);
        return mapper().writeValueAsString(root);
    }
}
