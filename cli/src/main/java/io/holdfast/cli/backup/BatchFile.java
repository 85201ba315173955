package io.holdfast.cli.backup;

import io.holdfast.record.InvalidBatchException;
import io.holdfast.record.RecordBatch;
import java.io.BufferedInputStream;
import java.io.Closeable;
import java.io.DataInputStream;
import java.io.EOFException;
import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.channels.FileChannel;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardOpenOption;
import java.util.Arrays;
import java.util.Comparator;
import java.util.List;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import java.util.zip.CRC32C;
import org.jspecify.annotations.Nullable;

/**
 * Records of one partition, all that were there, in a file that never changes. Its name says which: {@code FIRST-END.batches}.
 * The format is in docs/formats/backup.md.
 *
 * @param end offset after the last record
 */
record BatchFile(BackupStore store, String name, long first, long end) {
    private static final Pattern NAME = Pattern.compile("(\\d{20})-(\\d{20})\\.batches");
    private static final byte[] MAGIC = "HOLDFAST BATCHES 1\n".getBytes(StandardCharsets.US_ASCII);
    private static final int FRAME_BYTES = 28;
    private static final int BATCH_BYTES_MAX = 256 << 20;
    private static final int PLAIN_BYTES_MAX = 256 << 20;

    /**
     * A batch, its place and when it was appended; or offsets that had no records any more.
     *
     * @param records offsets that it takes
     * @param batch empty if there are no records
     */
    record Frame(long firstOffset, int records, long appendMs, ByteBuffer batch) {
        static Frame gap(long from, long until) {
            return new Frame(from, (int) Math.min(Integer.MAX_VALUE, until - from), 0, ByteBuffer.allocate(0));
        }

        boolean isGap() {
            return !batch.hasRemaining();
        }

        /** Records that are in it. */
        int recordCount() {
            return isGap() ? 0 : new RecordBatch(batch.duplicate()).recordCount();
        }

        /** What of it is from the one offset to before the other. */
        Frame between(long from, long until) throws IOException {
            long begin = Math.max(from, firstOffset);
            long stop = Math.min(until, firstOffset + records);
            if (stop - begin == records) {
                return this;
            }
            if (isGap()) {
                return gap(begin, stop);
            }
            try {
                ByteBuffer part = new RecordBatch(batch.duplicate())
                        .keeping(
                                (int) (begin - firstOffset),
                                (int) (stop - firstOffset),
                                delta -> true,
                                PLAIN_BYTES_MAX);
                return part == null ? gap(begin, stop) : new Frame(begin, (int) (stop - begin), appendMs, part);
            } catch (InvalidBatchException e) {
                throw new IOException("the batch at offset " + firstOffset + " is not valid", e);
            }
        }
    }

    /** Files of a partition, by offset. */
    static List<BatchFile> in(BackupStore store, String folder) throws IOException {
        return store.list(folder).stream()
                .map(NAME::matcher)
                .filter(Matcher::matches)
                .map(name -> new BatchFile(
                        store, folder + name.group(), Long.parseLong(name.group(1)), Long.parseLong(name.group(2))))
                .sorted(Comparator.comparingLong(BatchFile::first))
                .toList();
    }

    // ---- writing

    /** Makes a file; it is there, whole and on disk, after {@link #finish}, and else not at all. */
    static final class Writer implements Closeable {
        private final BackupStore store;
        private final String folder;
        private final Path temporary;
        private final FileChannel channel;
        private final long first;
        private long next;
        private long size;
        private long records;

        Writer(BackupStore store, String folder, long first) throws IOException {
            this.store = store;
            this.folder = folder;
            this.first = first;
            this.next = first;
            this.temporary = store.scratch(folder);
            channel = FileChannel.open(
                    temporary,
                    StandardOpenOption.CREATE,
                    StandardOpenOption.TRUNCATE_EXISTING,
                    StandardOpenOption.WRITE);
            write(ByteBuffer.wrap(MAGIC));
        }

        void add(Frame frame) throws IOException {
            if (frame.firstOffset != next) {
                throw new IOException("offset " + next + " is next, not " + frame.firstOffset);
            }
            ByteBuffer batch = frame.batch.duplicate();
            ByteBuffer header = ByteBuffer.allocate(FRAME_BYTES)
                    .putInt(batch.remaining())
                    .putInt(frame.records)
                    .putLong(frame.firstOffset)
                    .putLong(frame.appendMs);
            header.putInt(crc(header, batch)).flip();
            write(header);
            write(batch);
            next += frame.records;
            records += frame.recordCount();
        }

        /** Records that are in it. */
        long records() {
            return records;
        }

        private void write(ByteBuffer bytes) throws IOException {
            while (bytes.hasRemaining()) {
                size += channel.write(bytes);
            }
        }

        long size() {
            return size;
        }

        void finish() throws IOException {
            channel.close();
            store.put(temporary, folder + String.format("%020d-%020d.batches", first, next));
        }

        @Override
        public void close() throws IOException {
            channel.close();
            Files.deleteIfExists(temporary);
        }
    }

    /** Of the header's first 24 bytes and the batch. */
    private static int crc(ByteBuffer header, ByteBuffer batch) {
        CRC32C crc = new CRC32C();
        crc.update(header.duplicate().position(0).limit(FRAME_BYTES - 4));
        crc.update(batch.duplicate());
        return (int) crc.getValue();
    }

    // ---- reading

    /** Reads all of it; returns how many records it has. */
    long check() throws IOException {
        long records = 0;
        try (Reader reader = open()) {
            for (Frame frame = reader.next(); frame != null; frame = reader.next()) {
                records += frame.recordCount();
            }
        }
        return records;
    }

    Reader open() throws IOException {
        return new Reader();
    }

    /** Reads and checks: every byte against a checksum, every offset against the one before. */
    final class Reader implements Closeable {
        private final DataInputStream in;
        private long next = first;

        private Reader() throws IOException {
            in = new DataInputStream(new BufferedInputStream(store.open(name), 1 << 20));
            byte[] magic = in.readNBytes(MAGIC.length);
            if (!Arrays.equals(magic, MAGIC)) {
                in.close();
                throw bad("it does not begin as such a file does", null);
            }
        }

        /** Null at the end. */
        @Nullable
        Frame next() throws IOException {
            if (next == end) {
                if (in.read() >= 0) {
                    throw bad("something follows its last record", null);
                }
                return null;
            }
            try {
                ByteBuffer header = ByteBuffer.wrap(in.readNBytes(FRAME_BYTES));
                if (header.remaining() < FRAME_BYTES) {
                    throw new EOFException();
                }
                int length = header.getInt();
                int records = header.getInt();
                long firstOffset = header.getLong();
                long appendMs = header.getLong();
                int expected = header.getInt();
                if (length < 0 || length > BATCH_BYTES_MAX) {
                    throw bad("the batch after offset " + next + " does not match its checksum", null);
                }
                ByteBuffer batch = ByteBuffer.wrap(in.readNBytes(length));
                if (batch.remaining() < length) {
                    throw new EOFException();
                }
                if (crc(header, batch) != expected) {
                    throw bad("the batch after offset " + next + " does not match its checksum", null);
                }
                Frame frame = new Frame(firstOffset, records, appendMs, batch);
                if (firstOffset != next || records != offsets(frame) || records < 1 || records > end - next) {
                    throw bad("offset " + next + " is missing", null);
                }
                next += records;
                return frame;
            } catch (EOFException e) {
                throw bad("it ends at offset " + next, e);
            } catch (InvalidBatchException e) {
                throw bad("the batch after offset " + next + " is not valid", e);
            }
        }

        private static int offsets(Frame frame) throws InvalidBatchException {
            if (frame.isGap()) {
                return frame.records;
            }
            RecordBatch checked = new RecordBatch(frame.batch.duplicate());
            checked.verify();
            return checked.offsetCount();
        }

        private IOException bad(String what, @Nullable Exception cause) {
            return new IOException(name + " is damaged: " + what, cause);
        }

        @Override
        public void close() throws IOException {
            in.close();
        }
    }
}
