package io.holdfast.cli.local;

import static java.nio.charset.StandardCharsets.UTF_8;

import java.io.IOException;
import java.net.HttpURLConnection;
import java.net.URI;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.concurrent.TimeUnit;
import org.jspecify.annotations.Nullable;

/**
 * A node process on this machine: its folder holds its configuration, its log, its data and its process id, so that
 * another process can find and stop it.
 */
public final class LocalNode {
    private static final String PID_FILE = "node.pid";
    private static final String CONFIG_FILE = "holdfast.yaml";

    private final int id;
    private final Path folder;
    private final LocalPorts ports;
    private List<String> moreJvmOptions = List.of();
    private List<String> launcher = List.of();
    private Map<String, String> environment = Map.of();
    /** The process, if this object started it. */
    private volatile @Nullable Process started;

    private String classPath = System.getProperty("java.class.path");

    LocalNode(int id, Path folder, LocalPorts ports) {
        this.id = id;
        this.folder = folder;
        this.ports = ports;
    }

    public int id() {
        return id;
    }

    LocalPorts ports() {
        return ports;
    }

    /** Where the next start finds the classes; else where this process has them. */
    void setClassPath(String path) {
        classPath = path;
    }

    /** From the next start on, after those that every node has. */
    void setMoreJvmOptions(List<String> options) {
        moreJvmOptions = List.copyOf(options);
    }

    /**
     * What the next start is given besides.
     *
     * @param command command that runs the rest of its arguments in its place, such as nsenter; empty for none
     * @param variables for the process's environment
     */
    public void setLauncher(List<String> command, Map<String, String> variables) {
        launcher = List.copyOf(command);
        environment = Map.copyOf(variables);
    }

    public String host() {
        return ports.host();
    }

    public String address() {
        return ports.host() + ":" + ports.api();
    }

    public int raftPort() {
        return ports.raft();
    }

    public String metricsUrl() {
        return "http://" + ports.host() + ":" + ports.http() + "/metrics";
    }

    public Path folder() {
        return folder;
    }

    public Path dataDirectory() {
        return folder.resolve("data");
    }

    public Path logFile() {
        return folder.resolve("node.log");
    }

    void writeConfig(String initialNodes, List<String> extraYaml) throws IOException {
        Files.createDirectories(folder);
        List<String> yaml = new ArrayList<>(List.of(
                "node:",
                "  id: " + id,
                "  data-dir: '" + dataDirectory() + "'",
                "  host: " + ports.host(),
                "listen:",
                "  api-port: " + ports.api(),
                "  raft-port: " + ports.raft(),
                "  http-port: " + ports.http(),
                "cluster:",
                "  initial-nodes: '" + initialNodes + "'"));
        yaml.addAll(extraYaml);
        Files.write(folder.resolve(CONFIG_FILE), yaml);
    }

    /** Starts the process; does not wait until it serves. */
    public void start() throws IOException {
        if (isRunning()) {
            throw new IOException("node " + id + " runs already");
        }
        List<String> command = new ArrayList<>(launcher);
        command.add(Path.of(System.getProperty("java.home"), "bin", "java").toString());
        command.addAll(JvmOptions.forNode());
        command.addAll(moreJvmOptions);
        command.add("-cp");
        command.add(classPath);
        command.add("io.holdfast.cli.Main");
        command.addAll(List.of("server", "--config", folder.resolve(CONFIG_FILE).toString()));
        ProcessBuilder builder = new ProcessBuilder(command);
        builder.environment().putAll(environment);
        Process process = builder.redirectErrorStream(true)
                .redirectOutput(ProcessBuilder.Redirect.appendTo(logFile().toFile()))
                .redirectInput(ProcessBuilder.Redirect.from(Path.of("/dev/null").toFile()))
                .start();
        started = process;
        Files.writeString(folder.resolve(PID_FILE), Long.toString(process.pid()));
    }

    private Optional<ProcessHandle> process() {
        try {
            Path file = folder.resolve(PID_FILE);
            if (!Files.exists(file)) {
                return Optional.empty();
            }
            long pid = Long.parseLong(Files.readString(file, UTF_8).trim());
            return ProcessHandle.of(pid).filter(ProcessHandle::isAlive).filter(this::isOurs);
        } catch (IOException | NumberFormatException e) {
            return Optional.empty();
        }
    }

    /** Process ids are used again: only a process that was started with our configuration is ours. */
    private boolean isOurs(ProcessHandle handle) {
        Process mine = started;
        if (mine != null && mine.isAlive() && mine.pid() == handle.pid()) {
            return true; // whatever its command line says: while a program takes another's place it is empty
        }
        Path commandLine = Path.of("/proc", Long.toString(handle.pid()), "cmdline");
        try {
            return !Files.exists(commandLine)
                    || Files.readString(commandLine, UTF_8)
                            .contains(folder.resolve(CONFIG_FILE).toString());
        } catch (IOException e) {
            return false;
        }
    }

    public boolean isRunning() {
        return process().isPresent();
    }

    public long pid() {
        return process().map(ProcessHandle::pid).orElse(-1L);
    }

    /** SIGKILL: no shutdown hook, no flush, nothing. */
    public void kill() {
        process().ifPresent(handle -> {
            handle.destroyForcibly();
            handle.onExit().orTimeout(10, TimeUnit.SECONDS).join();
        });
    }

    /** Asks the node to hand over and stop; kills it if it has not within the time. */
    public void stop(Duration patience) {
        process().ifPresent(handle -> {
            handle.destroy();
            try {
                handle.onExit().get(patience.toMillis(), TimeUnit.MILLISECONDS);
            } catch (InterruptedException e) {
                Thread.currentThread().interrupt();
                kill();
            } catch (java.util.concurrent.ExecutionException | java.util.concurrent.TimeoutException e) {
                kill();
            }
        });
    }

    /** Whether the node says that it serves. */
    public boolean isReady() {
        try {
            HttpURLConnection http =
                    (HttpURLConnection) URI.create("http://" + ports.host() + ":" + ports.http() + "/health/ready")
                            .toURL()
                            .openConnection();
            http.setConnectTimeout(500);
            http.setReadTimeout(500);
            return http.getResponseCode() == 200;
        } catch (IOException e) {
            return false;
        }
    }

    /** Waits until the node serves; fails with the end of its log if it dies or takes too long. */
    public void awaitReady(Duration patience) throws IOException {
        long deadline = System.nanoTime() + patience.toNanos();
        while (!isReady()) {
            boolean dead = !isRunning();
            if (dead || System.nanoTime() > deadline) {
                throw new IOException("node " + id + (dead ? " has died" : " is not ready after " + patience)
                        + "; its log " + logFile() + " ends with:\n" + logTail());
            }
            try {
                Thread.sleep(20);
            } catch (InterruptedException e) {
                Thread.currentThread().interrupt();
                throw new IOException("interrupted", e);
            }
        }
    }

    private String logTail() throws IOException {
        if (!Files.exists(logFile())) {
            return "(nothing)";
        }
        List<String> lines = Files.readAllLines(logFile(), java.nio.charset.StandardCharsets.ISO_8859_1);
        return String.join("\n", lines.subList(Math.max(0, lines.size() - 15), lines.size()));
    }
}
