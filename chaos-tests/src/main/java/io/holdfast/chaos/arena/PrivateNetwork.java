package io.holdfast.chaos.arena;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.HashMap;
import java.util.HashSet;
import java.util.List;
import java.util.Map;
import java.util.Set;

/**
 * A network namespace with an address for each node, on a bridge that the clients are on. One direction of a link is cut by
 * telling the sender a hardware address that nobody has: what it sends is lost without a word, as on a cable that is cut. It
 * needs neither a firewall nor a kernel module. Works inside a {@link Sandbox} only.
 */
final class PrivateNetwork {
    private static final Path NAMES = Path.of("/run/netns");
    private static final String BRIDGE = "holdfast";
    private static final String NOBODY = "02:00:00:00:00:01";
    private static final String PREFIX = "10.77.0.";
    private static final int CLIENT_HOST = 100;
    private static final int FIRST_HOST = 10;

    private record Link(int from, int to) {}

    private final Set<Integer> nodes = new HashSet<>();
    private final Map<Integer, BadWire> wires = new HashMap<>();
    private final Set<Link> cuts = new HashSet<>();

    PrivateNetwork() throws IOException {
        Files.createDirectories(NAMES);
        Commands.run("mount", "-t", "tmpfs", "none", NAMES.toString());
        Commands.run("ip", "link", "set", "lo", "up");
        Commands.run("ip", "link", "add", BRIDGE, "type", "bridge");
        Commands.run("ip", "link", "set", BRIDGE, "up");
        Commands.run("ip", "address", "add", host(Arena.CLIENTS) + "/24", "dev", BRIDGE);
    }

    static String host(int node) {
        return PREFIX + (node == Arena.CLIENTS ? CLIENT_HOST : FIRST_HOST + node);
    }

    void add(int node) throws IOException {
        String name = "node" + node;
        Commands.run("ip", "netns", "add", name);
        Commands.run("ip", "link", "add", "to-" + name, "type", "veth", "peer", "name", "eth0", "netns", name);
        Commands.run("ip", "link", "set", "to-" + name, "master", BRIDGE, "up");
        Commands.run("ip", "-n", name, "link", "set", "lo", "up");
        Commands.run("ip", "-n", name, "link", "set", "eth0", "up");
        Commands.run("ip", "-n", name, "address", "add", host(node) + "/24", "dev", "eth0");
        nodes.add(node);
    }

    /** What a command must be put behind to run on a node. */
    static List<String> launcher(int node) {
        return List.of("nsenter", "--net=" + NAMES.resolve("node" + node));
    }

    void cut(int from, int to) throws IOException {
        neighbour(from, "replace", host(to), "lladdr", NOBODY, "nud", "permanent");
        cuts.add(new Link(from, to));
    }

    void join(int from, int to) throws IOException {
        if (cuts.remove(new Link(from, to))) {
            neighbour(from, "del", host(to));
        }
    }

    /**
     * Puts a wire between a node and the bridge, or takes it away.
     *
     * @param program of {@link BadWire}
     * @param folder for what it writes
     */
    void rewire(int node, Wire wire, Path program, Path folder, long seed) throws IOException {
        String end = "to-node" + node;
        String wireEnd = "wire-node" + node;
        BadWire before = wires.remove(node);
        if (before != null) {
            before.close();
            Commands.run("ip", "link", "del", wireEnd);
        }
        if (wire.equals(Wire.GOOD)) {
            Commands.run("ip", "link", "set", end, "master", BRIDGE);
            return;
        }
        String bridgeEnd = "plug-node" + node;
        Commands.run("ip", "link", "add", wireEnd, "type", "veth", "peer", "name", bridgeEnd);
        Commands.run("ip", "link", "set", wireEnd, "up");
        Commands.run("ip", "link", "set", bridgeEnd, "master", BRIDGE, "up");
        Commands.run("ip", "link", "set", end, "nomaster");
        BadWire bad = new BadWire(program, folder, end, wireEnd, wire, seed);
        wires.put(node, bad);
        bad.awaitHold();
    }

    private void neighbour(int node, String verb, String host, String... more) throws IOException {
        List<String> command = new java.util.ArrayList<>(List.of("ip"));
        if (node != Arena.CLIENTS) {
            command.addAll(List.of("-n", "node" + node));
        }
        command.addAll(List.of("neighbour", verb, host, "dev", node == Arena.CLIENTS ? BRIDGE : "eth0"));
        command.addAll(List.of(more));
        Commands.run(command);
    }
}
