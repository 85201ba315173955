package io.holdfast.consensus.partition;

import io.holdfast.consensus.SharedCall;
import io.holdfast.consensus.raft.RaftFailures;
import io.holdfast.consensus.raft.RaftGroupHandle;
import java.util.concurrent.CompletableFuture;
import java.util.function.IntFunction;

/**
 * Read indexes of a replica. A barrier is a round trip to the leader and its majority, followed by waiting until this
 * replica has applied what was committed then. Callers share them, so there are never more than two under way, whatever the
 * number of readers.
 *
 * <p>Staleness is measured from the start of the last barrier that held: no clock of another node is trusted, and a
 * message that was delayed in the network cannot make old data look fresh.
 */
final class ReadBarriers {
    private final RaftGroupHandle group;
    private final IntFunction<String> addressOf;
    private final SharedCall<Void> barrier = new SharedCall<>(this::once);
    private volatile long confirmedAt;
    private volatile boolean everConfirmed;

    ReadBarriers(RaftGroupHandle group, IntFunction<String> addressOf) {
        this.group = group;
        this.addressOf = addressOf;
    }

    CompletableFuture<Void> within(long stalenessNanosMax) {
        if (everConfirmed && System.nanoTime() - confirmedAt <= stalenessNanosMax) {
            return CompletableFuture.completedFuture(null);
        }
        return fresh();
    }

    CompletableFuture<Void> fresh() {
        return barrier.ask();
    }

    private CompletableFuture<Void> once() {
        long startedAt = System.nanoTime();
        CompletableFuture<Void> held = new CompletableFuture<>();
        group.readBarrier().whenComplete((reply, failure) -> {
            var refusal = RaftFailures.refusal(group, addressOf, reply, failure, false);
            if (refusal == null) {
                confirmedAt = startedAt;
                everConfirmed = true;
                held.complete(null);
            } else {
                held.completeExceptionally(refusal);
            }
        });
        return held;
    }
}
