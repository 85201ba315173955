package io.holdfast.cli;

import io.holdfast.client.Admin;
import io.holdfast.client.HoldfastClient;
import io.holdfast.v1.DescribeClusterResponse;
import io.holdfast.v1.NodeState;
import io.holdfast.v1.NodeStatus;
import io.holdfast.v1.ReplicaMove;
import io.holdfast.v1.SetNodeStateResponse;
import io.holdfast.v1.TopicPartition;
import java.util.List;
import java.util.Locale;
import org.jspecify.annotations.Nullable;
import picocli.CommandLine;
import picocli.CommandLine.Command;
import picocli.CommandLine.Mixin;
import picocli.CommandLine.Option;
import picocli.CommandLine.Parameters;

/** Nodes of the cluster: who is there, and who is to go. */
@Command(
        name = "node",
        mixinStandardHelpOptions = true,
        description = {
            "Lists nodes, takes them out of use and out of the cluster.",
            "",
            "A new node needs no command: start it with cluster.initial-nodes naming nodes that are there, and the",
            "cluster moves a fair share of the replicas to it. On one machine: holdfast up --nodes N"
        })
final class NodeCommand implements Runnable {
    private static final String STATE_PREFIX = "NODE_STATE_";
    private static final long POLL_MS = 500;
    private static final int SHOWN_MAX = 50;

    @CommandLine.Spec
    CommandLine.Model.CommandSpec spec = CommandLine.Model.CommandSpec.create();

    @Override
    public void run() {
        spec.commandLine().usage(System.out);
    }

    /** How a command that moves replicas goes on. */
    static final class MoveOptions {
        @Option(names = "--plan", description = "Only show what would move.")
        boolean plan;

        @Option(names = "--no-wait", description = "Do not wait until it is done.")
        boolean noWait;
    }

    @Command(
            mixinStandardHelpOptions = true,
            description = "Shows each node, what it has and what is on its way. METADATA: it votes or follows.")
    int list(@Mixin ConnectOptions connect) {
        try (HoldfastClient client = connect.connect()) {
            Table table = new Table(
                    "NODE", "ADDRESS", "RACK", "UP", "STATE", "METADATA", "REPLICAS", "LEADS", "ARRIVING", "LEAVING");
            for (NodeStatus node : client.admin().describeCluster().getNodesList()) {
                table.row(
                        node.getNode().getNodeId(),
                        node.getNode().getAddress(),
                        node.getNode().getRack().isEmpty()
                                ? "-"
                                : node.getNode().getRack(),
                        node.getReachable() ? "yes" : "no",
                        text(node.getState()),
                        node.getVotesOnMetadata() ? "votes" : "follows",
                        node.getReplicas(),
                        node.getPreferredLeaders(),
                        node.getArriving(),
                        node.getLeaving());
            }
            table.print();
        }
        return 0;
    }

    @Command(
            mixinStandardHelpOptions = true,
            description = "Keeps a node from getting anything new. What it has stays.")
    int cordon(@Mixin ConnectOptions connect, @Parameters(paramLabel = "NODE") int node) {
        return set(connect, node, NodeState.NODE_STATE_CORDONED, "node " + node + " gets nothing new");
    }

    @Command(
            mixinStandardHelpOptions = true,
            description = "Takes a node back into use, after cordon, drain or a removal that is not complete.")
    int uncordon(@Mixin ConnectOptions connect, @Parameters(paramLabel = "NODE") int node) {
        return set(connect, node, NodeState.NODE_STATE_ACTIVE, "node " + node + " is in use");
    }

    private static int set(ConnectOptions connect, int node, NodeState state, String done) {
        try (HoldfastClient client = connect.connect()) {
            client.admin().setNodeState(node, state);
            System.out.println(done);
        }
        return 0;
    }

    @Command(
            mixinStandardHelpOptions = true,
            description = {
                "Moves all that a node has to other nodes, leaders first, and waits until it is done.",
                "The node stays in the cluster and gets nothing new until: holdfast node uncordon NODE",
                "",
                "Exit code 1 if something cannot move, since no other node can take it."
            })
    int drain(@Mixin ConnectOptions connect, @Parameters(paramLabel = "NODE") int node, @Mixin MoveOptions options)
            throws InterruptedException {
        try (HoldfastClient client = connect.connect()) {
            return move(client.admin(), node, NodeState.NODE_STATE_DRAINING, options);
        }
    }

    @Command(
            mixinStandardHelpOptions = true,
            description = {
                "Drains a node and takes it out of the cluster. Its process stops; with its data it cannot come back.",
                "Also for a node that is dead for good.",
                "",
                "Exit code 1 if something cannot move, since no other node can take it."
            })
    int remove(@Mixin ConnectOptions connect, @Parameters(paramLabel = "NODE") int node, @Mixin MoveOptions options)
            throws InterruptedException {
        try (HoldfastClient client = connect.connect()) {
            return move(client.admin(), node, NodeState.NODE_STATE_REMOVING, options);
        }
    }

    @Command(
            mixinStandardHelpOptions = true,
            description = {
                "Removes a node once another is there to take over.",
                "The same as remove, but refused as long as NEW is not up, in use, and part of the cluster."
            })
    int replace(
            @Mixin ConnectOptions connect,
            @Parameters(paramLabel = "OLD") int old,
            @Parameters(paramLabel = "NEW") int substitute,
            @Mixin MoveOptions options)
            throws InterruptedException {
        try (HoldfastClient client = connect.connect()) {
            NodeStatus there = find(client.admin().describeCluster(), substitute);
            if (old == substitute
                    || there == null
                    || !there.getReachable()
                    || there.getState() != NodeState.NODE_STATE_ACTIVE) {
                System.err.println("holdfast node replace: start node " + substitute
                        + " first, as a node of this cluster that is in use: it is not there");
                return Main.EXIT_FAILED;
            }
            return move(client.admin(), old, NodeState.NODE_STATE_REMOVING, options);
        }
    }

    private static int move(Admin admin, int node, NodeState state, MoveOptions options) throws InterruptedException {
        SetNodeStateResponse plan = options.plan ? admin.planNodeState(node, state) : admin.setNodeState(node, state);
        print(plan, options.plan);
        if (!plan.getStuckList().isEmpty()) {
            List<TopicPartition> stuck = plan.getStuckList();
            System.err.println(stuck.size() + " partitions have to stay on node " + node
                    + ", since no other node can take them, the first " + name(stuck.get(0))
                    + ": start more nodes, and they go by themselves");
            return Main.EXIT_FAILED;
        }
        if (!options.plan && !options.noWait) {
            await(admin, node, state);
        }
        return 0;
    }

    private static void print(SetNodeStateResponse plan, boolean only) {
        long moves = plan.getMovesList().stream().filter(NodeCommand::moves).count();
        System.out.println((only ? "would move " : "moving ") + moves + " replicas and the leadership of "
                + (plan.getMovesCount() - moves) + " more partitions");
        if (!only) {
            return;
        }
        Table table = new Table("PARTITION", "FROM", "TO", "WHY");
        plan.getMovesList().stream()
                .limit(SHOWN_MAX)
                .forEach(move -> table.row(
                        name(move.getPartition()), move.getFromNodesList(), move.getToNodesList(), move.getReason()));
        table.print();
        if (plan.getMovesCount() > SHOWN_MAX) {
            System.out.println("and " + (plan.getMovesCount() - SHOWN_MAX) + " more");
        }
    }

    private static boolean moves(ReplicaMove move) {
        return !move.getToNodesList().containsAll(move.getFromNodesList());
    }

    private static void await(Admin admin, int node, NodeState state) throws InterruptedException {
        String shown = "";
        while (true) {
            NodeStatus status = find(admin.describeCluster(), node);
            if (status == null) {
                System.out.println("node " + node + " is out of the cluster");
                return;
            }
            if (status.getState() != state) {
                System.out.println("node " + node + " is " + text(status.getState()) + " now: somebody else said so");
                return;
            }
            int left = status.getReplicas() + status.getLeaving();
            if (left == 0 && state == NodeState.NODE_STATE_DRAINING) {
                System.out.println("node " + node + " has nothing any more");
                return;
            }
            String now = left + " replicas left on node " + node;
            if (!now.equals(shown)) {
                System.out.println(now);
                shown = now;
            }
            Thread.sleep(POLL_MS);
        }
    }

    private static @Nullable NodeStatus find(DescribeClusterResponse cluster, int node) {
        return cluster.getNodesList().stream()
                .filter(status -> status.getNode().getNodeId() == node)
                .findFirst()
                .orElse(null);
    }

    private static String text(NodeState state) {
        return state.name().substring(STATE_PREFIX.length()).toLowerCase(Locale.ROOT);
    }

    private static String name(TopicPartition partition) {
        return partition.getTopic() + "/" + partition.getPartition();
    }
}
