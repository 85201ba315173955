package io.holdfast.consensus.stream;

import io.holdfast.consensus.AwakeClock;
import java.util.HashMap;
import java.util.Map;
import java.util.Set;

/**
 * When members were last heard of, in the leader's memory. In each new term everybody has a whole session timeout again,
 * since another leader may have heard of them meanwhile. Any thread.
 */
final class Sessions {
    private final StreamShard shard;
    private final AwakeClock clock = new AwakeClock();
    private final Map<MemberName, Long> seenMs = new HashMap<>();
    /** Since when a member has had something to let go of. */
    private final Map<MemberName, Long> owesSinceMs = new HashMap<>();

    private long term = -1;
    private long startedMs;

    record MemberName(String group, String member) {}

    Sessions(StreamShard shard) {
        this.shard = shard;
        clock.startAt(0, System.nanoTime());
    }

    /** The term in which the present figures were gathered. */
    synchronized long term() {
        refresh();
        return term;
    }

    synchronized long nowMs() {
        return refresh();
    }

    private long refresh() {
        long now = clock.now(System.nanoTime());
        long current = shard.term();
        if (current != term) {
            term = current;
            startedMs = now;
            seenMs.clear();
            owesSinceMs.clear();
        }
        return now;
    }

    /** @param receivedMs time at which the sign of life came in */
    synchronized void heard(String group, String member, long receivedMs) {
        refresh();
        seenMs.merge(new MemberName(group, member), Math.max(startedMs, receivedMs), Math::max);
    }

    synchronized long silentMs(String group, String member) {
        long now = refresh();
        return now - seenMs.getOrDefault(new MemberName(group, member), startedMs);
    }

    /** Notes whether a member has something to let go of. For how long it has had. */
    synchronized long owesMs(String group, String member, boolean owes) {
        long now = refresh();
        MemberName name = new MemberName(group, member);
        if (!owes) {
            owesSinceMs.remove(name);
            return 0;
        }
        return now - owesSinceMs.computeIfAbsent(name, n -> now);
    }

    /** Forgets all others. */
    synchronized void keepOnly(Set<MemberName> members) {
        seenMs.keySet().retainAll(members);
        owesSinceMs.keySet().retainAll(members);
    }
}
