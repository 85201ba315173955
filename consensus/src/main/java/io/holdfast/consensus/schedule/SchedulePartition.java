package io.holdfast.consensus.schedule;

import io.holdfast.consensus.Leadership;
import java.io.IOException;
import java.util.concurrent.CompletableFuture;

/** What {@link ScheduleLane} needs of its partition. */
public interface SchedulePartition extends Leadership {
    /** A short question about what is kept. */
    interface Question<T> {
        T of(ScheduleTable table) throws IOException;
    }

    /** See {@link ScheduleTable#earliestMs}. */
    long earliestMs();

    /** Asks the replica's table; {@link io.holdfast.consensus.Refusal} if it is not open. */
    <T> T ask(Question<T> question);

    /** Moves a record from the schedule to the log, if it is still there; completes with the time of the append. */
    CompletableFuture<Long> append(ScheduledRecord record);
}
