package io.holdfast.cli;

import io.holdfast.client.Admin;
import io.holdfast.client.HoldfastClient;
import io.holdfast.v1.DescribeClusterResponse;
import io.holdfast.v1.GetRoutesResponse;
import io.holdfast.v1.Node;
import io.holdfast.v1.ReplicaStatus;
import io.holdfast.v1.Route;
import io.holdfast.v1.Start;
import io.holdfast.v1.Topic;
import io.holdfast.v1.TopicConfig;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import org.jspecify.annotations.Nullable;
import picocli.CommandLine;
import picocli.CommandLine.Command;
import picocli.CommandLine.Mixin;
import picocli.CommandLine.Option;
import picocli.CommandLine.Parameters;

/** Topics. */
@Command(
        name = "topic",
        mixinStandardHelpOptions = true,
        description = "Creates, lists, describes, changes, trims and deletes topics.")
final class TopicCommand implements Runnable {
    @CommandLine.Spec
    CommandLine.Model.CommandSpec spec = CommandLine.Model.CommandSpec.create();

    @Override
    public void run() {
        spec.commandLine().usage(System.out);
    }

    @Command(
            mixinStandardHelpOptions = true,
            description = "Creates a topic; returns when its partitions can be written to.")
    int create(
            @Mixin ConnectOptions connect,
            @Parameters(paramLabel = "TOPIC", description = "1 to 249 of a-z A-Z 0-9 . _ -") String topic,
            @Option(
                            names = {"-p", "--partitions"},
                            defaultValue = "1",
                            description = "Default: ${DEFAULT-VALUE}.")
                    int partitions,
            @Option(
                            names = {"-r", "--replicas"},
                            defaultValue = "0",
                            description = "Copies of each partition. Default: 3, or 1 on a single node.")
                    int replicas,
            @Mixin TopicOptions options) {
        TopicConfig config = options.applyTo(TopicConfig.newBuilder()
                .setPartitions(partitions)
                .setReplicas(replicas)
                .build());
        try (HoldfastClient client = connect.connect()) {
            Topic created = client.admin().createTopic(topic, config);
            System.out.println(
                    "created " + created.getName() + ": " + created.getConfig().getPartitions() + " partitions, "
                            + created.getConfig().getReplicas() + " replicas"
                            + TopicOptions.text(created.getConfig()));
        }
        return 0;
    }

    @Command(
            mixinStandardHelpOptions = true,
            description = {
                "Changes what a topic keeps and for how long, and in how many copies; what is not given stays as it is.",
                "Copies are made, or deleted, by and by: see holdfast node list. A partition more takes half of another's keys;",
                "readers, stream groups and ordered queue groups still get the records of a key in order."
            })
    int update(
            @Mixin ConnectOptions connect,
            @Parameters(paramLabel = "TOPIC") String topic,
            @Option(
                            names = {"-p", "--partitions"},
                            description = "More than before; never fewer again.")
                    @Nullable
                    Integer partitions,
            @Option(
                            names = {"-r", "--replicas"},
                            description = "Copies of each partition: 1, 3 or 5.")
                    @Nullable
                    Integer replicas,
            @Mixin TopicOptions options) {
        try (HoldfastClient client = connect.connect()) {
            TopicConfig.Builder config =
                    options.applyTo(client.admin().getTopic(topic).getConfig()).toBuilder();
            if (partitions != null) {
                config.setPartitions(partitions);
            }
            if (replicas != null) {
                config.setReplicas(replicas);
            }
            Topic updated = client.admin().updateTopic(topic, config.build());
            System.out.println(topic + ": " + updated.getConfig().getPartitions() + " partitions, "
                    + updated.getConfig().getReplicas() + " replicas" + TopicOptions.text(updated.getConfig()));
        }
        return 0;
    }

    @Command(mixinStandardHelpOptions = true, description = "Lists topics.")
    int list(
            @Mixin ConnectOptions connect,
            @Parameters(
                            paramLabel = "PREFIX",
                            arity = "0..1",
                            defaultValue = "",
                            description = "Only topics that start like this.")
                    String prefix) {
        try (HoldfastClient client = connect.connect()) {
            Table table = new Table("TOPIC", "PARTITIONS", "REPLICAS");
            for (Topic topic : client.admin().listTopics(prefix)) {
                table.row(
                        topic.getName(),
                        topic.getConfig().getPartitions(),
                        topic.getConfig().getReplicas());
            }
            table.print();
        }
        return 0;
    }

    @Command(
            mixinStandardHelpOptions = true,
            description = "Shows a topic's partitions: who leads, who follows, which offsets there are.")
    int describe(@Mixin ConnectOptions connect, @Parameters(paramLabel = "TOPIC") String name) {
        try (HoldfastClient client = connect.connect()) {
            Admin admin = client.admin();
            Topic topic = admin.getTopic(name);
            int partitions = topic.getConfig().getPartitions();
            GetRoutesResponse routes = admin.getRoutes(List.of(name));
            Map<Integer, ReplicaStatus> sizes = new HashMap<>();
            for (Node node : routes.getNodesList()) {
                addSizes(admin, node.getAddress(), name, sizes);
            }
            List<Long> starts = admin.lookupOffsets(
                    name, partitions, Start.newBuilder().setEarliest(true).build());
            List<Long> ends = admin.lookupOffsets(
                    name, partitions, Start.newBuilder().setLatest(true).build());
            System.out.println(name + ": " + partitions + " partitions, "
                    + topic.getConfig().getReplicas() + " replicas, id " + topic.getTopicId()
                    + TopicOptions.text(topic.getConfig()));
            Table table = new Table("PARTITION", "LEADER", "REPLICAS", "START", "END", "BYTES", "SPLIT FROM");
            for (Route route : routes.getRoutesList()) {
                int p = route.getPartition().getPartition();
                ReplicaStatus size = sizes.get(p);
                table.row(
                        p,
                        route.getLeaderNode() == 0 ? "none" : route.getLeaderNode(),
                        route.getReplicaNodesList(),
                        starts.get(p),
                        ends.get(p),
                        size == null ? "?" : size.getBytesOnDisk(),
                        route.hasSplitOff()
                                ? route.getSplitOff().getParent() + " at "
                                        + route.getSplitOff().getParentEnd()
                                : "");
            }
            table.print();
        }
        return 0;
    }

    private static void addSizes(Admin admin, String address, String topic, Map<Integer, ReplicaStatus> sizes) {
        try {
            DescribeClusterResponse node = admin.describeCluster(address);
            for (ReplicaStatus replica : node.getReplicasList()) {
                if (replica.getPartition().getTopic().equals(topic)) {
                    sizes.putIfAbsent(replica.getPartition().getPartition(), replica);
                }
            }
        } catch (io.holdfast.client.HoldfastException e) {
            System.err.println("node at " + address + " does not answer");
        }
    }

    @Command(mixinStandardHelpOptions = true, description = "Deletes a topic and all its records. No way back.")
    int delete(
            @Mixin ConnectOptions connect,
            @Parameters(paramLabel = "TOPIC") String topic,
            @Option(names = "--plan", description = "Only say what would be deleted.") boolean plan) {
        try (HoldfastClient client = connect.connect()) {
            if (plan) {
                int partitions = client.admin().getTopic(topic).getConfig().getPartitions();
                List<Long> starts = client.admin()
                        .lookupOffsets(
                                topic,
                                partitions,
                                Start.newBuilder().setEarliest(true).build());
                List<Long> ends = client.admin()
                        .lookupOffsets(
                                topic,
                                partitions,
                                Start.newBuilder().setLatest(true).build());
                long records = 0;
                for (int p = 0; p < partitions; p++) {
                    records += ends.get(p) - starts.get(p);
                }
                System.out.println(
                        "would delete " + topic + ": " + partitions + " partitions, " + records + " records");
            } else {
                client.admin().deleteTopic(topic);
                System.out.println("deleted " + topic);
            }
        }
        return 0;
    }

    @Command(
            mixinStandardHelpOptions = true,
            description = "Makes a partition start at a later offset and frees the space before it. No way back.")
    int trim(
            @Mixin ConnectOptions connect,
            @Parameters(paramLabel = "TOPIC") String topic,
            @Parameters(paramLabel = "PARTITION") int partition,
            @Parameters(paramLabel = "OFFSET", description = "First offset to keep.") long offset,
            @Option(names = "--plan", description = "Only say what would be trimmed.") boolean plan) {
        try (HoldfastClient client = connect.connect()) {
            if (plan) {
                List<Long> starts = client.admin()
                        .lookupOffsets(
                                topic,
                                partition + 1,
                                Start.newBuilder().setEarliest(true).build());
                System.out.println("would trim " + Math.max(0, offset - starts.get(partition)) + " records of " + topic
                        + "/" + partition);
            } else {
                System.out.println(
                        topic + "/" + partition + " starts at " + client.admin().trimTopic(topic, partition, offset));
            }
        }
        return 0;
    }
}
