package io.holdfast.consensus.queue;

import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.concurrent.TimeUnit;

/**
 * Of each exclusive group, the member whose turn it is in this partition: until it has settled everything and has not
 * asked for a while. Leader's memory; a new leader finds it by the leases that are out. Any thread.
 */
final class ActiveMembers {
    private static final long SILENCE_NANOS = TimeUnit.SECONDS.toNanos(10);

    private record Turn(String member, long seenNanos) {}

    private final Map<Long, Turn> turns = new HashMap<>();

    synchronized void seen(long groupId, String member, long nanos) {
        Turn turn = turns.get(groupId);
        if (turn != null && turn.member.equals(member)) {
            turns.put(groupId, new Turn(member, nanos));
        }
    }

    /**
     * Whether it is this member's turn; gives it to it if it is nobody's.
     *
     * @param holders members that hold leases
     */
    synchronized boolean isActive(long groupId, String member, List<String> holders, long nanos) {
        if (!holders.isEmpty() && !holders.contains(member)) {
            return false;
        }
        Turn turn = turns.get(groupId);
        if (turn == null || nanos - turn.seenNanos > SILENCE_NANOS || holders.contains(member)) {
            turns.put(groupId, new Turn(member, nanos));
            return true;
        }
        return turn.member.equals(member);
    }

    synchronized void clear() {
        turns.clear();
    }
}
