package io.holdfast.cli.backup;

import io.holdfast.cli.backup.BatchFile.Frame;
import io.holdfast.cli.backup.Snapshot.Range;
import io.holdfast.cli.backup.Snapshot.TopicPart;
import java.io.Closeable;
import java.io.IOException;
import java.util.ArrayDeque;
import java.util.Deque;
import java.util.List;
import org.jspecify.annotations.Nullable;

/** The batches of one partition of a backup in order, each checked; fails if one is missing. */
final class BackupReader implements Closeable {
    private final Deque<BatchFile> files = new ArrayDeque<>();
    private final long end;
    private BatchFile.@Nullable Reader open;
    private long next;

    /** @param from begin with the batch that has this record, at least the backup's first */
    BackupReader(BackupFolder folder, TopicPart topic, int partition, long from) throws IOException {
        Range range = topic.partitions().get(partition);
        this.end = range.end();
        this.next = Math.max(from, range.start());
        files.addAll(files(folder, topic, partition, next));
    }

    /**
     * The files that have a partition's records from this offset to the backup's end.
     *
     * @throws IOException if some are in none
     */
    static List<BatchFile> files(BackupFolder folder, TopicPart topic, int partition, long from) throws IOException {
        long end = topic.partitions().get(partition).end();
        List<BatchFile> files = folder.data(topic, partition).stream()
                .filter(file -> file.end() > from && file.first() < end)
                .toList();
        long next = from;
        for (BatchFile file : files) {
            if (file.first() > next) {
                break;
            }
            next = file.end();
        }
        if (next < end) {
            throw new IOException(
                    topic.name() + "/" + partition + " is damaged: no file has the record at offset " + next);
        }
        return files;
    }

    /** Null after the last. The first may begin before what was asked for, the last end after the backup's end. */
    @Nullable
    Frame next() throws IOException {
        while (next < end) {
            if (open == null) {
                open = files.remove().open();
            }
            Frame frame = open.next();
            if (frame == null) {
                open.close();
                open = null;
            } else if (frame.firstOffset() + frame.records() > next) {
                next = frame.firstOffset() + frame.records();
                return frame;
            }
        }
        return null;
    }

    @Override
    public void close() throws IOException {
        if (open != null) {
            open.close();
        }
    }
}
