package io.holdfast.consensus.stream;

import io.holdfast.consensus.Leadership;
import io.holdfast.consensus.Refusal;
import io.holdfast.internal.v1.StreamCommand;
import io.holdfast.internal.v1.StreamResult;
import java.util.List;
import java.util.concurrent.CompletableFuture;
import java.util.function.Function;

/** What the coordination of stream groups needs of the partition that holds them. Every failure is a {@link Refusal}. */
public interface StreamShard extends Leadership {
    /** Completes when the command is applied, with one result per operation; possibly on the apply thread. */
    CompletableFuture<List<StreamResult>> propose(StreamCommand command);

    /** After this, the state holds everything that was committed before the call. */
    CompletableFuture<Void> barrier();

    /** Asks the replicated state a short question, under its lock. */
    <T> T ask(Function<StreamGroupTable, T> question);
}
