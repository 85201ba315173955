package io.holdfast.cli.declare;

import com.fasterxml.jackson.databind.ObjectMapper;
import com.fasterxml.jackson.databind.node.ObjectNode;
import com.google.protobuf.Message;
import io.holdfast.cli.ConnectOptions;
import io.holdfast.client.HoldfastClient;
import io.holdfast.v1.Group;
import io.holdfast.v1.StreamGroup;
import io.holdfast.v1.Topic;
import java.io.IOException;
import java.util.HashSet;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Set;
import java.util.concurrent.Callable;
import picocli.CommandLine.Command;
import picocli.CommandLine.Mixin;

/** Writes the topics and groups of a cluster. */
@Command(
        name = "export",
        mixinStandardHelpOptions = true,
        description = {
            "Prints the topics and groups of a cluster, with their settings, as YAML for holdfast apply.",
            "Dead-letter topics are left out: they come by themselves. Records and positions: see holdfast backup."
        })
public final class ExportCommand implements Callable<Integer> {
    private final ObjectMapper json = new ObjectMapper();

    @Mixin
    ConnectOptions connect = new ConnectOptions();

    @Override
    public Integer call() throws IOException {
        try (HoldfastClient client = connect.connect()) {
            System.out.print(of(client).toYaml());
        }
        return 0;
    }

    private ClusterFile of(HoldfastClient client) {
        List<Group> groups = client.queues().list("");
        Set<String> deadLetters = new HashSet<>();
        groups.forEach(group -> deadLetters.add(
                client.deadLetters(group.getTopic(), group.getName()).topicName()));
        ClusterFile file = new ClusterFile(new LinkedHashMap<>(), new LinkedHashMap<>(), new LinkedHashMap<>());
        for (Topic topic : client.admin().listTopics("")) {
            if (!deadLetters.contains(topic.getName())) {
                file.topics().put(topic.getName(), settings(topic.getConfig()));
            }
        }
        for (Group group : groups) {
            file.queueGroups()
                    .computeIfAbsent(group.getTopic(), topic -> new LinkedHashMap<>())
                    .put(group.getName(), settings(group.getConfig()));
        }
        for (StreamGroup group : client.streamGroups().list()) {
            file.streamGroups().put(group.getName(), settings(group.getConfig()));
        }
        return file;
    }

    private ObjectNode settings(Message config) {
        return json.valueToTree(MessageText.text(config));
    }
}
