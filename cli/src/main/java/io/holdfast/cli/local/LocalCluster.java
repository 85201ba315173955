package io.holdfast.cli.local;

import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.file.FileVisitResult;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.SimpleFileVisitor;
import java.nio.file.attribute.BasicFileAttributes;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.Properties;
import java.util.stream.Collectors;
import org.jspecify.annotations.Nullable;

/** Nodes on this machine, as real processes on loopback. The folder is all that is needed to find them again. */
public final class LocalCluster {
    private static final String PORTS_FILE = "cluster.properties";
    private static final Duration STOP_PATIENCE = Duration.ofSeconds(15);

    private final Path folder;
    private final List<LocalNode> nodes;
    private final List<String> extraYaml;
    private List<String> moreJvmOptions = List.of();
    private @Nullable String classPath;

    private LocalCluster(Path folder, List<LocalNode> nodes, List<String> extraYaml) {
        this.folder = folder;
        this.nodes = nodes;
        this.extraYaml = extraYaml;
    }

    /** Lays out a cluster on well-known ports. */
    public static LocalCluster create(Path folder, int nodes, int basePort) throws IOException {
        List<LocalPorts> ports = new ArrayList<>();
        for (int id = 1; id <= nodes; id++) {
            ports.add(LocalPorts.fixed(basePort, id));
        }
        return create(folder, ports, List.of());
    }

    /**
     * Lays out a cluster on free ports.
     *
     * @param extraYaml lines to add to each node's configuration
     */
    public static LocalCluster createOnFreePorts(Path folder, int nodes, List<String> extraYaml) throws IOException {
        return create(folder, LocalPorts.free(nodes), extraYaml);
    }

    /**
     * Lays out a cluster of nodes that have an address each.
     *
     * @param extraYaml lines to add to each node's configuration
     */
    public static LocalCluster createOnHosts(Path folder, List<String> hosts, List<String> extraYaml)
            throws IOException {
        return create(folder, hosts.stream().map(LocalPorts::at).toList(), extraYaml);
    }

    private static LocalCluster create(Path folder, List<LocalPorts> ports, List<String> extraYaml) throws IOException {
        Path absolute = folder.toAbsolutePath();
        Files.createDirectories(absolute);
        LocalCluster cluster = new LocalCluster(absolute, new ArrayList<>(), extraYaml);
        for (LocalPorts three : ports) {
            cluster.layOut(three);
        }
        String initial = cluster.initialNodes();
        for (LocalNode node : cluster.nodes) {
            node.writeConfig(initial, extraYaml);
        }
        cluster.storePorts();
        return cluster;
    }

    private LocalNode layOut(LocalPorts ports) {
        int id = nodes.size() + 1;
        LocalNode node = new LocalNode(id, folder.resolve("node-" + id), ports);
        node.setMoreJvmOptions(moreJvmOptions);
        if (classPath != null) {
            node.setClassPath(classPath);
        }
        nodes.add(node);
        return node;
    }

    private String initialNodes() {
        return nodes.stream().map(n -> n.id() + "@" + n.address()).collect(Collectors.joining(","));
    }

    private void storePorts() throws IOException {
        Properties properties = new Properties();
        for (LocalNode node : nodes) {
            properties.setProperty(Integer.toString(node.id()), node.ports().text());
        }
        try (var out = Files.newBufferedWriter(folder.resolve(PORTS_FILE))) {
            properties.store(out, "api, raft and http port and address of each node");
        }
    }

    /** Lays out one more node, on well-known ports; it joins the others when it is started. */
    public LocalNode add(int basePort) throws IOException {
        return join(LocalPorts.fixed(basePort, nodes.size() + 1));
    }

    /** Lays out one more node, on free ports; it joins the others when it is started. */
    public LocalNode addOnFreePorts() throws IOException {
        return join(LocalPorts.free(1).get(0));
    }

    /** Lays out one more node, on an address of its own; it joins the others when it is started. */
    public LocalNode addOnHost(String host) throws IOException {
        return join(LocalPorts.at(host));
    }

    private LocalNode join(LocalPorts ports) throws IOException {
        String others = initialNodes();
        LocalNode node = layOut(ports);
        node.writeConfig(others, extraYaml);
        storePorts();
        return node;
    }

    /** The cluster in a folder, or null if there is none. */
    public static @Nullable LocalCluster find(Path folder) throws IOException {
        Path absolute = folder.toAbsolutePath();
        Path file = absolute.resolve(PORTS_FILE);
        if (!Files.exists(file)) {
            return null;
        }
        Properties properties = new Properties();
        try (var in = Files.newBufferedReader(file)) {
            properties.load(in);
        }
        List<LocalNode> nodes = new ArrayList<>();
        for (int id = 1; id <= properties.size(); id++) {
            LocalPorts ports = LocalPorts.parse(properties.getProperty(Integer.toString(id)));
            nodes.add(new LocalNode(id, absolute.resolve("node-" + id), ports));
        }
        return new LocalCluster(absolute, nodes, List.of());
    }

    /** Tells a node that lost its data where the others are that run now. */
    public void introduce(int id) throws IOException {
        String others = nodes.stream()
                .filter(node -> node.id() != id && node.isRunning())
                .map(node -> node.id() + "@" + node.address())
                .collect(Collectors.joining(","));
        node(id).writeConfig(others, extraYaml);
    }

    /** Options of the nodes' JVMs from their next start on, after those that every node has. */
    public void setMoreJvmOptions(List<String> options) {
        moreJvmOptions = List.copyOf(options);
        nodes.forEach(node -> node.setMoreJvmOptions(options));
    }

    /** Where the nodes find their classes from their next start on; else where this process has them. */
    public void setClassPath(String path) {
        classPath = path;
        nodes.forEach(node -> node.setClassPath(path));
    }

    public Path folder() {
        return folder;
    }

    public List<LocalNode> nodes() {
        return nodes;
    }

    public LocalNode node(int id) {
        return nodes.get(id - 1);
    }

    public List<String> addresses() {
        return nodes.stream().map(LocalNode::address).toList();
    }

    /** Starts all nodes that do not run, and waits until they serve. */
    public void start(Duration patience) throws IOException {
        for (LocalNode node : nodes) {
            if (!node.isRunning()) {
                node.start();
            }
        }
        for (LocalNode node : nodes) {
            node.awaitReady(patience);
        }
    }

    /** Stops all nodes, all at once. */
    public void stop() {
        nodes.parallelStream().forEach(node -> node.stop(STOP_PATIENCE));
    }

    public void kill() {
        nodes.forEach(LocalNode::kill);
    }

    /** Deletes a folder and everything in it. */
    public static void deleteTree(Path tree) {
        if (!Files.exists(tree)) {
            return;
        }
        try {
            Files.walkFileTree(tree, new SimpleFileVisitor<>() {
                @Override
                public FileVisitResult visitFile(Path file, BasicFileAttributes attributes) throws IOException {
                    Files.deleteIfExists(file);
                    return FileVisitResult.CONTINUE;
                }

                @Override
                public FileVisitResult postVisitDirectory(Path directory, @Nullable IOException e) throws IOException {
                    Files.deleteIfExists(directory);
                    return FileVisitResult.CONTINUE;
                }
            });
        } catch (IOException e) {
            throw new UncheckedIOException(e);
        }
    }
}
