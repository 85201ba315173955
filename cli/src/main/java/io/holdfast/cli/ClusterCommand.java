package io.holdfast.cli;

import io.holdfast.client.Admin;
import io.holdfast.client.HoldfastClient;
import io.holdfast.client.HoldfastException;
import io.holdfast.v1.ClusterEvent;
import io.holdfast.v1.DescribeClusterResponse;
import io.holdfast.v1.NodeStatus;
import io.holdfast.v1.RaiseFeatureLevelResponse;
import io.holdfast.v1.ReplicaRole;
import io.holdfast.v1.ReplicaStatus;
import java.time.Duration;
import java.time.Instant;
import java.util.EnumMap;
import java.util.Map;
import picocli.CommandLine;
import picocli.CommandLine.Command;
import picocli.CommandLine.Mixin;
import picocli.CommandLine.Option;

/** The cluster as a whole. */
@Command(name = "cluster", mixinStandardHelpOptions = true, description = "Looks at the cluster.")
final class ClusterCommand implements Runnable {
    private static final String ROLE_PREFIX = "REPLICA_ROLE_";
    private static final Duration EVENT_WAIT = Duration.ofSeconds(3);

    @CommandLine.Spec
    CommandLine.Model.CommandSpec spec = CommandLine.Model.CommandSpec.create();

    @Override
    public void run() {
        spec.commandLine().usage(System.out);
    }

    @Command(
            mixinStandardHelpOptions = true,
            description = {
                "Shows nodes, leaders and replicas.",
                "",
                "Exit code 1 if a node is unreachable or a replica damaged."
            })
    int status(
            @Mixin ConnectOptions connect,
            @Option(names = "--replicas", description = "List every replica of every node.") boolean replicas) {
        try (HoldfastClient client = connect.connect()) {
            Admin admin = client.admin();
            DescribeClusterResponse cluster = admin.describeCluster();
            System.out.println("cluster " + cluster.getHeader().getClusterId() + ": " + cluster.getTopics()
                    + " topics, "
                    + cluster.getPartitions() + " partitions, metadata leader "
                    + (cluster.getMetadataLeaderNode() == 0 ? "none" : "node " + cluster.getMetadataLeaderNode())
                    + ", feature level " + cluster.getFeatureLevel());
            boolean healthy = cluster.getMetadataLeaderNode() != 0;
            Table nodes = new Table(
                    "NODE", "ADDRESS", "RACK", "VERSION", "STATE", "LEADS", "FOLLOWS", "RESTING", "JOINING", "DAMAGED",
                    "BYTES");
            Table all = new Table(
                    "NODE", "PARTITION", "ROLE", "TERM", "START", "END", "APPLIED", "COMMITTED", "BYTES", "DAMAGE");
            for (NodeStatus status : cluster.getNodesList()) {
                Map<ReplicaRole, Integer> roles = new EnumMap<>(ReplicaRole.class);
                long bytes = 0;
                String state = status.getReachable() ? "up" : "unreachable";
                if (status.getReachable()) {
                    try {
                        for (ReplicaStatus replica : admin.describeCluster(
                                        status.getNode().getAddress())
                                .getReplicasList()) {
                            roles.merge(replica.getRole(), 1, Integer::sum);
                            bytes += replica.getBytesOnDisk();
                            addReplica(all, status.getNode().getNodeId(), replica);
                        }
                    } catch (HoldfastException e) {
                        state = "starting";
                    }
                }
                int damaged = roles.getOrDefault(ReplicaRole.REPLICA_ROLE_DAMAGED, 0);
                healthy &= state.equals("up") && damaged == 0;
                nodes.row(
                        status.getNode().getNodeId(),
                        status.getNode().getAddress(),
                        status.getNode().getRack().isEmpty()
                                ? "-"
                                : status.getNode().getRack(),
                        status.getNode().getVersion(),
                        state,
                        roles.getOrDefault(ReplicaRole.REPLICA_ROLE_LEADER, 0),
                        roles.getOrDefault(ReplicaRole.REPLICA_ROLE_FOLLOWER, 0),
                        roles.getOrDefault(ReplicaRole.REPLICA_ROLE_RESTING, 0),
                        roles.getOrDefault(ReplicaRole.REPLICA_ROLE_JOINING, 0),
                        damaged,
                        bytes);
            }
            nodes.print();
            if (replicas) {
                System.out.println();
                all.print();
            }
            return healthy ? 0 : Main.EXIT_FAILED;
        }
    }

    @Command(
            mixinStandardHelpOptions = true,
            description = {
                "After a new version was installed on all nodes: lets them use what is new in it.",
                "Until then the version before can be installed again; afterwards it cannot."
            })
    int upgrade(
            @Mixin ConnectOptions connect,
            @Option(names = "--plan", description = "Only say what would be done.") boolean plan) {
        try (HoldfastClient client = connect.connect()) {
            RaiseFeatureLevelResponse level = client.admin().raiseFeatureLevel(plan);
            System.out.println(
                    level.getBefore() == level.getAfter()
                            ? "the feature level is " + level.getAfter() + ", the highest that all nodes know"
                            : (plan ? "would raise" : "raised") + " the feature level from " + level.getBefore()
                                    + " to " + level.getAfter());
            if (level.getHeldBackByCount() > 0) {
                System.out.println("older versions run on nodes " + level.getHeldBackByList());
            }
        }
        return 0;
    }

    @Command(
            mixinStandardHelpOptions = true,
            description = "Shows what the cluster did and why, the latest thousand events, oldest first.")
    int events(
            @Mixin ConnectOptions connect,
            @Option(
                            names = {"-f", "--follow"},
                            description = "Go on as more happens.")
                    boolean follow) {
        try (HoldfastClient client = connect.connect()) {
            long after = 0;
            do {
                for (ClusterEvent event : client.admin().listEvents(after, follow ? EVENT_WAIT : Duration.ZERO)) {
                    System.out.println(Instant.ofEpochSecond(
                                    event.getTime().getSeconds(),
                                    event.getTime().getNanos()) + "  "
                            + event.getText());
                    after = event.getNumber();
                }
            } while (follow);
        }
        return 0;
    }

    private static void addReplica(Table table, int node, ReplicaStatus replica) {
        table.row(
                node,
                replica.getPartition().getTopic() + "/" + replica.getPartition().getPartition(),
                replica.getRole().name().substring(ROLE_PREFIX.length()).toLowerCase(java.util.Locale.ROOT),
                replica.getTerm(),
                replica.getLogStartOffset(),
                replica.getHighWatermark(),
                replica.getAppliedIndex(),
                replica.getCommittedIndex(),
                replica.getBytesOnDisk(),
                replica.getDamage());
    }
}
