package io.holdfast.consensus.partition;

import io.holdfast.consensus.Refusal;
import io.holdfast.consensus.dedup.MessageId;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.concurrent.CompletableFuture;

/**
 * The message ids that are under way at a leader. With what the partition knows it tells which batches may have duplicates,
 * so that the others go whole. Any thread.
 */
public final class ReplicaMessageIds {
    private final PartitionReplica replica;
    private final Map<MessageId, Integer> underWay = new HashMap<>();

    ReplicaMessageIds(PartitionReplica replica) {
        this.replica = replica;
    }

    /**
     * Notes ids as under way until their append is answered.
     *
     * @return whether each is there once, and neither under way yet nor known: if not, what has them is to be stored record
     *     by record. A replica at rest says so of all; the append tells then.
     */
    public boolean enter(BatchAppend.Ids ids, CompletableFuture<?> answered) {
        boolean alone = true;
        synchronized (underWay) {
            for (MessageId id : ids.ids()) {
                alone &= id.isNone() || underWay.merge(id, 1, Integer::sum) == 1;
            }
        }
        answered.whenComplete((ok, failure) -> leave(ids.ids()));
        // Now that they are under way nobody else gets by; what came before is known, or is under way too.
        try {
            return alone
                    && !replica.ask(
                            open -> open.ask(state -> state.isAnyKnown(ids.ids(), ids.windowMs())), atRest -> false);
        } catch (Refusal cannotTell) {
            return false; // the append will say why
        }
    }

    private void leave(List<MessageId> ids) {
        synchronized (underWay) {
            for (MessageId id : ids) {
                underWay.computeIfPresent(id, (same, times) -> times == 1 ? null : times - 1);
            }
        }
    }
}
