package io.holdfast.cli;

import io.holdfast.client.Admin;
import io.holdfast.client.HoldfastClient;
import io.holdfast.v1.DamagedReplica;
import io.holdfast.v1.NodeStatus;
import io.holdfast.v1.ScrubResponse;
import java.time.Instant;
import java.util.List;
import java.util.concurrent.Callable;
import picocli.CommandLine.Command;
import picocli.CommandLine.Mixin;
import picocli.CommandLine.Option;

/** Compares everything on disk with its checksums. */
@Command(
        name = "scrub",
        mixinStandardHelpOptions = true,
        description = {
            "Has every node read all that it has and compare it with its checksums, and waits for it.",
            "",
            "Nodes do so by themselves every few days (storage.scrub-interval). What is damaged is replaced by a copy of",
            "another replica within seconds: see holdfast cluster events.",
            "Exit code 1 if damage was found or a node does not answer."
        })
final class ScrubCommand implements Callable<Integer> {
    private static final long POLL_MS = 300;

    @Mixin
    ConnectOptions connect = new ConnectOptions();

    @Option(names = "--status", description = "Only show the last round, or the one that is under way.")
    boolean statusOnly;

    @Override
    public Integer call() throws InterruptedException {
        boolean well = true;
        try (HoldfastClient client = connect.connect()) {
            Admin admin = client.admin();
            List<NodeStatus> nodes = admin.describeCluster().getNodesList();
            for (NodeStatus node : nodes) {
                if (node.getReachable() && !statusOnly) {
                    admin.scrub(node.getNode().getAddress(), true);
                }
            }
            Table table = new Table("NODE", "STATE", "BYTES CHECKED", "OF", "LAST ROUND", "DAMAGED");
            Table damaged = new Table("NODE", "PARTITION", "WHAT");
            for (NodeStatus node : nodes) {
                int id = node.getNode().getNodeId();
                if (!node.getReachable()) {
                    table.row(id, "unreachable", "-", "-", "-", "-");
                    well = false;
                    continue;
                }
                ScrubResponse found = await(admin, node.getNode().getAddress());
                table.row(
                        id,
                        found.getRunning() ? "running" : "done",
                        found.getBytesChecked(),
                        found.getBytesTotal(),
                        found.hasFinished()
                                ? Instant.ofEpochSecond(found.getFinished().getSeconds())
                                : "-",
                        found.getDamagedCount());
                for (DamagedReplica replica : found.getDamagedList()) {
                    damaged.row(
                            id,
                            replica.getPartition().getTopic() + "/"
                                    + replica.getPartition().getPartition(),
                            replica.getReason());
                    well = false;
                }
            }
            table.print();
            if (!well) {
                damaged.print();
            }
        }
        return well ? 0 : Main.EXIT_FAILED;
    }

    private ScrubResponse await(Admin admin, String address) throws InterruptedException {
        ScrubResponse now = admin.scrub(address, false);
        while (now.getRunning() && !statusOnly) {
            Thread.sleep(POLL_MS);
            now = admin.scrub(address, false);
        }
        return now;
    }
}
