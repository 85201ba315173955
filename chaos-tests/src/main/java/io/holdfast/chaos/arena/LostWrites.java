package io.holdfast.chaos.arena;

import static java.nio.charset.StandardCharsets.UTF_8;

import java.io.BufferedInputStream;
import java.io.DataInputStream;
import java.io.EOFException;
import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.channels.FileChannel;
import java.nio.file.Files;
import java.nio.file.NoSuchFileException;
import java.nio.file.Path;
import java.nio.file.StandardCopyOption;
import java.nio.file.StandardOpenOption;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.Random;
import java.util.stream.Stream;
import org.jspecify.annotations.Nullable;

/**
 * Reads the journal of faults.c and puts files back to what a machine that lost its power would have: without the writes
 * that were not flushed. The layout of the journal is explained there.
 */
final class LostWrites {
    private static final int WRITE = 1;
    private static final int SYNC = 2;
    private static final int CREATE = 3;
    private static final int RENAME = 4;
    private static final int DELETE = 5;
    private static final String JOURNAL = "journal";

    /** A record of the journal. */
    private record Change(
            long at,
            long type,
            long inode,
            long offset,
            long oldSize,
            long bytesAt,
            long length,
            String path,
            String to,
            long end) {}

    private final Path journal;
    private final Map<Long, Path> files = new HashMap<>();
    private final Map<Long, Long> syncedBefore = new HashMap<>();
    private long anySyncedBefore;

    private LostWrites(Path journal) {
        this.journal = journal;
    }

    /**
     * Undoes what was not flushed below {@code data}, and empties the journal.
     *
     * @param tornBy 0, or seed for which of the last writes to each file stay, and where one of them ends
     * @return how many changes were undone, in whole or in part
     */
    static int undo(Path journal, Path data, long tornBy) throws IOException {
        LostWrites lost = new LostWrites(journal);
        List<Change> changes = lost.readUnsynced();
        lost.findFiles(data);
        Map<Long, Integer> unsynced = new HashMap<>();
        changes.stream().filter(c -> c.type == WRITE).forEach(c -> unsynced.merge(c.inode, 1, Integer::sum));
        Map<Long, Integer> leftToLose = new HashMap<>();
        Random random = new Random(tornBy);
        unsynced.forEach((inode, count) -> leftToLose.put(inode, tornBy == 0 ? count : 1 + random.nextInt(count)));
        int undone = 0;
        try (FileChannel old = FileChannel.open(journal.resolve(JOURNAL), StandardOpenOption.READ)) {
            for (int i = changes.size() - 1; i >= 0; i--) {
                Change change = changes.get(i);
                if (change.type != WRITE) {
                    lost.undoName(change);
                    undone++;
                    continue;
                }
                int left = leftToLose.merge(change.inode, -1, Integer::sum);
                if (left >= 0) {
                    boolean half = tornBy != 0 && left == 0 && random.nextBoolean();
                    lost.undoWrite(change, old, half ? random.nextDouble() : 0);
                    undone++;
                }
            }
        } catch (NoSuchFileException e) {
            return 0;
        }
        clear(journal);
        return undone;
    }

    static void clear(Path journal) throws IOException {
        try (Stream<Path> all = Files.list(journal)) {
            for (Path one : all.toList()) {
                Files.delete(one);
            }
        }
    }

    /** Changes that no later sync made durable, in their order. */
    private List<Change> readUnsynced() throws IOException {
        List<Change> all = new ArrayList<>();
        Path file = journal.resolve(JOURNAL);
        if (!Files.exists(file)) {
            return all;
        }
        try (DataInputStream in = new DataInputStream(new BufferedInputStream(Files.newInputStream(file), 1 << 16))) {
            long at = 0;
            while (true) {
                Change change = read(in, at);
                if (change == null) {
                    break;
                }
                at = change.end;
                if (change.type == SYNC) {
                    syncedBefore.merge(change.inode, change.offset, Math::max);
                    anySyncedBefore = Math.max(anySyncedBefore, change.offset);
                } else {
                    all.add(change);
                }
            }
        }
        all.removeIf(change ->
                change.at < (change.type == WRITE ? syncedBefore.getOrDefault(change.inode, 0L) : anySyncedBefore));
        return all;
    }

    /** Null at the end, or where the process was killed in the middle of a record: then the write has not begun. */
    private static @Nullable Change read(DataInputStream in, long at) throws IOException {
        long[] head = new long[6];
        byte[] path = {};
        byte[] to = {};
        try {
            for (int i = 0; i < head.length; i++) {
                head[i] = Long.reverseBytes(in.readLong());
            }
            if (head[0] == WRITE) {
                in.skipNBytes(head[4]);
            } else {
                path = in.readNBytes((int) head[4]);
                to = in.readNBytes((int) head[5]);
            }
        } catch (EOFException e) {
            return null;
        }
        long bytesAt = at + head.length * (long) Long.BYTES;
        return new Change(
                at,
                head[0],
                head[1],
                head[2],
                head[3],
                bytesAt,
                head[4],
                new String(path, UTF_8),
                new String(to, UTF_8),
                bytesAt + head[4] + head[5]);
    }

    /** Files have new names by now, so that only their inodes tell which they are. */
    private void findFiles(Path data) throws IOException {
        try (Stream<Path> all = Stream.concat(Files.walk(data), Files.list(journal))) {
            for (Path one : all.filter(Files::isRegularFile).toList()) {
                files.put(((Number) Files.getAttribute(one, "unix:ino")).longValue(), one);
            }
        }
    }

    private void undoWrite(Change change, FileChannel old, double keptShare) throws IOException {
        Path file = files.get(change.inode);
        if (file == null || !Files.exists(file)) {
            return; // deleted for good
        }
        try (FileChannel channel = FileChannel.open(file, StandardOpenOption.WRITE)) {
            boolean grew = channel.size() > change.oldSize;
            long written = grew ? channel.size() - change.offset : change.length;
            long kept = Math.max(0, (long) (written * keptShare));
            long from = change.offset + kept;
            if (kept < change.length) {
                ByteBuffer bytes = ByteBuffer.allocate(Math.toIntExact(change.length - kept));
                while (bytes.hasRemaining() && old.read(bytes, change.bytesAt + kept + bytes.position()) >= 0) {}
                bytes.flip();
                while (bytes.hasRemaining()) {
                    channel.write(bytes, from + bytes.position());
                }
            }
            channel.truncate(Math.max(change.oldSize, kept > 0 ? from : 0));
        }
    }

    private void undoName(Change change) throws IOException {
        Path path = Path.of(change.path);
        switch ((int) change.type) {
            case CREATE -> Files.deleteIfExists(path);
            case RENAME -> {
                Path to = Path.of(change.to);
                if (Files.exists(to)) {
                    move(to, path);
                }
                if (change.inode == 1) {
                    move(saved(change.offset), to);
                }
            }
            case DELETE -> move(saved(change.offset), path);
            default -> throw new IOException("the journal in " + journal + " has a record of type " + change.type);
        }
    }

    private Path saved(long number) {
        return journal.resolve("saved-" + number);
    }

    private void move(Path from, Path to) throws IOException {
        if (!Files.exists(from)) {
            return;
        }
        Files.createDirectories(to.toAbsolutePath().getParent());
        Files.move(from, to, StandardCopyOption.REPLACE_EXISTING);
        files.replaceAll((inode, file) -> file.equals(from) ? to : file);
    }
}
