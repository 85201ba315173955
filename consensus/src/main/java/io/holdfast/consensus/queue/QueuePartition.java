package io.holdfast.consensus.queue;

import io.holdfast.consensus.Leadership;
import io.holdfast.consensus.Refusal;
import io.holdfast.consensus.raft.GroupId;
import io.holdfast.internal.v1.QueueCommand;
import io.holdfast.internal.v1.QueueResult;
import io.holdfast.storage.log.LogSlice;
import java.util.List;
import java.util.concurrent.CompletableFuture;
import java.util.function.Function;

/** What the handing out of records needs of its partition. Every failure is a {@link Refusal}. */
public interface QueuePartition extends Leadership {
    /** Which one it is. */
    GroupId group();

    /** Completes when the command is applied, with one result per operation; possibly on the apply thread. */
    CompletableFuture<List<QueueResult>> propose(QueueCommand command);

    /**
     * No command is under way or about to be proposed, or a member waits for records: appends that waited to go along with
     * the next command need not any more. Does nothing if there are none.
     */
    void proceed();

    /** Bytes of records on their way into the log. */
    long bytesBeingAppended();

    /** Whether small appends come so often that the next is worth waiting for. */
    boolean isAppendingOften();

    /** Asks the replicated state a short question, under its lock. */
    <T> T ask(Function<QueueTable, T> question);

    LogSlice read(long offset, long untilOffset, int bytesMax);

    long startOffset();

    long highWatermark();

    /** Offset of the first record appended at or after this time, or the high watermark. */
    long offsetAt(long timeMs);

    /** Runs {@code wake} once the record at this offset can be read; it must only hand over. */
    Runnable whenReadable(long offset, Runnable wake);
}
