package io.holdfast.bench;

import com.fasterxml.jackson.annotation.JsonInclude;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import org.jspecify.annotations.Nullable;

/**
 * What processes of this machine spent: CPU from {@code /proc/PID/stat}, bytes from {@code /proc/PID/io}. On a shared
 * machine these are steadier than any rate. Linux only; elsewhere there are no costs.
 */
public final class ProcessCosts {
    private static final double TICKS_PER_SECOND = 100; // USER_HZ, the same on all that Linux runs on today

    private final List<Long> servers;

    /** @param servers process ids; none if they are not on this machine */
    public ProcessCosts(List<Long> servers) {
        this.servers = List.copyOf(servers);
    }

    /**
     * Spent so far, by all processes of a kind together.
     *
     * @param bytesWritten handed to write calls: files and sockets
     * @param bytesToDisk sent towards the disk, in whole pages
     */
    record Spent(double clientCpu, double serverCpu, long bytesWritten, long bytesToDisk) {}

    /**
     * Per megabyte of values.
     *
     * @param serverCpuMs over all servers; null if none was named
     * @param serverBytesWrittenPerByte files and sockets; with three replicas the floor is 5
     * @param serverBytesToDiskPerByte with three replicas the floor is 3
     */
    @JsonInclude(JsonInclude.Include.NON_NULL)
    public record PerMegabyte(
            @Nullable Double clientCpuMs,
            @Nullable Double serverCpuMs,
            @Nullable Double serverBytesWrittenPerByte,
            @Nullable Double serverBytesToDiskPerByte) {
        static final PerMegabyte UNKNOWN = new PerMegabyte(null, null, null, null);

        List<String> lines() {
            List<String> lines = new ArrayList<>();
            if (clientCpuMs != null) {
                lines.add(String.format(
                        "CPU per MB: client %.1f ms%s",
                        clientCpuMs, serverCpuMs == null ? "" : String.format(", servers %.1f ms", serverCpuMs)));
            }
            if (serverBytesWrittenPerByte != null && serverBytesToDiskPerByte != null) {
                lines.add(String.format(
                        "servers wrote %.2f bytes per byte to files and sockets, %.2f to disks",
                        serverBytesWrittenPerByte, serverBytesToDiskPerByte));
            }
            return lines;
        }
    }

    /** Null where the system does not tell. */
    @Nullable
    Spent spent() {
        try {
            double serverCpu = 0;
            long written = 0;
            long toDisk = 0;
            for (long pid : servers) {
                serverCpu += cpuSeconds(Long.toString(pid));
                written += io(pid, "wchar:");
                toDisk += io(pid, "write_bytes:");
            }
            return new Spent(cpuSeconds("self"), serverCpu, written, toDisk);
        } catch (IOException e) {
            return null;
        }
    }

    PerMegabyte between(@Nullable Spent before, @Nullable Spent after, long bytes) {
        if (before == null || after == null || bytes == 0) {
            return PerMegabyte.UNKNOWN;
        }
        double megabytes = bytes / 1e6;
        double client = (after.clientCpu - before.clientCpu) * 1e3 / megabytes;
        if (servers.isEmpty()) {
            return new PerMegabyte(client, null, null, null);
        }
        return new PerMegabyte(
                client,
                (after.serverCpu - before.serverCpu) * 1e3 / megabytes,
                (double) (after.bytesWritten - before.bytesWritten) / bytes,
                (double) (after.bytesToDisk - before.bytesToDisk) / bytes);
    }

    private static double cpuSeconds(String pid) throws IOException {
        String stat = Files.readString(Path.of("/proc", pid, "stat"));
        String[] fields = stat.substring(stat.lastIndexOf(')') + 2).split(" "); // the name may hold anything
        return (Long.parseLong(fields[11]) + Long.parseLong(fields[12])) / TICKS_PER_SECOND;
    }

    private static long io(long pid, String counter) throws IOException {
        for (String line : Files.readAllLines(Path.of("/proc", Long.toString(pid), "io"))) {
            if (line.startsWith(counter)) {
                return Long.parseLong(line.substring(counter.length()).trim());
            }
        }
        throw new IOException("no " + counter);
    }
}
