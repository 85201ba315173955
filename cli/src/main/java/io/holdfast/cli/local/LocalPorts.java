package io.holdfast.cli.local;

import java.io.IOException;
import java.net.InetAddress;
import java.net.ServerSocket;
import java.util.ArrayList;
import java.util.List;

/** Where a node on this machine listens: its address, which is loopback unless it has a network of its own, and ports. */
record LocalPorts(String host, int api, int raft, int http) {
    private static final String LOOPBACK = "127.0.0.1";
    private static final int BASE_PORT = 7400;

    /** Well-known ones: 7400 to 7402 for node 1, 7410 to 7412 for node 2, and so on. */
    static LocalPorts fixed(int basePort, int nodeId) {
        int first = basePort + 10 * (nodeId - 1);
        return new LocalPorts(LOOPBACK, first, first + 1, first + 2);
    }

    /** The well-known ones on an address of the node's own. */
    static LocalPorts at(String host) {
        return new LocalPorts(host, BASE_PORT, BASE_PORT + 1, BASE_PORT + 2);
    }

    /** As {@link #text} wrote it. */
    static LocalPorts parse(String text) {
        String[] parts = text.split(" ");
        return new LocalPorts(
                parts.length > 3 ? parts[3] : LOOPBACK,
                Integer.parseInt(parts[0]),
                Integer.parseInt(parts[1]),
                Integer.parseInt(parts[2]));
    }

    String text() {
        return api + " " + raft + " " + http + " " + host;
    }

    /** Ports that are free now. */
    static List<LocalPorts> free(int nodes) throws IOException {
        List<ServerSocket> held = new ArrayList<>();
        try {
            List<LocalPorts> ports = new ArrayList<>();
            for (int i = 0; i < nodes; i++) {
                int[] three = new int[3];
                for (int p = 0; p < 3; p++) {
                    ServerSocket socket = new ServerSocket(0, 1, InetAddress.getLoopbackAddress());
                    held.add(socket);
                    three[p] = socket.getLocalPort();
                }
                ports.add(new LocalPorts(LOOPBACK, three[0], three[1], three[2]));
            }
            return ports;
        } finally {
            for (ServerSocket socket : held) {
                socket.close();
            }
        }
    }
}
