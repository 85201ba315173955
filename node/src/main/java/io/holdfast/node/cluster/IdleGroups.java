package io.holdfast.node.cluster;

import io.holdfast.consensus.raft.GroupId;
import io.holdfast.consensus.raft.RaftGroupHandle;
import java.util.HashMap;
import java.util.Map;

/**
 * Helps members of idle groups over a gap in Ratis: while the leader believes that a request to a member is unanswered,
 * its heartbeats do not tell the member what is committed, and if nobody writes that can be for ever. An entry without
 * effect gets things going. One thread.
 */
final class IdleGroups {
    private static final long PATIENCE_NANOS = 2_000_000_000L;

    private final Map<GroupId, Lag> lags = new HashMap<>();

    private record Lag(long committed, long sinceNanos) {}

    /** To be called every now and then; nudges if somebody has been behind the same commit for too long. */
    void watch(RaftGroupHandle group, Runnable nudge) {
        if (!group.isReadyLeader() || !group.hasMemberBehindCommit()) {
            lags.remove(group.group());
            return;
        }
        long committed = group.committedIndex();
        long now = System.nanoTime();
        Lag lag = lags.get(group.group());
        if (lag == null || lag.committed != committed) {
            lags.put(group.group(), new Lag(committed, now));
        } else if (now - lag.sinceNanos > PATIENCE_NANOS) {
            lags.remove(group.group());
            nudge.run();
        }
    }
}
