package io.holdfast.storage.log;

import io.holdfast.record.InvalidBatchException;
import io.holdfast.record.RecordBatch;
import java.io.IOException;
import java.nio.ByteBuffer;
import java.util.ArrayList;
import java.util.List;
import org.jspecify.annotations.Nullable;

/** Reads batches of one segment, without the records that have gone. Any thread. */
final class BatchReads {
    private static final int PLAIN_BYTES_MAX = 256 << 20;

    private BatchReads() {}

    /** Batches to be read, and the offset up to which there are no others. */
    private record Chosen(List<BatchEntry> entries, long end) {}

    /**
     * Reads whole batches from an offset on, at least one if there is one.
     *
     * @param limit batches that start there or later are left out
     * @param removed what has gone
     * @return its next offset is where to go on, in this segment or the next: {@code from} if there is nothing in here
     */
    static LogSlice read(
            Segment segment, long from, long limit, int bytesMax, RemovedOffsets.View removed, ReadMemory memory)
            throws IOException {
        Chosen chosen = choose(segment, from, limit, bytesMax, removed);
        while (!chosen.entries.isEmpty()) {
            ByteBuffer bytes = readBatches(segment, chosen.entries, memory);
            boolean all = removed.isEmpty()
                    || chosen.entries.stream()
                            .noneMatch(entry -> removed.hasAny(entry.baseOffset(), entry.nextOffset()));
            LogSlice slice = all ? new LogSlice(chosen.entries, bytes, chosen.end) : without(removed, chosen, bytes);
            if (!slice.batches().isEmpty()) {
                return slice;
            }
            chosen = choose(segment, chosen.end, limit, bytesMax, removed);
        }
        return new LogSlice(List.of(), ByteBuffer.allocate(0), chosen.end);
    }

    private static Chosen choose(Segment segment, long offset, long limit, int bytesMax, RemovedOffsets.View removed)
            throws IOException {
        long ordinal = Math.max(0, segment.index().lastAtMost(BatchEntry::baseOffset, offset));
        List<BatchEntry> chosen = new ArrayList<>();
        long bytes = 0;
        long end = offset;
        while (true) {
            List<BatchEntry> entries = segment.index().list(ordinal, Integer.MAX_VALUE);
            for (BatchEntry entry : entries) {
                if (entry.baseOffset() >= limit) {
                    return new Chosen(chosen, Math.max(end, limit));
                }
                if (!chosen.isEmpty() && bytes + entry.batchBytes() > bytesMax) {
                    return new Chosen(chosen, end);
                }
                boolean gone = entry.nextOffset() <= offset || removed.hasAll(entry.baseOffset(), entry.nextOffset());
                if (!gone) {
                    chosen.add(entry);
                    bytes += entry.batchBytes();
                }
                end = Math.max(end, entry.nextOffset());
            }
            if (entries.isEmpty()) {
                return new Chosen(chosen, end);
            }
            ordinal += entries.size();
        }
    }

    /** One read where the batches lie close together; then they are moved up against each other. */
    private static ByteBuffer readBatches(Segment segment, List<BatchEntry> entries, ReadMemory memory)
            throws IOException {
        BatchEntry first = entries.get(0);
        BatchEntry last = entries.get(entries.size() - 1);
        int wanted = entries.stream().mapToInt(BatchEntry::batchBytes).sum();
        long range = last.position() + last.batchBytes() - first.position();
        boolean together = range <= 2L * wanted;
        ByteBuffer bytes = together ? segment.read(first.position(), (int) range, memory) : memory.take(wanted);
        int to = 0;
        for (BatchEntry entry : entries) {
            if (together) {
                int from = (int) (entry.position() - first.position());
                System.arraycopy(bytes.array(), from, bytes.array(), to, entry.batchBytes());
            } else {
                bytes.put(to, segment.read(entry.position(), entry.batchBytes()), 0, entry.batchBytes());
            }
            BatchStamp.checkAndStamp(bytes.slice(to, entry.batchBytes()), entry, segment);
            to += entry.batchBytes();
        }
        return bytes.limit(to);
    }

    private static LogSlice without(RemovedOffsets.View removed, Chosen chosen, ByteBuffer bytes) {
        List<BatchEntry> entries = new ArrayList<>();
        List<ByteBuffer> batches = new ArrayList<>();
        int size = 0;
        int position = 0;
        for (BatchEntry entry : chosen.entries) {
            ByteBuffer batch = bytes.slice(position, entry.batchBytes());
            position += entry.batchBytes();
            ByteBuffer left =
                    removed.hasAny(entry.baseOffset(), entry.nextOffset()) ? without(removed, entry, batch) : batch;
            if (left != null) {
                entries.add(left == batch ? entry : entry.with(left.remaining(), new RecordBatch(left).crc()));
                batches.add(left);
                size += left.remaining();
            }
        }
        ByteBuffer together = ByteBuffer.allocate(size);
        batches.forEach(batch -> together.put(batch.duplicate()));
        return new LogSlice(entries, together.flip(), chosen.end);
    }

    private static @Nullable ByteBuffer without(RemovedOffsets.View removed, BatchEntry entry, ByteBuffer bytes) {
        RecordBatch batch = new RecordBatch(bytes);
        long base = batch.baseOffset();
        try {
            ByteBuffer left = batch.keeping(
                    0,
                    batch.offsetCount(),
                    delta -> delta >= entry.skippedRecords() && !removed.has(base + delta),
                    PLAIN_BYTES_MAX);
            if (left != null) {
                RecordBatch.stamp(left, base, entry.term());
            }
            return left;
        } catch (InvalidBatchException e) {
            return bytes; // what cannot be decoded stays as it was sent
        }
    }
}
