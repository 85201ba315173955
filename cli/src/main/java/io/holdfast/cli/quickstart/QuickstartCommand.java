package io.holdfast.cli.quickstart;

import static java.nio.charset.StandardCharsets.UTF_8;

import io.holdfast.cli.Progress;
import io.holdfast.cli.local.LocalCluster;
import io.holdfast.cli.local.LocalNode;
import io.holdfast.client.HoldfastClient;
import io.holdfast.client.HoldfastException;
import io.holdfast.client.Producer;
import io.holdfast.client.ProducerRecord;
import io.holdfast.client.ProducerSettings;
import io.holdfast.client.Reader;
import io.holdfast.client.ReaderSettings;
import io.holdfast.client.ReceivedRecord;
import io.holdfast.v1.ReplicaRole;
import io.holdfast.v1.ReplicaStatus;
import io.holdfast.v1.Route;
import java.io.BufferedReader;
import java.io.IOException;
import java.io.InputStreamReader;
import java.nio.ByteBuffer;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.List;
import java.util.concurrent.Callable;
import java.util.function.Predicate;
import org.jspecify.annotations.Nullable;
import picocli.CommandLine.Command;
import picocli.CommandLine.Option;
import picocli.CommandLine.Parameters;

/** The main job in one go: see {@link #call}. */
@Command(
        name = "quickstart",
        mixinStandardHelpOptions = true,
        description = {
            "Shows the whole of it on this machine: starts three nodes, sends a real file, kills a leader with SIGKILL in"
                    + " the middle, reads everything back, restarts the node, and reports.",
            "",
            "Exit code 0 only if nothing acknowledged was lost or doubled."
        })
public final class QuickstartCommand implements Callable<Integer> {
    private static final String TOPIC = "quickstart";
    private static final Duration PATIENCE = Duration.ofSeconds(60);
    private static final double KILL_AFTER = 0.4;

    @Parameters(
            arity = "0..1",
            paramLabel = "FILE",
            description =
                    "A text file, a record a line; - for standard input. Default: text out of this JDK's module image.")
    @Nullable
    String file;

    @Option(names = "--records", defaultValue = "400000", description = "At most so many. Default: ${DEFAULT-VALUE}.")
    int recordsMax;

    @Option(names = "--partitions", defaultValue = "6", description = "Default: ${DEFAULT-VALUE}.")
    int partitions;

    @Option(names = "--keep", description = "Leave the cluster running afterwards.")
    boolean keep;

    @Option(
            names = "--dir",
            paramLabel = "DIR",
            description = "Where the cluster lives. Default: a temporary folder, deleted afterwards.")
    @Nullable
    Path folder;

    private final Progress progress = new Progress();
    private final Ledger ledger = new Ledger();

    @Override
    public Integer call() throws IOException, InterruptedException {
        Path home = folder == null ? Files.createTempDirectory("holdfast-quickstart-") : folder;
        LocalCluster cluster = LocalCluster.createOnFreePorts(home, 3, List.of());
        Thread cleanUp = new Thread(cluster::kill);
        Runtime.getRuntime().addShutdownHook(cleanUp);
        boolean good = false;
        try {
            good = run(cluster);
        } finally {
            Runtime.getRuntime().removeShutdownHook(cleanUp);
            if (keep) {
                printHowToTalk(cluster);
            } else {
                cluster.stop();
                if (folder == null && good) {
                    LocalCluster.deleteTree(home);
                } else {
                    System.err.println("data and logs are in " + home);
                }
            }
        }
        return good ? 0 : 1;
    }

    private boolean run(LocalCluster cluster) throws IOException, InterruptedException {
        long started = System.nanoTime();
        step("starting three nodes, a process each");
        cluster.start(PATIENCE);
        done(String.format("three nodes serve after %.1f s", seconds(started)));
        try (HoldfastClient client = HoldfastClient.connect(cluster.addresses())) {
            client.admin().createTopic(TOPIC, partitions, 3);
            done("topic '" + TOPIC + "': " + partitions + " partitions, 3 replicas each");
            LocalNode[] victim = new LocalNode[1];
            long producing = System.nanoTime();
            produce(client, cluster, victim);
            double seconds = seconds(producing);
            done(ledger.acknowledgedCount() + " of " + ledger.sentCount() + " records acknowledged");
            consume(client);
            done(ledger.readCount() + " records read back");
            double caughtUp = restart(client, victim[0]);
            return report(seconds, caughtUp, victim[0]);
        }
    }

    // ---- produce, and kill in the middle

    private void produce(HoldfastClient client, LocalCluster cluster, LocalNode[] victim)
            throws IOException, InterruptedException {
        Thread killer = new Thread(() -> victim[0] = killALeader(client, cluster));
        ProducerSettings settings = ProducerSettings.DEFAULT.withMemoryBytesMax(8L << 20);
        int[] number = {0};
        try (Producer producer = client.newProducer(settings)) {
            forEachLine(line -> {
                int n = number[0]++;
                byte[] value = line.getBytes(UTF_8);
                ledger.sent(n, value);
                byte[] key = ByteBuffer.allocate(4).putInt(0, n).array();
                producer.send(ProducerRecord.of(TOPIC, key, value)).whenComplete((position, failure) -> {
                    if (failure == null) {
                        ledger.acknowledged(n, position.partition());
                    } else {
                        ledger.failed();
                    }
                });
                if (n == (int) (recordsMax * KILL_AFTER)) {
                    killer.start();
                }
                if (n % 1000 == 0) {
                    progress.show("sending: " + n + " sent, " + ledger.acknowledgedCount() + " acknowledged");
                }
                return number[0] < recordsMax;
            });
            if (killer.getState()
                    == Thread.State.NEW) { // a shorter file than expected: kill now, while it is under way
                killer.start();
            }
            producer.flush();
        }
        killer.join();
        awaitCallbacks();
    }

    private void awaitCallbacks() throws InterruptedException {
        long deadline = System.nanoTime() + Duration.ofSeconds(10).toNanos();
        while (ledger.acknowledgedCount() + ledger.failedCount() < ledger.sentCount() && System.nanoTime() < deadline) {
            Thread.sleep(5);
        }
    }

    private LocalNode killALeader(HoldfastClient client, LocalCluster cluster) {
        Route busy = client.admin().getRoutes(List.of(TOPIC)).getRoutesList().stream()
                .filter(route -> route.getLeaderNode() != 0)
                .findFirst()
                .orElseThrow(() -> new IllegalStateException("no partition has a leader"));
        LocalNode node = cluster.node(busy.getLeaderNode());
        long pid = node.pid();
        node.kill();
        done("killed node " + node.id() + " (process " + pid + ", SIGKILL), leader of partition "
                + busy.getPartition().getPartition() + ", after " + ledger.acknowledgedCount()
                + " acknowledgements; sending goes on");
        return node;
    }

    private void forEachLine(Predicate<String> wantsMore) throws IOException {
        if (file == null) {
            done("sending text out of " + JdkText.file());
            JdkText.forEach(wantsMore);
            return;
        }
        try (BufferedReader lines = file.equals("-")
                ? new BufferedReader(new InputStreamReader(System.in, UTF_8))
                : Files.newBufferedReader(Path.of(file))) {
            String line = lines.readLine();
            while (line != null && wantsMore.test(line)) {
                line = lines.readLine();
            }
        }
    }

    // ---- read back

    private void consume(HoldfastClient client) {
        try (Reader reader = client.newReader(ReaderSettings.of(TOPIC))) {
            for (ReceivedRecord record : reader) {
                byte[] key = record.key();
                byte[] value = record.value();
                if (key == null || key.length != 4 || value == null) {
                    throw new IllegalStateException(
                            "a record that nobody sent, at " + record.partition() + "/" + record.offset());
                }
                ledger.read(ByteBuffer.wrap(key).getInt(), value);
                if (record.offset() % 1000 == 0) {
                    progress.show("reading: " + ledger.readCount());
                }
            }
        }
    }

    // ---- restart

    /** Returns the seconds until the node had everything. */
    private double restart(HoldfastClient client, LocalNode node) throws IOException, InterruptedException {
        step("restarting node " + node.id());
        long started = System.nanoTime();
        node.start();
        node.awaitReady(PATIENCE);
        List<Long> ends = client.admin()
                .lookupOffsets(
                        TOPIC,
                        partitions,
                        io.holdfast.v1.Start.newBuilder().setLatest(true).build());
        long deadline = System.nanoTime() + PATIENCE.toNanos();
        while (!hasEverything(client, node, ends)) {
            if (System.nanoTime() > deadline) {
                throw new IOException(
                        "node " + node.id() + " has not caught up after " + PATIENCE + "; see " + node.logFile());
            }
            Thread.sleep(20);
        }
        double seconds = seconds(started);
        done(String.format("node %d is back and has everything after %.1f s", node.id(), seconds));
        return seconds;
    }

    private boolean hasEverything(HoldfastClient client, LocalNode node, List<Long> ends) {
        try {
            int complete = 0;
            for (ReplicaStatus replica :
                    client.admin().describeCluster(node.address()).getReplicasList()) {
                boolean member = replica.getRole() == ReplicaRole.REPLICA_ROLE_FOLLOWER
                        || replica.getRole() == ReplicaRole.REPLICA_ROLE_LEADER;
                if (member
                        && replica.getHighWatermark()
                                >= ends.get(replica.getPartition().getPartition())) {
                    complete++;
                }
            }
            return complete == partitions;
        } catch (HoldfastException e) {
            return false; // not serving yet
        }
    }

    // ---- report

    private boolean report(double seconds, double caughtUp, LocalNode victim) {
        boolean good = ledger.lostCount() == 0
                && ledger.duplicateCount() == 0
                && ledger.failedCount() == 0
                && ledger.checksumsAgree()
                && ledger.readCount() == ledger.sentCount();
        System.out.println();
        System.out.printf("records sent            %,d (%.1f MB)%n", ledger.sentCount(), ledger.sentBytes() / 1e6);
        System.out.printf("  acknowledged          %,d%n", ledger.acknowledgedCount());
        System.out.printf("  failed                %,d%n", ledger.failedCount());
        System.out.printf("records read back       %,d%n", ledger.readCount());
        System.out.printf("  acknowledged and lost %,d%n", ledger.lostCount());
        System.out.printf("  duplicated            %,d%n", ledger.duplicateCount());
        System.out.printf("  not as sent           %,d%n", ledger.strangerCount());
        System.out.printf(
                "checksum                %016x, %s%n",
                ledger.readChecksum(), ledger.checksumsAgree() ? "as sent" : "NOT as sent");
        System.out.printf(
                "leader killed           node %d, back with everything %.1f s after its restart%n",
                victim.id(), caughtUp);
        System.out.printf(
                "longest silence         %.0f ms between acknowledgements, in the partition that waited longest%n",
                ledger.longestGapMs());
        System.out.printf(
                "throughput              %.1f MB/s, %,.0f records/s, kill included%n",
                ledger.sentBytes() / 1e6 / seconds, ledger.sentCount() / seconds);
        System.out.println();
        System.out.println(
                good ? "Nothing was lost, nothing was doubled." : "SOMETHING IS WRONG: see the figures above.");
        return good;
    }

    private void printHowToTalk(LocalCluster cluster) {
        String address = cluster.node(1).address();
        System.out.println("\nThe cluster runs on. Talk to it:");
        System.out.println("  ./holdfast cluster status -a " + address);
        System.out.println("  ./holdfast consume " + TOPIC + " -a " + address + " -n 5 -o json");
        System.out.println("  echo hello | ./holdfast produce " + TOPIC + " -a " + address);
        System.out.println("Stop it:");
        System.out.println("  ./holdfast down --dir " + cluster.folder() + " --delete");
    }

    private void step(String text) {
        progress.show(text + " ...");
    }

    private void done(String text) {
        progress.done(text);
    }

    private static double seconds(long since) {
        return (System.nanoTime() - since) / 1e9;
    }
}
