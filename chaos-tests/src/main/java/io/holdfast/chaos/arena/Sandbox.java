package io.holdfast.chaos.arena;

import java.io.IOException;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;

/**
 * Namespaces of its own for a whole run: network, mounts and process ids. Nothing that is done in there touches the machine,
 * and when the first process in it ends, all end. Root makes one, and so does anybody where the kernel lets users have
 * namespaces.
 */
public final class Sandbox {
    private static final String INSIDE = "CHAOS_SANDBOX";
    private static final List<String> OF_ROOT =
            List.of("unshare", "--net", "--mount", "--pid", "--fork", "--kill-child", "--mount-proc");

    /** Testcontainers would fetch images to find the engine's address, to try it, and to clean up; the arena does that. */
    private static final Map<String, String> CONTAINERS_WITHOUT_HELPERS = Map.of(
            "TESTCONTAINERS_RYUK_DISABLED", "true",
            "TESTCONTAINERS_CHECKS_DISABLE", "true",
            "TESTCONTAINERS_HOST_OVERRIDE", "localhost");

    private Sandbox() {}

    /** Whether this process is in one. */
    public static boolean isInside() {
        return System.getenv(INSIDE) != null;
    }

    /** What a command must be put behind to run in a new one; empty if none can be made here. */
    public static List<String> command() {
        List<String> ofUser = new ArrayList<>(OF_ROOT);
        ofUser.addAll(1, List.of("--user", "--map-root-user"));
        for (List<String> way : List.of(OF_ROOT, ofUser)) {
            List<String> attempt = new ArrayList<>(way);
            attempt.addAll(List.of("sh", "-c", "ip link add probe type bridge && mount -t tmpfs none /mnt"));
            if (Commands.works(attempt.toArray(new String[0]))) {
                return way;
            }
        }
        return List.of();
    }

    /** Runs a command in a new one, or in none if {@code sandbox} is empty, on this process's terminal, and returns its exit code. */
    public static int run(List<String> sandbox, List<String> command) throws IOException {
        List<String> all = new ArrayList<>(sandbox);
        all.addAll(command);
        ProcessBuilder builder = new ProcessBuilder(all).inheritIO();
        if (!sandbox.isEmpty()) {
            builder.environment().put(INSIDE, "1");
        }
        builder.environment().putAll(CONTAINERS_WITHOUT_HELPERS);
        Process process = builder.start();
        Thread killer = new Thread(process::destroyForcibly, "sandbox-end");
        Runtime.getRuntime().addShutdownHook(killer);
        try {
            return process.waitFor();
        } catch (InterruptedException e) {
            process.destroyForcibly();
            Thread.currentThread().interrupt();
            throw new IOException("interrupted", e);
        }
    }
}
