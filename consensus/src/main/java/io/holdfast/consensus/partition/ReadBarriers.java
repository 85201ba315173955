package io.holdfast.consensus.partition;

import io.holdfast.consensus.raft.RaftFailures;
import io.holdfast.consensus.raft.RaftGroupHandle;
import java.util.concurrent.CompletableFuture;
import java.util.function.IntFunction;
import org.jspecify.annotations.Nullable;

/**
 * Read indexes of a replica. A barrier is a round trip to the leader and its majority, followed by waiting until this
 * replica has applied what was committed then. Callers that arrive while one is under way share the next, so there are
 * never more than two, whatever the number of readers.
 *
 * <p>Staleness is measured from the start of the last barrier that held: no clock of another node is trusted, and a
 * message that was delayed in the network cannot make old data look fresh.
 */
final class ReadBarriers {
    private final RaftGroupHandle group;
    private @Nullable CompletableFuture<Void> running;
    private @Nullable CompletableFuture<Void> next;
    private volatile long confirmedAt;
    private volatile boolean everConfirmed;

    ReadBarriers(RaftGroupHandle group) {
        this.group = group;
    }

    CompletableFuture<Void> within(long stalenessNanosMax, IntFunction<String> addressOf) {
        if (everConfirmed && System.nanoTime() - confirmedAt <= stalenessNanosMax) {
            return CompletableFuture.completedFuture(null);
        }
        return fresh(addressOf);
    }

    CompletableFuture<Void> fresh(IntFunction<String> addressOf) {
        CompletableFuture<Void> mine;
        synchronized (this) {
            if (running != null) {
                if (next == null) {
                    next = new CompletableFuture<>();
                }
                return next;
            }
            mine = new CompletableFuture<>();
            running = mine;
        }
        start(mine, addressOf);
        return mine;
    }

    private void start(CompletableFuture<Void> barrier, IntFunction<String> addressOf) {
        long startedAt = System.nanoTime();
        group.readBarrier().whenComplete((reply, failure) -> {
            var refusal = RaftFailures.refusal(group, addressOf, reply, failure, false);
            CompletableFuture<Void> follower;
            synchronized (this) {
                if (refusal == null) {
                    confirmedAt = startedAt;
                    everConfirmed = true;
                }
                follower = next;
                running = follower;
                next = null;
            }
            if (follower != null) {
                start(follower, addressOf);
            }
            if (refusal == null) {
                barrier.complete(null);
            } else {
                barrier.completeExceptionally(refusal);
            }
        });
    }
}
