package io.holdfast.chaos.arena;

import static java.nio.charset.StandardCharsets.UTF_8;

import java.io.BufferedInputStream;
import java.io.DataInputStream;
import java.io.EOFException;
import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.channels.FileChannel;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardCopyOption;
import java.nio.file.StandardOpenOption;
import java.util.ArrayList;
import java.util.Comparator;
import java.util.HashMap;
import java.util.HashSet;
import java.util.List;
import java.util.Map;
import java.util.Random;
import java.util.Set;
import java.util.stream.LongStream;
import java.util.stream.Stream;
import org.jspecify.annotations.Nullable;

/**
 * Reads the journal of faults.c and puts files back to what a machine that lost its power would have: without the writes
 * that were not flushed, and without those whose flush failed, unless their pages were written to and flushed later. The
 * layout of the journal is explained there.
 */
final class LostWrites {
    private static final int WRITE = 1;
    private static final int SYNC = 2;
    private static final int CREATE = 3;
    private static final int RENAME = 4;
    private static final int DELETE = 5;
    private static final int FAILED_SYNC = 6;
    private static final int PAGE_BYTES = 4096;
    private static final long NAMES = -1;
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
            long written,
            String path,
            String to,
            long end) {
        /** All of the file's pages that are written to disk with it; none if it only changes the size. */
        LongStream pages() {
            return written <= 0
                    ? LongStream.empty()
                    : LongStream.rangeClosed(offset / PAGE_BYTES, (offset + written - 1) / PAGE_BYTES);
        }
    }

    private record Fate(Change change, boolean doomed) {}

    private final Path journal;
    private final Map<Long, Path> files = new HashMap<>();
    /** Changes that no sync made durable, in their order: writes by inode, names under {@link #NAMES}. */
    private final Map<Long, List<Change>> unsynced = new HashMap<>();
    /** Of files with a sync that failed, by inode: what can never be durable, and what became durable since. */
    private final Map<Long, List<Fate>> failed = new HashMap<>();

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
        if (!Files.exists(journal.resolve(JOURNAL))) {
            return 0;
        }
        lost.read();
        lost.findFiles(data);
        int undone;
        try (FileChannel old = FileChannel.open(journal.resolve(JOURNAL), StandardOpenOption.READ)) {
            undone = lost.undoUnsynced(old, tornBy);
            undone += lost.undoDoomed(old);
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

    private int undoUnsynced(FileChannel old, long tornBy) throws IOException {
        Map<Long, Integer> leftToLose = new HashMap<>();
        Random random = new Random(tornBy);
        unsynced.forEach((inode, changes) ->
                leftToLose.put(inode, tornBy == 0 ? changes.size() : 1 + random.nextInt(changes.size())));
        List<Change> latestFirst = unsynced.values().stream()
                .flatMap(List::stream)
                .sorted(Comparator.comparing(Change::at).reversed())
                .toList();
        int undone = 0;
        for (Change change : latestFirst) {
            if (change.type != WRITE) {
                undoName(change);
                undone++;
                continue;
            }
            int left = leftToLose.merge(change.inode, -1, Integer::sum);
            if (left >= 0) {
                boolean half = tornBy != 0 && left == 0 && random.nextBoolean();
                undoWrite(change, old, half ? random.nextDouble() : 0);
                undone++;
            }
        }
        return undone;
    }

    private int undoDoomed(FileChannel old) throws IOException {
        int undone = 0;
        for (List<Fate> fates : failed.values()) {
            Set<Long> durablePages = new HashSet<>();
            boolean isLast = true;
            for (int i = fates.size() - 1; i >= 0; i--) {
                Change change = fates.get(i).change;
                if (!fates.get(i).doomed) {
                    change.pages().forEach(durablePages::add);
                    isLast = false;
                } else if (isLast) {
                    undoWrite(change, old, 0);
                    undone++;
                } else if (undoPages(change, old, durablePages)) {
                    undone++;
                }
            }
        }
        return undone;
    }

    /** What is durable, and what can never be. */
    private void read() throws IOException {
        try (DataInputStream in =
                new DataInputStream(new BufferedInputStream(Files.newInputStream(journal.resolve(JOURNAL)), 1 << 16))) {
            long at = 0;
            for (Change change = read(in, at); change != null; change = read(in, at)) {
                at = change.end;
                switch ((int) change.type) {
                    case SYNC -> {
                        flushed(change.inode, change.offset, false);
                        flushed(NAMES, change.offset, false);
                    }
                    case FAILED_SYNC -> flushed(change.inode, change.offset, true);
                    case WRITE ->
                        unsynced.computeIfAbsent(change.inode, i -> new ArrayList<>())
                                .add(change);
                    default ->
                        unsynced.computeIfAbsent(NAMES, i -> new ArrayList<>()).add(change);
                }
            }
        }
    }

    private void flushed(long inode, long before, boolean inVain) {
        List<Change> changes = unsynced.get(inode);
        if (changes == null) {
            return;
        }
        List<Fate> fates = inVain ? failed.computeIfAbsent(inode, i -> new ArrayList<>()) : failed.get(inode);
        int count = 0;
        while (count < changes.size() && changes.get(count).at < before) {
            if (fates != null) {
                fates.add(new Fate(changes.get(count), inVain));
            }
            count++;
        }
        changes.subList(0, count).clear();
        if (changes.isEmpty()) {
            unsynced.remove(inode);
        }
    }

    /** Null at the end, or where the process was killed in the middle of a record: then the write has not begun. */
    private static @Nullable Change read(DataInputStream in, long at) throws IOException {
        long[] head = new long[6];
        long written = 0;
        byte[] path = {};
        byte[] to = {};
        try {
            for (int i = 0; i < head.length; i++) {
                head[i] = Long.reverseBytes(in.readLong());
            }
            if (head[0] == WRITE) {
                in.skipNBytes(head[4]);
                written = Long.reverseBytes(in.readLong());
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
                written,
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
                readFully(old, bytes, change.bytesAt + kept);
                writeFully(channel, bytes.flip(), from);
            }
            channel.truncate(Math.max(change.oldSize, kept > 0 ? from : 0));
        }
    }

    /**
     * Takes back pages of a write, those that were not written to disk later; the file is as large as it became.
     *
     * @return whether there were any
     */
    private boolean undoPages(Change change, FileChannel old, Set<Long> durablePages) throws IOException {
        Path file = files.get(change.inode);
        if (file == null || !Files.exists(file)) {
            return false;
        }
        boolean undone = false;
        try (FileChannel channel = FileChannel.open(file, StandardOpenOption.WRITE)) {
            for (long page :
                    change.pages().filter(page -> !durablePages.contains(page)).toArray()) {
                long from = Math.max(change.offset, page * PAGE_BYTES);
                long to = Math.min(Math.min(change.offset + change.written, (page + 1) * PAGE_BYTES), channel.size());
                if (from < to) {
                    ByteBuffer bytes =
                            ByteBuffer.allocate(Math.toIntExact(to - from)); // zeros, where nothing was before
                    long before = change.offset + change.length;
                    if (from < before) {
                        bytes.limit(Math.toIntExact(Math.min(to, before) - from));
                        readFully(old, bytes, change.bytesAt + from - change.offset);
                    }
                    writeFully(channel, bytes.clear(), from);
                    undone = true;
                }
            }
        }
        return undone;
    }

    private static void readFully(FileChannel channel, ByteBuffer into, long position) throws IOException {
        long start = position - into.position();
        while (into.hasRemaining() && channel.read(into, start + into.position()) >= 0) {}
    }

    private static void writeFully(FileChannel channel, ByteBuffer bytes, long position) throws IOException {
        long start = position - bytes.position();
        while (bytes.hasRemaining()) {
            channel.write(bytes, start + bytes.position());
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
