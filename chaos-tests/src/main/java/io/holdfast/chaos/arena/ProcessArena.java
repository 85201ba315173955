package io.holdfast.chaos.arena;

import io.holdfast.cli.local.LocalCluster;
import io.holdfast.cli.local.LocalNode;
import java.io.FileOutputStream;
import java.io.IOException;
import java.io.OutputStream;
import java.io.UncheckedIOException;
import java.net.InetSocketAddress;
import java.net.Socket;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.ArrayList;
import java.util.EnumSet;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.Set;
import org.jspecify.annotations.Nullable;

/**
 * Nodes as processes on this machine. Inside a {@link Sandbox} each has a network and, if asked for, a small disk of its
 * own; elsewhere they share loopback, and what needs a network cannot be done. With a C compiler they have faulty disks.
 */
public final class ProcessArena implements Arena {
    private static final Duration STOP_PATIENCE = Duration.ofSeconds(30);
    private static final long DEATH_NANOS = 10_000_000_000L;
    private static final int PROBE_MS = 300;
    private static final String BALLAST = "ballast";

    private final LocalCluster cluster;
    private final @Nullable PrivateNetwork network;
    private final @Nullable Path faultLibrary;
    private final @Nullable Path wireProgram;
    private final int smallDiskMebibytes;
    private final Map<Integer, FaultyDisk> disks = new HashMap<>();

    private ProcessArena(
            LocalCluster cluster,
            @Nullable PrivateNetwork network,
            @Nullable Path faultLibrary,
            @Nullable Path wireProgram,
            int smallDiskMebibytes) {
        this.cluster = cluster;
        this.network = network;
        this.faultLibrary = faultLibrary;
        this.wireProgram = wireProgram;
        this.smallDiskMebibytes = smallDiskMebibytes;
    }

    /**
     * Lays out nodes, and starts none.
     *
     * @param folder for everything; new
     * @param extraYaml lines for each node's configuration
     * @param jvmOptions for each node's process
     * @param classPath where the nodes' classes are
     * @param smallDiskMebibytes size of a disk of its own for each node, 0 for none; in a sandbox only
     */
    public static ProcessArena layOut(
            Path folder,
            int nodes,
            List<String> extraYaml,
            List<String> jvmOptions,
            String classPath,
            int smallDiskMebibytes)
            throws IOException {
        Files.createDirectories(folder);
        boolean isInside = Sandbox.isInside();
        PrivateNetwork network = isInside ? new PrivateNetwork() : null;
        List<String> hosts = new ArrayList<>();
        for (int node = 1; node <= nodes; node++) {
            hosts.add(PrivateNetwork.host(node));
        }
        LocalCluster cluster = isInside
                ? LocalCluster.createOnHosts(folder, hosts, extraYaml)
                : LocalCluster.createOnFreePorts(folder, nodes, extraYaml);
        cluster.setClassPath(classPath);
        cluster.setMoreJvmOptions(jvmOptions);
        boolean canCompile = NativeCode.isPossible();
        ProcessArena arena = new ProcessArena(
                cluster,
                network,
                canCompile ? FaultyDisk.compile(folder) : null,
                canCompile && isInside ? NativeCode.compile(folder, "wire.c", "wire") : null,
                isInside ? smallDiskMebibytes : 0);
        for (int node = 1; node <= nodes; node++) {
            arena.equip(node);
        }
        return arena;
    }

    private void equip(int id) throws IOException {
        LocalNode node = cluster.node(id);
        Map<String, String> environment = Map.of();
        Files.createDirectories(node.dataDirectory());
        if (smallDiskMebibytes > 0) {
            mountDisk(node);
        } else if (faultLibrary != null) {
            FaultyDisk disk = new FaultyDisk(faultLibrary, node.folder(), node.dataDirectory());
            disks.put(id, disk);
            environment = disk.environment();
        }
        if (network != null) {
            network.add(id);
        }
        node.setLauncher(network == null ? List.of() : PrivateNetwork.launcher(id), environment);
    }

    private void mountDisk(LocalNode node) throws IOException {
        Commands.run(
                "mount",
                "-t",
                "tmpfs",
                "-o",
                "size=" + smallDiskMebibytes + "m",
                "none",
                node.dataDirectory().toString());
    }

    @Override
    public String kind() {
        return network == null ? "processes" : "network namespaces";
    }

    @Override
    public Set<Ability> abilities() {
        Set<Ability> all = EnumSet.of(Ability.PROCESSES, Ability.FILES);
        if (network != null) {
            all.addAll(Set.of(Ability.LINKS, Ability.SMALL_DISK));
        }
        if (wireProgram != null) {
            all.add(Ability.PACKETS);
        }
        if (faultLibrary != null) {
            all.addAll(Set.of(Ability.POWER, Ability.CLOCK, Ability.SYNCS));
        }
        return all;
    }

    @Override
    public List<Integer> nodes() {
        return cluster.nodes().stream().map(LocalNode::id).toList();
    }

    @Override
    public String address(int node) {
        return cluster.node(node).address();
    }

    @Override
    public Path dataDirectory(int node) {
        return cluster.node(node).dataDirectory();
    }

    @Override
    public boolean isRunning(int node) {
        return cluster.node(node).isRunning();
    }

    @Override
    public void start(int node) throws IOException {
        FaultyDisk disk = disks.get(node);
        if (disk != null) {
            disk.failSyncs(false);
        }
        cluster.node(node).start();
    }

    @Override
    public void awaitReady(int node, Duration patience) throws IOException {
        cluster.node(node).awaitReady(patience);
    }

    @Override
    public void kill(int node) throws IOException {
        cluster.node(node).kill();
        if (isRunning(node)) {
            throw new IOException("node " + node + " lives on");
        }
    }

    @Override
    public void stop(int node) throws IOException {
        cluster.node(node).stop(STOP_PATIENCE);
    }

    @Override
    public void pause(int node) throws IOException {
        signal(node, "STOP");
        awaitState(node, "T");
    }

    @Override
    public void goOn(int node) throws IOException {
        if (isRunning(node)) {
            signal(node, "CONT");
        }
    }

    private void signal(int node, String signal) throws IOException {
        Commands.run("kill", "-" + signal, Long.toString(cluster.node(node).pid()));
    }

    private void awaitState(int node, String state) throws IOException {
        Path stat = Path.of("/proc", Long.toString(cluster.node(node).pid()), "stat");
        long deadline = System.nanoTime() + DEATH_NANOS;
        while (Files.exists(stat)) {
            String line = Files.readString(stat);
            if (line.substring(line.lastIndexOf(')') + 2).startsWith(state)) {
                return;
            }
            if (System.nanoTime() > deadline) {
                throw new IOException("node " + node + " does not get into state " + state + ": " + line);
            }
            Thread.onSpinWait();
        }
    }

    private PrivateNetwork network() {
        if (network == null) {
            throw new UnsupportedOperationException(Ability.LINKS.words());
        }
        return network;
    }

    private FaultyDisk disk(int node) {
        FaultyDisk disk = disks.get(node);
        if (disk == null) {
            throw new UnsupportedOperationException(Ability.POWER.words());
        }
        return disk;
    }

    @Override
    public void cut(int from, int to) throws IOException {
        network().cut(from, to);
        if (from == CLIENTS && canConnect(to)) {
            throw new IOException("node " + to + " can be reached over a link that is cut");
        }
    }

    private boolean canConnect(int node) {
        String[] address = address(node).split(":");
        try (Socket socket = new Socket()) {
            socket.connect(new InetSocketAddress(address[0], Integer.parseInt(address[1])), PROBE_MS);
            return true;
        } catch (IOException e) {
            return false;
        }
    }

    @Override
    public void join(int from, int to) throws IOException {
        network().join(from, to);
    }

    @Override
    public void rewire(int node, Wire wire, long seed) throws IOException {
        if (wireProgram == null) {
            throw new UnsupportedOperationException(Ability.PACKETS.words());
        }
        network().rewire(node, wire, wireProgram, cluster.node(node).folder(), seed);
    }

    @Override
    public int cutPower(Set<Integer> nodes, long tornBy) throws IOException {
        for (int node : nodes) {
            kill(node);
        }
        int lost = 0;
        for (int node : nodes) {
            lost += disk(node).lose(tornBy);
        }
        return lost;
    }

    @Override
    public void moveClock(int node, Duration by) throws IOException {
        disk(node).moveClock(by.toNanos());
    }

    @Override
    public void slowSyncs(int node, Duration by) throws IOException {
        disk(node).slowSyncs(by.toNanos() / 1000);
    }

    @Override
    public void failSyncs(int node) throws IOException {
        long before = disk(node).failedSyncs();
        disk(node).failSyncs(true);
        long deadline = System.nanoTime() + DEATH_NANOS;
        while (disk(node).failedSyncs() == before) {
            if (System.nanoTime() > deadline) {
                throw new IOException("node " + node + " flushes nothing that could fail");
            }
            Thread.onSpinWait();
        }
    }

    @Override
    public void fillDisk(int node, long bytesLeft) throws IOException {
        if (smallDiskMebibytes == 0) {
            throw new UnsupportedOperationException(Ability.SMALL_DISK.words());
        }
        byte[] block = new byte[4096];
        Path ballast = dataDirectory(node).resolve(BALLAST);
        try (OutputStream out = new FileOutputStream(ballast.toFile(), true)) {
            while (Files.getFileStore(ballast).getUsableSpace() > bytesLeft) {
                out.write(block);
            }
        } catch (IOException e) {
            if (Files.getFileStore(ballast).getUsableSpace() >= block.length) {
                throw e;
            }
        }
    }

    @Override
    public void freeDisk(int node) throws IOException {
        Files.deleteIfExists(dataDirectory(node).resolve(BALLAST));
    }

    @Override
    public void wipe(int node) throws IOException {
        kill(node);
        if (smallDiskMebibytes > 0) {
            Commands.run("umount", dataDirectory(node).toString());
            mountDisk(cluster.node(node));
        } else {
            LocalCluster.deleteTree(dataDirectory(node));
            Files.createDirectories(dataDirectory(node));
        }
        FaultyDisk disk = disks.get(node);
        if (disk != null) {
            disk.forget();
        }
        cluster.introduce(node);
    }

    @Override
    public int add() throws IOException {
        int id = cluster.nodes().size() + 1;
        LocalNode node = network == null ? cluster.addOnFreePorts() : cluster.addOnHost(PrivateNetwork.host(id));
        equip(node.id());
        return node.id();
    }

    @Override
    public void close() {
        for (int node : nodes()) {
            try {
                goOn(node);
            } catch (IOException e) {
                throw new UncheckedIOException(e);
            } finally {
                cluster.node(node).kill();
            }
        }
    }
}
