package io.holdfast.chaos.arena;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import java.io.IOException;
import java.io.RandomAccessFile;
import java.nio.channels.FileChannel;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardCopyOption;
import java.nio.file.StandardOpenOption;
import java.util.List;
import org.junit.jupiter.api.Test;

/** A process writes through the fault library and ends; what it had not flushed must be gone, and nothing else. */
class LostWritesTest extends OnFaultyDisk {
    private static final int PAGE_BYTES = 4096;

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
            case "fail" -> {
                write(data.resolve("log"), "flushed,", true);
                write(data.resolve("log"), "x".repeat(PAGE_BYTES) + "tail,", false);
                failSync(data.resolve("log"));
                sync(data.resolve("log"));
            }
            case "fail-and-go-on" -> {
                main(new String[] {"fail", args[1]});
                write(data.resolve("log"), "more,", true);
            }
            case "fail-and-write-once-more" -> {
                main(new String[] {"fail", args[1]});
                try (RandomAccessFile file =
                        new RandomAccessFile(data.resolve("log").toFile(), "rw")) {
                    byte[] all = new byte[(int) file.length()];
                    file.readFully(all);
                    file.seek(0);
                    file.write(all);
                }
                sync(data.resolve("log"));
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

    private static void sync(Path path) throws IOException {
        try (FileChannel channel = FileChannel.open(path, StandardOpenOption.READ)) {
            channel.force(true);
        }
    }

    private static void failSync(Path path) throws IOException {
        FaultyDisk.failSyncsOfThisProcess(true);
        try {
            assertThatThrownBy(() -> sync(path)).isInstanceOf(IOException.class);
        } finally {
            FaultyDisk.failSyncsOfThisProcess(false);
        }
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
    void shouldTakeBackWhatAFailedFlushDidNotWriteThoughALaterOneWorked() throws Exception {
        run("fail");
        assertThat(disk.lose(0)).isEqualTo(1);
        assertThat(data.resolve("log")).hasContent("flushed,");
    }

    @Test
    void shouldLeaveOfThatThePagesThatWereWrittenToSince() throws Exception {
        run("fail-and-go-on");
        assertThat(disk.lose(0)).isEqualTo(1);
        assertThat(data.resolve("log"))
                .hasContent("flushed," + "\0".repeat(PAGE_BYTES - 8) + "x".repeat(8) + "tail,more,");
    }

    @Test
    void shouldLeaveWhatWasWrittenOnceMore() throws Exception {
        run("fail-and-write-once-more");
        assertThat(disk.lose(0)).isZero();
        assertThat(data.resolve("log")).hasContent("flushed," + "x".repeat(PAGE_BYTES) + "tail,");
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
