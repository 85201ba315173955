package io.holdfast.cli.local;

import java.io.IOException;
import java.net.InetAddress;
import java.net.ServerSocket;
import java.util.ArrayList;
import java.util.List;

/** Ports of a node on this machine. */
record LocalPorts(int api, int raft, int http) {

    /** Well-known ones: 7400 to 7402 for node 1, 7410 to 7412 for node 2, and so on. */
    static LocalPorts fixed(int basePort, int nodeId) {
        int first = basePort + 10 * (nodeId - 1);
        return new LocalPorts(first, first + 1, first + 2);
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
                ports.add(new LocalPorts(three[0], three[1], three[2]));
            }
            return ports;
        } finally {
            for (ServerSocket socket : held) {
                socket.close();
            }
        }
    }
}
