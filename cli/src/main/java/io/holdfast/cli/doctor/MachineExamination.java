package io.holdfast.cli.doctor;

import com.sun.management.UnixOperatingSystemMXBean;
import io.holdfast.node.config.NodeConfig;
import java.io.IOException;
import java.lang.management.ManagementFactory;
import java.net.InetAddress;
import java.net.InetSocketAddress;
import java.net.ServerSocket;
import java.net.Socket;
import java.nio.ByteBuffer;
import java.nio.channels.FileChannel;
import java.nio.file.FileStore;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardOpenOption;
import java.util.Arrays;
import java.util.Map;
import java.util.Set;

/** Looks at the machine that this runs on, for a node with these settings that does not run yet. */
final class MachineExamination {
    private static final int FLUSHES = 200;
    private static final int FLUSH_BYTES = 4096;
    private static final double SLOW_MS = 20;
    private static final long FILES_MIN = 16_384;
    private static final int CONNECT_MS = 1_000;
    private static final Set<String> MEMORY = Set.of("tmpfs", "ramfs", "overlay");
    private static final Set<String> NETWORK = Set.of("nfs", "nfs4", "cifs", "smb3", "fuse.sshfs");

    private final NodeConfig config;
    private final Findings findings;

    MachineExamination(NodeConfig config, Findings findings) {
        this.config = config;
        this.findings = findings;
    }

    void run() throws IOException {
        findings.fine("the settings are valid: node " + config.nodeId() + " at " + config.apiAddress());
        disk();
        ports();
        neighbours();
        files();
    }

    private void disk() throws IOException {
        Path directory = config.dataDirectory().toAbsolutePath();
        boolean isNew = !Files.exists(directory);
        try {
            Files.createDirectories(directory);
            flushes(directory);
        } catch (IOException e) {
            findings.problem(
                    "the data directory " + directory + " cannot be written to: " + e.getMessage(),
                    "create it and give it to the user that the node runs as");
            return;
        }
        FileStore store = Files.getFileStore(directory);
        if (store.getUsableSpace() < config.diskFreeBytesMin()) {
            findings.problem(
                    "the disk of " + directory + " has " + (store.getUsableSpace() >> 20)
                            + " MiB left, and the node takes " + "records only above "
                            + (config.diskFreeBytesMin() >> 20),
                    "free space, or use another disk (node.data-dir)");
        }
        if (MEMORY.contains(store.type())) {
            findings.warning(
                    directory + " is on " + store.type() + ", which does not outlive the machine or container",
                    "mount a disk there, unless this is only a try");
        } else if (NETWORK.contains(store.type())) {
            findings.warning(
                    directory + " is on a network file system (" + store.type() + ")",
                    "use a local disk: every acknowledgement waits for a flush");
        }
        if (isNew) {
            Files.deleteIfExists(directory);
        }
    }

    /** Small appends, each flushed, as a node under light load does them. */
    private void flushes(Path directory) throws IOException {
        Path file = directory.resolve("doctor.tmp");
        double[] millis = new double[FLUSHES];
        try (FileChannel channel = FileChannel.open(
                file, StandardOpenOption.CREATE, StandardOpenOption.TRUNCATE_EXISTING, StandardOpenOption.WRITE)) {
            for (int i = 0; i < FLUSHES; i++) {
                long begun = System.nanoTime();
                channel.write(ByteBuffer.allocate(FLUSH_BYTES));
                channel.force(false);
                millis[i] = (System.nanoTime() - begun) / 1e6;
            }
        } finally {
            Files.deleteIfExists(file);
        }
        Arrays.sort(millis);
        double median = millis[FLUSHES / 2];
        String text = String.format(
                "a flush of 4 KiB takes %.2f ms, the slowest of a hundred %.2f ms", median, millis[FLUSHES * 99 / 100]);
        if (median > SLOW_MS) {
            findings.warning(text, "use a faster disk: nothing is acknowledged before it is flushed");
        } else {
            findings.fine(text);
        }
    }

    private void ports() {
        Map<String, Integer> ports =
                Map.of("api", config.apiPort(), "raft", config.raftPort(), "http", config.httpPort());
        boolean free = true;
        for (Map.Entry<String, Integer> port : ports.entrySet()) {
            if (port.getValue() == 0) {
                continue;
            }
            try (ServerSocket socket = new ServerSocket()) {
                socket.setReuseAddress(true);
                socket.bind(new InetSocketAddress(InetAddress.getByName(config.bindHost()), port.getValue()));
            } catch (IOException e) {
                free = false;
                findings.problem(
                        "the " + port.getKey() + " port " + config.bindHost() + ":" + port.getValue()
                                + " cannot be used: " + e.getMessage(),
                        "stop what uses it (maybe the node runs already), or choose another");
            }
        }
        if (free) {
            findings.fine("the ports are free");
        }
    }

    private void neighbours() {
        config.initialNodes().forEach((node, address) -> {
            if (node == config.nodeId()) {
                return;
            }
            int colon = address.lastIndexOf(':');
            try (Socket socket = new Socket()) {
                socket.connect(
                        new InetSocketAddress(
                                address.substring(0, colon), Integer.parseInt(address.substring(colon + 1))),
                        CONNECT_MS);
                findings.fine("node " + node + " can be reached at " + address);
            } catch (IOException | RuntimeException e) {
                findings.warning(
                        "node " + node + " cannot be reached at " + address + ": " + e.getMessage(),
                        "nothing to do if it does not run yet; else open the network");
            }
        });
    }

    private void files() {
        if (ManagementFactory.getOperatingSystemMXBean() instanceof UnixOperatingSystemMXBean system) {
            long most = system.getMaxFileDescriptorCount();
            if (most < FILES_MIN) {
                findings.warning(
                        "a process may have " + most + " files open",
                        "raise it (ulimit -n, LimitNOFILE=) to " + FILES_MIN + " or more for hundreds of partitions");
            } else {
                findings.fine("a process may have " + most + " files open");
            }
            findings.fine("the machine has " + (system.getTotalMemorySize() >> 20) + " MiB of memory and "
                    + system.getAvailableProcessors() + " processors");
        }
    }
}
