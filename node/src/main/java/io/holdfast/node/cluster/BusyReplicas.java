package io.holdfast.node.cluster;

import io.holdfast.consensus.raft.GroupId;
import java.lang.management.LockInfo;
import java.lang.management.ManagementFactory;
import java.lang.management.ThreadInfo;
import java.util.Arrays;
import java.util.HashSet;
import java.util.Map;
import java.util.Set;
import java.util.concurrent.ConcurrentHashMap;

/**
 * The replicas of which something is being done that may block: one thing at a time for each. To find out why something
 * never ends there is a report of what the threads are at. Any thread.
 */
final class BusyReplicas {
    private static final long LONG_NANOS = 30_000_000_000L;

    private final Map<GroupId, Long> since = new ConcurrentHashMap<>();
    private final Set<GroupId> reported = new HashSet<>();

    /** False if something is being done already. */
    boolean begin(GroupId group, long nowNanos) {
        return since.putIfAbsent(group, nowNanos) == null;
    }

    void end(GroupId group) {
        since.remove(group);
    }

    /** What holds up the replicas that have been busy for very long; each is told of once, and empty if there is none. */
    synchronized String report(long nowNanos) {
        reported.retainAll(since.keySet());
        Set<GroupId> held = new HashSet<>();
        since.forEach((group, began) -> {
            if (nowNanos - began > LONG_NANOS && reported.add(group)) {
                held.add(group);
            }
        });
        return held.isEmpty() ? "" : held + " busy for very long; threads that have to do with it:" + threads(held);
    }

    /** Ratis' threads of a group have the end of its id in their names; who waits for a lock may be the reason. */
    private static String threads(Set<GroupId> groups) {
        StringBuilder text = new StringBuilder();
        for (ThreadInfo thread : ManagementFactory.getThreadMXBean().dumpAllThreads(true, true)) {
            boolean concerns =
                    groups.stream().anyMatch(group -> thread.getThreadName().contains(endOf(group)))
                            || thread.getThreadState() == Thread.State.BLOCKED
                            || Arrays.stream(thread.getStackTrace())
                                    .anyMatch(frame -> frame.getClassName().equals(LocalReplicas.class.getName()));
            if (concerns) {
                append(thread, text);
            }
        }
        return text.toString();
    }

    private static String endOf(GroupId group) {
        String uuid = group.uuid().toString();
        return uuid.substring(uuid.lastIndexOf('-') + 1);
    }

    private static void append(ThreadInfo thread, StringBuilder text) {
        text.append('\n').append(thread.getThreadName()).append(' ').append(thread.getThreadState());
        LockInfo lock = thread.getLockInfo();
        if (lock != null) {
            text.append(" at ").append(lock);
        }
        if (thread.getLockOwnerName() != null) {
            text.append(", which ").append(thread.getLockOwnerName()).append(" has");
        }
        for (StackTraceElement frame : thread.getStackTrace()) {
            text.append("\n    ").append(frame);
        }
    }
}
