package io.holdfast.chaos.arena;

import com.github.dockerjava.api.DockerClient;
import com.github.dockerjava.api.command.InspectContainerResponse;
import com.github.dockerjava.api.model.Network.Ipam;
import io.holdfast.cli.local.LocalCluster;
import java.io.IOException;
import java.net.HttpURLConnection;
import java.net.URI;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.attribute.PosixFilePermissions;
import java.time.Duration;
import java.util.ArrayList;
import java.util.EnumSet;
import java.util.HashSet;
import java.util.List;
import java.util.Objects;
import java.util.Set;
import java.util.TreeMap;
import java.util.stream.Collectors;
import java.util.stream.Stream;
import org.testcontainers.DockerClientFactory;
import org.testcontainers.containers.BindMode;
import org.testcontainers.containers.GenericContainer;
import org.testcontainers.containers.Network;
import org.testcontainers.containers.output.FrameConsumerResultCallback;
import org.testcontainers.containers.output.OutputFrame;
import org.testcontainers.utility.DockerImageName;

/**
 * Nodes as containers of an image, on a network of their own with an address each, their data in folders of this machine.
 * Works where the engine runs on this machine and its networks can be reached, so on Linux. Links can be cut and files
 * damaged by root only; disks and clocks are left alone.
 */
public final class ContainerArena implements Arena {
    private static final String PREFIX = "10.78.";
    private static final int SUBNETS = 256;
    private static final int FIRST_HOST = 10;
    private static final int API_PORT = 7400;
    private static final int HTTP_PORT = 7402;
    private static final int HTTP_TIMEOUT_MS = 500;
    private static final int STOP_SECONDS = 30;
    private static final long LOOK_MS = 50;
    private static final String NOBODY = "02:00:00:00:00:01";
    private static final String CONFIG = "/etc/holdfast/holdfast.yaml";

    private final Path folder;
    private final String image;
    private final List<String> extraYaml;
    private final DockerClient docker = DockerClientFactory.lazyClient();
    /** The first three numbers of all addresses, with a dot after each. */
    private final String subnet;

    private final Network network;
    private final TreeMap<Integer, GenericContainer<?>> containers = new TreeMap<>();
    private final Set<List<Integer>> cuts = new HashSet<>();

    private ContainerArena(Path folder, String image, List<String> extraYaml) {
        this.folder = folder;
        this.image = image;
        this.extraYaml = extraYaml;
        subnet = freeSubnet();
        network = Network.builder()
                .createNetworkCmdModifier(
                        create -> create.withIpam(new Ipam().withConfig(new Ipam.Config().withSubnet(subnet + "0/24"))))
                .build();
    }

    /** One that no network of the engine has: a run that was killed may have left its own, and others may run. */
    private String freeSubnet() {
        Set<String> taken = new HashSet<>();
        docker.listNetworksCmd().exec().forEach(other -> {
            List<Ipam.Config> configs = other.getIpam().getConfig();
            if (configs != null) {
                configs.forEach(config -> taken.add(config.getSubnet()));
            }
        });
        return Stream.iterate(0, number -> number < SUBNETS, number -> number + 1)
                .map(number -> PREFIX + number + ".")
                .filter(free -> !taken.contains(free + "0/24"))
                .findFirst()
                .orElseThrow(() -> new IllegalStateException(
                        "remove networks from the engine (docker network prune): all " + SUBNETS + " are taken"));
    }

    /** Whether an engine answers, and has the image. */
    public static boolean isPossible(String image) {
        return Commands.works("docker", "image", "inspect", image);
    }

    /** Lays out nodes, and starts none. */
    public static ContainerArena layOut(Path folder, int nodes, List<String> extraYaml, String image)
            throws IOException {
        Files.createDirectories(folder);
        ContainerArena arena = new ContainerArena(folder.toRealPath(), image, extraYaml);
        for (int node = 1; node <= nodes; node++) {
            arena.layOut(node, arena.initialNodes(1, nodes));
        }
        return arena;
    }

    private String initialNodes(int from, int to) {
        return Stream.iterate(from, node -> node <= to, node -> node + 1)
                .map(node -> node + "@" + host(node) + ":" + API_PORT)
                .collect(Collectors.joining(","));
    }

    /** Clients have the bridge's address. */
    private String host(int node) {
        return subnet + (node == CLIENTS ? 1 : FIRST_HOST + node);
    }

    private void layOut(int node, String initialNodes) throws IOException {
        Path own = folder.resolve("node-" + node);
        Files.createDirectories(dataDirectory(node));
        // The image's user is nobody on this machine.
        Files.setPosixFilePermissions(dataDirectory(node), PosixFilePermissions.fromString("rwxrwxrwx"));
        List<String> yaml = new ArrayList<>(List.of(
                "node:",
                "  id: " + node,
                "  data-dir: /data",
                "  host: " + host(node),
                "cluster:",
                "  initial-nodes: '" + initialNodes + "'"));
        yaml.addAll(extraYaml);
        Files.write(own.resolve("holdfast.yaml"), yaml);
    }

    private GenericContainer<?> create(int node) {
        Path own = folder.resolve("node-" + node);
        GenericContainer<?> container = new GenericContainer<>(DockerImageName.parse(image))
                .withImagePullPolicy(name -> false)
                .withNetwork(network)
                .withFileSystemBind(own.resolve("holdfast.yaml").toString(), CONFIG, BindMode.READ_ONLY)
                .withFileSystemBind(dataDirectory(node).toString(), "/data", BindMode.READ_WRITE)
                .withCreateContainerCmdModifier(create -> create.withIpv4Address(host(node)))
                .withLogConsumer(frame -> log(node, frame))
                .withCommand("server", "--config", CONFIG);
        containers.put(node, container);
        return container;
    }

    /** Of a container that was started again: nobody listens to it any more. */
    private void followLog(int node) {
        FrameConsumerResultCallback listener = new FrameConsumerResultCallback();
        listener.addConsumer(OutputFrame.OutputType.STDOUT, frame -> log(node, frame));
        listener.addConsumer(OutputFrame.OutputType.STDERR, frame -> log(node, frame));
        docker.logContainerCmd(id(node))
                .withStdOut(true)
                .withStdErr(true)
                .withFollowStream(true)
                .withTail(0)
                .exec(listener);
    }

    private void log(int node, OutputFrame frame) {
        try {
            Files.writeString(
                    logFile(node),
                    frame.getUtf8String(),
                    java.nio.file.StandardOpenOption.CREATE,
                    java.nio.file.StandardOpenOption.APPEND);
        } catch (IOException e) {
            throw new java.io.UncheckedIOException(e);
        }
    }

    @Override
    public String kind() {
        return "containers";
    }

    @Override
    public Set<Ability> abilities() {
        Set<Ability> all = EnumSet.of(Ability.PROCESSES);
        if ("root".equals(System.getProperty("user.name"))) {
            all.addAll(Set.of(Ability.LINKS, Ability.FILES));
        }
        return all;
    }

    @Override
    public List<Integer> nodes() {
        try (Stream<Path> all = Files.list(folder)) {
            return all.map(path -> path.getFileName().toString())
                    .filter(name -> name.startsWith("node-"))
                    .map(name -> Integer.valueOf(name.substring("node-".length())))
                    .sorted()
                    .toList();
        } catch (IOException e) {
            throw new java.io.UncheckedIOException(e);
        }
    }

    @Override
    public String address(int node) {
        return host(node) + ":" + API_PORT;
    }

    private Path logFile(int node) {
        return folder.resolve("node-" + node).resolve("node.log");
    }

    @Override
    public Path dataDirectory(int node) {
        return folder.resolve("node-" + node).resolve("data");
    }

    private String id(int node) {
        return Objects.requireNonNull(containers.get(node)).getContainerId();
    }

    private InspectContainerResponse.ContainerState state(int node) {
        return docker.inspectContainerCmd(id(node)).exec().getState();
    }

    @Override
    public boolean isRunning(int node) {
        return containers.containsKey(node) && Boolean.TRUE.equals(state(node).getRunning());
    }

    @Override
    public void start(int node) throws IOException {
        if (containers.containsKey(node)) {
            docker.startContainerCmd(id(node)).exec();
            followLog(node);
        } else {
            create(node).start();
        }
        for (List<Integer> cut : cuts) { // it has a new network stack, which knows nothing of them
            if (cut.get(0) == node) {
                neighbour(node, "replace", host(cut.get(1)), "lladdr", NOBODY, "nud", "permanent");
            }
        }
    }

    @Override
    public void awaitReady(int node, Duration patience) throws IOException {
        long deadline = System.nanoTime() + patience.toNanos();
        while (!isReady(node)) {
            if (!isRunning(node) || System.nanoTime() > deadline) {
                throw new IOException("node " + node + " is not ready; its log is " + logFile(node));
            }
            look();
        }
    }

    private boolean isReady(int node) {
        try {
            HttpURLConnection http =
                    (HttpURLConnection) URI.create("http://" + host(node) + ":" + HTTP_PORT + "/health/ready")
                            .toURL()
                            .openConnection();
            http.setConnectTimeout(HTTP_TIMEOUT_MS);
            http.setReadTimeout(HTTP_TIMEOUT_MS);
            return http.getResponseCode() == HttpURLConnection.HTTP_OK;
        } catch (IOException e) {
            return false;
        }
    }

    private static void look() throws IOException {
        try {
            Thread.sleep(LOOK_MS);
        } catch (InterruptedException e) {
            Thread.currentThread().interrupt();
            throw new IOException("interrupted", e);
        }
    }

    @Override
    public void kill(int node) throws IOException {
        if (!isRunning(node)) {
            return;
        }
        docker.killContainerCmd(id(node)).exec();
        while (isRunning(node)) {
            look();
        }
    }

    @Override
    public void stop(int node) {
        docker.stopContainerCmd(id(node)).withTimeout(STOP_SECONDS).exec();
    }

    @Override
    public void pause(int node) throws IOException {
        docker.pauseContainerCmd(id(node)).exec();
        if (!Boolean.TRUE.equals(state(node).getPaused())) {
            throw new IOException("node " + node + " is not paused");
        }
    }

    @Override
    public void goOn(int node) {
        if (Boolean.TRUE.equals(state(node).getPaused())) {
            docker.unpauseContainerCmd(id(node)).exec();
        }
    }

    @Override
    public void cut(int from, int to) throws IOException {
        neighbour(from, "replace", host(to), "lladdr", NOBODY, "nud", "permanent");
        cuts.add(List.of(from, to));
    }

    @Override
    public void join(int from, int to) throws IOException {
        if (cuts.remove(List.of(from, to)) && (from == CLIENTS || isRunning(from))) {
            neighbour(from, "del", host(to));
        }
    }

    private void neighbour(int node, String verb, String host, String... more) throws IOException {
        String device = "eth0";
        List<String> command = new ArrayList<>();
        if (node == CLIENTS) {
            device = "br-" + network.getId().substring(0, 12);
        } else {
            command.addAll(List.of("nsenter", "--target", Long.toString(pid(node)), "--net"));
        }
        command.addAll(List.of("ip", "neighbour", verb, host, "dev", device));
        command.addAll(List.of(more));
        Commands.run(command);
    }

    private long pid(int node) throws IOException {
        Long pid = state(node).getPidLong();
        if (pid == null || pid == 0) {
            throw new IOException("node " + node + " does not run");
        }
        return pid;
    }

    @Override
    public void rewire(int node, Wire wire, long seed) {
        throw new UnsupportedOperationException(Ability.PACKETS.words());
    }

    @Override
    public int cutPower(Set<Integer> nodes, long tornBy) {
        throw new UnsupportedOperationException(Ability.POWER.words());
    }

    @Override
    public void moveClock(int node, Duration by) {
        throw new UnsupportedOperationException(Ability.CLOCK.words());
    }

    @Override
    public void slowSyncs(int node, Duration by) {
        throw new UnsupportedOperationException(Ability.SYNCS.words());
    }

    @Override
    public void failSyncs(int node) {
        throw new UnsupportedOperationException(Ability.SYNCS.words());
    }

    @Override
    public void fillDisk(int node, long bytesLeft) {
        throw new UnsupportedOperationException(Ability.SMALL_DISK.words());
    }

    @Override
    public void freeDisk(int node) {
        throw new UnsupportedOperationException(Ability.SMALL_DISK.words());
    }

    @Override
    public void wipe(int node) throws IOException {
        kill(node);
        LocalCluster.deleteTree(dataDirectory(node));
        // The folder is another one now, and the others are those that it asks: a new container.
        Objects.requireNonNull(containers.remove(node)).stop();
        String others = nodes().stream()
                .filter(other -> other != node && isRunning(other))
                .map(other -> initialNodes(other, other))
                .collect(Collectors.joining(","));
        layOut(node, others);
    }

    @Override
    public int add() throws IOException {
        int node = nodes().size() + 1;
        layOut(node, initialNodes(1, node - 1));
        return node;
    }

    @Override
    public void close() {
        containers.values().forEach(GenericContainer::stop);
        network.close();
    }
}
