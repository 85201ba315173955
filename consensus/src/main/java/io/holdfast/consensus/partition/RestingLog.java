package io.holdfast.consensus.partition;

import io.holdfast.consensus.queue.QueueTable;
import io.holdfast.consensus.schedule.SchedulePartition;
import io.holdfast.consensus.schedule.ScheduleTable;
import io.holdfast.internal.v1.CompactionState;
import io.holdfast.internal.v1.PartitionCheckpoint;
import io.holdfast.internal.v1.QueueRow;
import io.holdfast.storage.log.LogCheckpoint;
import io.holdfast.storage.log.LogIdentity;
import io.holdfast.storage.log.LogSettings;
import io.holdfast.storage.log.LogSlice;
import io.holdfast.storage.log.OffsetOutOfRangeException;
import io.holdfast.storage.log.PartitionLog;
import io.holdfast.storage.log.ReadMemory;
import java.io.Closeable;
import java.io.IOException;
import java.nio.ByteBuffer;
import java.util.List;
import org.jspecify.annotations.Nullable;

/**
 * The log of a replica at rest, for readers: it is what the last checkpoint says, to the byte, and nobody writes. The
 * files are opened by the first read that needs them. Any thread.
 */
final class RestingLog implements Closeable {
    private final PartitionPaths paths;
    private final LogIdentity identity;
    private final LogSettings settings;
    private final String folder;
    private final LogCheckpoint checkpoint;
    private final CheckpointRows rows;
    private final CompactionState compaction;
    /** Guarded by itself. */
    private final ScheduleTable schedule;

    private @Nullable PartitionLog log;
    private long usedNanos;
    private boolean frozen;

    /** @param rows of the replica; it has no checkpoint if it was never opened */
    RestingLog(PartitionPaths paths, LogIdentity identity, LogSettings settings, CheckpointRows rows)
            throws IOException {
        PartitionCheckpoint stored = rows.checkpoint();
        this.rows = rows;
        this.paths = paths;
        this.identity = identity;
        this.settings = settings;
        this.folder = stored == null ? PartitionPaths.FIRST_LOG_FOLDER : stored.getLogFolder();
        this.checkpoint = stored == null ? LogCheckpoint.EMPTY : CheckpointRows.toLog(stored);
        this.compaction = stored == null ? CompactionState.getDefaultInstance() : stored.getCompaction();
        this.schedule = new ScheduleTable(rows.scheduled(0));
        if (stored != null) {
            schedule.load(stored.getSchedule(), rows.scheduled(stored.getRowsGeneration()));
            schedule.due(0, 0, 0); // finds out when it has to be woken
        }
    }

    long startOffset() {
        return checkpoint.startOffset();
    }

    long nextOffset() {
        return checkpoint.nextOffset();
    }

    long bytesOnDisk() {
        return checkpoint.bytes();
    }

    LogSlice read(long offset, long untilOffset, int bytesMax, ReadMemory memory)
            throws OffsetOutOfRangeException, IOException {
        if (offset == nextOffset()) { // a reader that waits at the end needs no files
            return new LogSlice(List.of(), ByteBuffer.allocate(0), offset);
        }
        return open().read(offset, untilOffset, bytesMax, memory);
    }

    long offsetAt(long timeMs) throws IOException {
        return startOffset() == nextOffset() ? nextOffset() : open().offsetAt(timeMs);
    }

    long offsetKeeping(long bytesMax) throws IOException {
        return startOffset() == nextOffset() ? nextOffset() : open().offsetKeeping(bytesMax);
    }

    long bytesKept() throws IOException {
        return startOffset() == nextOffset() ? 0 : open().bytesKept();
    }

    long bytesFrom(long offset) throws IOException {
        return offset >= nextOffset() ? 0 : open().bytesFrom(offset);
    }

    /** How far the log is compacted. */
    CompactionState compaction() {
        return compaction;
    }

    /** Where a queue group stands; null if it has not begun here. */
    @Nullable
    QueueRow queue(long groupId) throws IOException {
        return rows.queue(groupId);
    }

    /** Where all of them stand; a copy. */
    QueueTable queues() throws IOException {
        PartitionCheckpoint stored = rows.checkpoint();
        QueueTable table = new QueueTable();
        table.load(stored == null ? 0 : stored.getQueueClockMs(), rows.queues());
        return table;
    }

    /** What is kept for later, for those of its questions that any thread may ask. */
    ScheduleTable schedule() {
        return schedule;
    }

    /** Asks what is kept for later. */
    <T> T schedule(SchedulePartition.Question<T> question) throws IOException {
        synchronized (schedule) {
            return question.of(schedule);
        }
    }

    private synchronized PartitionLog open() throws IOException {
        usedNanos = System.nanoTime();
        PartitionLog open = log;
        if (open == null) {
            if (frozen) {
                throw new IOException("the replica is being opened or closed");
            }
            open = PartitionLog.openToRead(paths.log(folder), identity, settings, checkpoint);
            log = open;
        }
        return open;
    }

    /** Closes the files if nobody has read for so long. */
    synchronized void closeIfUnused(long idleNanos) throws IOException {
        PartitionLog open = log;
        if (open != null && System.nanoTime() - usedNanos > idleNanos) {
            log = null;
            open.close();
        }
    }

    /** From now on opens no files: those that the checkpoint names may go at any time. */
    synchronized void freeze() {
        frozen = true;
    }

    @Override
    public synchronized void close() throws IOException {
        frozen = true;
        PartitionLog open = log;
        if (open != null) {
            open.close();
        }
    }
}
