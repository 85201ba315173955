package io.holdfast.chaos.arena;

import static org.assertj.core.api.Assertions.assertThat;
import static org.junit.jupiter.api.Assumptions.assumeTrue;

import java.io.IOException;
import java.io.RandomAccessFile;
import java.nio.channels.FileChannel;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardCopyOption;
import java.nio.file.StandardOpenOption;
import java.util.List;
import java.util.concurrent.TimeUnit;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** A process writes through the fault library and ends; what it had not flushed must be gone, and nothing else. */
class LostWritesTest {
    @TempDir
    Path folder;

    private Path data;
    private FaultyDisk disk;

    @BeforeEach
    void compile() throws IOException {
        Path library = FaultyDisk.compile(folder);
        assumeTrue(library != null, "needs a C compiler");
        Path node = Files.createDirectories(folder.resolve("node"));
        data = node.resolve("data");
        disk = new FaultyDisk(library, node, data);
    }

    /** What the process does. */
    public static void main(String[] args) throws IOException {
        Path data = Path.of(args[1]);
        switch (args[0]) {
            case "append" -> {
                write(data.resolve("log"), "flushed,", true);
                write(data.resolve("log"), "not flushed,", false);
            }
            case "overwrite" -> {
                write(data.resolve("file"), "0123456789", true);
                try (RandomAccessFile file =
                        new RandomAccessFile(data.resolve("file").toFile(), "rw")) {
                    file.seek(3);
                    file.writeBytes("XYZ");
                    file.setLength(8);
                }
            }
            case "replace" -> {
                write(data.resolve("current"), "old", true);
                write(data.resolve("next"), "new", true);
                sync(data);
                Files.move(data.resolve("next"), data.resolve("current"), StandardCopyOption.REPLACE_EXISTING);
            }
            case "replace-and-sync" -> {
                write(data.resolve("current"), "old", true);
                write(data.resolve("next"), "new", true);
                Files.move(data.resolve("next"), data.resolve("current"), StandardCopyOption.REPLACE_EXISTING);
                sync(data);
            }
            case "delete" -> {
                write(data.resolve("a"), "a", true);
                write(data.resolve("b"), "b", true);
                Files.delete(data.resolve("a"));
                Files.write(data.resolve("c"), List.of("never flushed"));
            }
            case "again" -> write(data.resolve("log"), "more,", false);
            default -> throw new IllegalArgumentException(args[0]);
        }
    }

    private static void write(Path file, String text, boolean flush) throws IOException {
        try (FileChannel channel = FileChannel.open(
                file, StandardOpenOption.CREATE, StandardOpenOption.APPEND, StandardOpenOption.WRITE)) {
            channel.write(java.nio.ByteBuffer.wrap(text.getBytes(java.nio.charset.StandardCharsets.UTF_8)));
            if (flush) {
                channel.force(true);
            }
        }
    }

    private static void sync(Path directory) throws IOException {
        try (FileChannel channel = FileChannel.open(directory, StandardOpenOption.READ)) {
            channel.force(true);
        }
    }

    private void run(String what) throws IOException, InterruptedException {
        ProcessBuilder builder = new ProcessBuilder(
                Path.of(System.getProperty("java.home"), "bin", "java").toString(),
                "-Xshare:auto",
                "-cp",
                System.getProperty("java.class.path"),
                LostWritesTest.class.getName(),
                what,
                data.toRealPath().toString());
        builder.environment().putAll(disk.environment());
        Process process = builder.inheritIO().start();
        assertThat(process.waitFor(30, TimeUnit.SECONDS)).isTrue();
        assertThat(process.exitValue()).isZero();
    }

    @Test
    void shouldTakeBackAnAppend() throws Exception {
        run("append");
        assertThat(data.resolve("log")).hasContent("flushed,not flushed,");
        assertThat(disk.lose(0)).isEqualTo(1);
        assertThat(data.resolve("log")).hasContent("flushed,");
        assertThat(disk.lose(0)).as("a second time").isZero();
    }

    @Test
    void shouldRememberOverAProcessThatWasKilledOnly() throws Exception {
        run("append");
        run("again");
        assertThat(disk.lose(0)).isEqualTo(2);
        assertThat(data.resolve("log")).hasContent("flushed,");
    }

    @Test
    void shouldTakeBackWhatWasWrittenOverAndCutOff() throws Exception {
        run("overwrite");
        assertThat(data.resolve("file")).hasContent("012XYZ67");
        disk.lose(0);
        assertThat(data.resolve("file")).hasContent("0123456789");
    }

    @Test
    void shouldTakeBackARename() throws Exception {
        run("replace");
        disk.lose(0);
        assertThat(data.resolve("current")).hasContent("old");
        assertThat(data.resolve("next")).hasContent("new");
    }

    @Test
    void shouldLeaveARenameThatWasFlushed() throws Exception {
        run("replace-and-sync");
        assertThat(disk.lose(0)).isZero();
        assertThat(data.resolve("current")).hasContent("new");
        assertThat(data.resolve("next")).doesNotExist();
    }

    @Test
    void shouldTakeBackDeletingAndCreating() throws Exception {
        run("delete");
        disk.lose(0);
        assertThat(data.resolve("a")).hasContent("a");
        assertThat(data.resolve("b")).hasContent("b");
        assertThat(data.resolve("c")).doesNotExist();
    }

    @Test
    void shouldLeaveSomeOfWhatWasWrittenWhenItIsTorn() throws Exception {
        java.util.Set<Long> sizes = new java.util.TreeSet<>();
        for (long seed = 1; seed <= 12; seed++) {
            Files.deleteIfExists(data.resolve("log"));
            disk.forget();
            run("append");
            disk.lose(seed);
            assertThat(Files.readString(data.resolve("log"))).startsWith("flushed,");
            sizes.add(Files.size(data.resolve("log")));
        }
        assertThat(sizes).as("bytes left, over seeds").contains(8L).hasSizeGreaterThan(2);
        assertThat(sizes).allMatch(size -> size < 20);
    }
}
