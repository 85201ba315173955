package io.holdfast.consensus.queue;

import io.holdfast.consensus.EntryPipe;
import io.holdfast.internal.v1.QueueOperation;
import io.holdfast.internal.v1.QueueResult;
import java.util.List;
import java.util.concurrent.CompletableFuture;
import java.util.function.Function;
import org.jspecify.annotations.Nullable;

/** Asked of a {@link QueueLane}, and not written yet. */
sealed interface QueueRequest extends EntryPipe.Request {
    /** @param early whether it waits for what is being appended, if there is nothing else */
    record Acquire(
            long groupId,
            String member,
            AcquireTerms terms,
            boolean early,
            CompletableFuture<List<LeasedRecord>> result)
            implements QueueRequest {}

    /** Its operation is decided when its turn has come; null for nothing to do. */
    record Change(
            Function<QueueTable, @Nullable QueueOperation> operation,
            boolean isPatient,
            CompletableFuture<QueueResult> result)
            implements QueueRequest {}

    /** Nothing is to be done but to write what time it is. */
    record Time(CompletableFuture<Void> result) implements QueueRequest {}
}
