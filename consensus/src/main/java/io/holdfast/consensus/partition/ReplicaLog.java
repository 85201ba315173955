package io.holdfast.consensus.partition;

import io.holdfast.consensus.Refusal;
import io.holdfast.storage.log.DamagedLogException;
import io.holdfast.storage.log.LogSlice;
import io.holdfast.storage.log.OffsetOutOfRangeException;
import io.holdfast.storage.log.PartitionLog;
import io.holdfast.storage.log.ReadMemory;
import io.holdfast.v1.ErrorReason;
import io.holdfast.v1.Start;
import java.io.IOException;
import java.nio.ByteBuffer;
import java.util.List;
import java.util.Map;
import java.util.function.Consumer;

/**
 * Reads of a replica's log, whether it is open or at rest. Any thread; they wait for the local disk only. Every failure is a
 * {@link Refusal} unless it says otherwise.
 */
public final class ReplicaLog {
    private final PartitionReplica replica;
    private final Consumer<String> onDamage;
    private volatile long bytesWrittenBefore;
    private volatile long flushesBefore;

    ReplicaLog(PartitionReplica replica, Consumer<String> onDamage) {
        this.replica = replica;
        this.onDamage = onDamage;
    }

    /** The open log is about to be closed. */
    void closing(PartitionLog open) {
        bytesWrittenBefore += open.bytesWritten();
        flushesBefore += open.flushes();
    }

    // ---- records

    /** Whole batches from this offset on; see {@link PartitionLog#read}. */
    public LogSlice read(long offset, long untilOffset, int bytesMax) {
        return read(offset, untilOffset, bytesMax, ReadMemory.FRESH);
    }

    /** As {@link #read(long, long, int)}, into memory that the caller gives. */
    public LogSlice read(long offset, long untilOffset, int bytesMax, ReadMemory memory) {
        if (replica.isOpen()) {
            replica.use();
        }
        try {
            return slice(offset, untilOffset, bytesMax, memory);
        } catch (OffsetOutOfRangeException e) {
            throw outOfRange(offset);
        } catch (IOException e) {
            throw damaged(e);
        }
    }

    /**
     * Reads batches and compares them with their checksums, without counting as use. Damage is reported as that found by
     * any read.
     *
     * @return bytes read, and where to go on; nothing if there is nothing from there on
     * @throws IOException if the log is being opened, closed or replaced, or is damaged there
     */
    public Checked check(long offset, int bytesMax) throws IOException {
        LogSlice slice = look(Math.max(offset, startOffset()), replica.highWatermark(), bytesMax);
        return new Checked(slice.bytes().remaining(), slice.nextOffset());
    }

    /** What {@link #check} has read. */
    public record Checked(int bytes, long nextOffset) {}

    /** As {@link #read}, without counting as use; of offsets that are not there it says that there is nothing. */
    LogSlice look(long offset, long untilOffset, int bytesMax) throws IOException {
        try {
            return slice(offset, untilOffset, bytesMax, ReadMemory.FRESH);
        } catch (DamagedLogException e) {
            onDamage.accept(String.valueOf(e.getMessage()));
            throw e;
        } catch (OffsetOutOfRangeException e) { // trimmed, or replaced
            return new LogSlice(List.of(), ByteBuffer.allocate(0), Math.max(offset, startOffset()));
        }
    }

    private LogSlice slice(long offset, long untilOffset, int bytesMax, ReadMemory memory)
            throws IOException, OffsetOutOfRangeException {
        PartitionMachine open = replica.machine();
        RestingLog atRest = replica.restingLog();
        if (open == null && atRest == null) { // it was opened between the two
            open = replica.machine();
        }
        if (open != null) {
            return open.log().read(offset, untilOffset, bytesMax, memory);
        }
        if (atRest != null) {
            return atRest.read(offset, untilOffset, bytesMax, memory);
        }
        throw new IOException("it is being opened");
    }

    // ---- offsets

    public long startOffset() {
        PartitionMachine open = replica.machine();
        RestingLog atRest = replica.restingLog();
        return open != null ? open.log().startOffset() : atRest == null ? 0 : atRest.startOffset();
    }

    /** Offset of the first record appended at or after this time, or the high watermark. */
    public long offsetAt(long timeMs) {
        return replica.ask(open -> open.log().offsetAt(timeMs), atRest -> atRest.offsetAt(timeMs));
    }

    /** What a position comes to here, an offset as it is; nothing set: earliest. */
    public long offsetOf(Start position) {
        return switch (position.getAtCase()) {
            case OFFSET -> position.getOffset();
            case TIME ->
                offsetAt(position.getTime().getSeconds() * 1000
                        + position.getTime().getNanos() / 1_000_000);
            case LATEST -> replica.highWatermark();
            default -> startOffset();
        };
    }

    /** Where the log would start if it had at most so many bytes; see {@link PartitionLog#offsetKeeping}. */
    public long offsetKeeping(long bytesMax) {
        return replica.ask(open -> open.log().offsetKeeping(bytesMax), atRest -> atRest.offsetKeeping(bytesMax));
    }

    // ---- figures

    /** Bytes of the batches that are kept. */
    public long bytesKept() {
        return replica.ask(open -> open.log().bytesKept(), RestingLog::bytesKept);
    }

    public long bytesOnDisk() {
        PartitionMachine open = replica.machine();
        RestingLog atRest = replica.restingLog();
        return open != null ? open.log().bytesOnDisk() : atRest == null ? 0 : atRest.bytesOnDisk();
    }

    public long bytesWritten() {
        PartitionMachine open = replica.machine();
        return bytesWrittenBefore + (open == null ? 0 : open.log().bytesWritten());
    }

    public long flushes() {
        PartitionMachine open = replica.machine();
        return flushesBefore + (open == null ? 0 : open.log().flushes());
    }

    // ---- failures

    Refusal outOfRange(long offset) {
        long start = startOffset();
        long end = replica.highWatermark();
        return Refusal.of(
                ErrorReason.ERROR_REASON_OFFSET_OUT_OF_RANGE,
                "start between " + start + " and " + end + ": offset " + Long.toUnsignedString(offset)
                        + " is not in the log",
                Map.of("log_start_offset", Long.toString(start), "high_watermark", Long.toString(end)));
    }

    /** What to say of a failure to read here; damage is reported. */
    Refusal damaged(IOException e) {
        if (e instanceof DamagedLogException) {
            onDamage.accept(String.valueOf(e.getMessage()));
            return Refusal.of(
                    ErrorReason.ERROR_REASON_DATA_DAMAGED,
                    "ask another replica: this one holds damaged bytes there: " + e.getMessage());
        }
        return Refusal.of(
                ErrorReason.ERROR_REASON_UNAVAILABLE, "try again: the log is being replaced: " + e.getMessage());
    }
}
