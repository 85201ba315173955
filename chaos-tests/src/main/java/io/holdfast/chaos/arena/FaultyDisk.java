package io.holdfast.chaos.arena;

import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.channels.FileChannel;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardOpenOption;
import java.util.Map;

/**
 * One node's disk and clock, seen and bent by a small library (faults.c) that is loaded into its process before libc. It
 * keeps a journal of what was written and not flushed, for {@link LostWrites}.
 */
final class FaultyDisk {
    private static final int CONTROLS = 8;
    private static final int CLOCK_NANOS = 0;
    private static final int SYNC_MICROS = 1;
    private static final int SYNC_ERRNO = 2;
    private static final int FAILED_SYNCS = 3;
    private static final int EIO = 5;
    private static final String CONTROL_VARIABLE = "FAULTS_CONTROL";

    private final Path library;
    private final Path data;
    private final Path control;
    private final Path journal;

    /**
     * @param library from {@link #compile}
     * @param node the node's folder
     */
    FaultyDisk(Path library, Path node, Path data) throws IOException {
        this.library = library;
        Files.createDirectories(data);
        this.data = data.toRealPath();
        Path folder = node.toRealPath();
        control = folder.resolve("faults.control");
        journal = folder.resolve("faults.journal");
        Files.createDirectories(journal);
        Files.write(control, new byte[CONTROLS * Long.BYTES]);
    }

    /** Makes the library. */
    static Path compile(Path folder) throws IOException {
        return NativeCode.compile(folder, "faults.c", "libholdfast-faults.so", "-shared", "-fPIC", "-ldl", "-lpthread");
    }

    Map<String, String> environment() {
        return Map.of(
                "LD_PRELOAD",
                library.toString(),
                "FAULTS_DIR",
                data.toString(),
                "FAULTS_JOURNAL",
                journal.toString(),
                CONTROL_VARIABLE,
                control.toString());
    }

    void moveClock(long nanos) throws IOException {
        set(CLOCK_NANOS, nanos);
    }

    void slowSyncs(long micros) throws IOException {
        set(SYNC_MICROS, micros);
    }

    void failSyncs(boolean on) throws IOException {
        set(SYNC_ERRNO, on ? EIO : 0);
    }

    /** For a process that has this disk, and knows of it. */
    static void failSyncsOfThisProcess(boolean on) throws IOException {
        set(Path.of(System.getenv(CONTROL_VARIABLE)), SYNC_ERRNO, on ? EIO : 0);
    }

    long failedSyncs() throws IOException {
        return ByteBuffer.wrap(Files.readAllBytes(control))
                .order(ByteOrder.LITTLE_ENDIAN)
                .getLong(FAILED_SYNCS * Long.BYTES);
    }

    private void set(int which, long value) throws IOException {
        set(control, which, value);
    }

    private static void set(Path control, int which, long value) throws IOException {
        try (FileChannel channel = FileChannel.open(control, StandardOpenOption.WRITE)) {
            ByteBuffer bytes = ByteBuffer.allocate(Long.BYTES).order(ByteOrder.LITTLE_ENDIAN);
            channel.write(bytes.putLong(0, value), (long) which * Long.BYTES);
        }
    }

    /** The process is dead: takes back what was not flushed, and forgets what was before. */
    int lose(long tornBy) throws IOException {
        return LostWrites.undo(journal, data, tornBy);
    }

    /** The data are gone, and so is what they were before. */
    void forget() throws IOException {
        LostWrites.clear(journal);
    }
}
