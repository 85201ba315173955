package io.holdfast.node.cluster;

import io.holdfast.consensus.metadata.MetadataImage;
import io.holdfast.consensus.partition.PartitionReplica;
import io.holdfast.consensus.raft.GroupId;
import io.holdfast.consensus.raft.Peer;
import io.holdfast.consensus.raft.RaftGroupHandle;
import io.holdfast.internal.v1.TopicRow;
import java.time.Duration;
import java.util.HashMap;
import java.util.Map;

/**
 * Lets leaders drift to where placement wants them, the first replica of each partition, so that no node does the work
 * of all. One transfer at a time, only to a member that is up and caught up, and only when things have been quiet.
 */
final class LeaderSpread {
    private static final long QUIET_NANOS = 3_000_000_000L;
    private static final Duration PATIENCE = Duration.ofMillis(500);

    private final int self;
    private final Map<GroupId, Long> leadingSince = new HashMap<>();
    private boolean transferring;

    LeaderSpread(int self) {
        this.self = self;
    }

    /** Takes the next step, if there is one. One thread. */
    void spread(MetadataImage image, Map<GroupId, PartitionReplica> replicas) {
        synchronized (this) {
            if (transferring) {
                return;
            }
        }
        long now = System.nanoTime();
        leadingSince.keySet().retainAll(replicas.keySet());
        replicas.forEach((group, replica) -> {
            if (replica.group().isReadyLeader()) {
                leadingSince.putIfAbsent(group, now);
            } else {
                leadingSince.remove(group);
            }
        });
        for (Map.Entry<GroupId, Long> leading : leadingSince.entrySet()) {
            PartitionReplica replica = replicas.get(leading.getKey());
            TopicRow topic = image.topic(leading.getKey().topicId());
            if (replica == null || topic == null || now - leading.getValue() < QUIET_NANOS) {
                continue;
            }
            int preferred = topic.getAssignments(leading.getKey().partition()).getReplicaNodes(0);
            if (preferred != self && replica.group().isCaughtUp(preferred)) {
                transfer(replica.group(), preferred);
                return;
            }
        }
    }

    private void transfer(RaftGroupHandle group, int to) {
        for (Peer member : group.members()) {
            if (member.nodeId() == to) {
                synchronized (this) {
                    transferring = true;
                }
                group.transferLeadership(member, PATIENCE).whenComplete((reply, failure) -> {
                    synchronized (this) {
                        transferring = false;
                    }
                });
                return;
            }
        }
    }
}
