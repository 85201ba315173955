package io.holdfast.node.cluster;

import io.holdfast.consensus.metadata.MetadataImage;
import io.holdfast.consensus.raft.GroupId;
import io.holdfast.consensus.raft.MemberStep;
import io.holdfast.consensus.raft.Peer;
import io.holdfast.consensus.raft.RaftGroupHandle;
import io.holdfast.internal.v1.ConfirmReplicasCommand;
import io.holdfast.internal.v1.ConfirmedReplicas;
import io.holdfast.internal.v1.MetadataCommand;
import java.time.Duration;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.ConcurrentHashMap;
import java.util.function.Supplier;
import org.jspecify.annotations.Nullable;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * Brings the members of the groups that this node leads to what they should be, one step at a time, and tells the
 * metadata when they are there. A leader that is to go hands over to one that stays, who goes on. By the reconciler.
 *
 * <p>Once a change is confirmed, whoever has no place any more deletes its replica, so no member may be added after that
 * out of an older wish. Two rules see to it (docs/decisions/0014). A leader takes no step before it has read, since it
 * became leader, the metadata as they are. And it confirms a change only after a majority of the group has told it that
 * it still leads, asked after it knew of the change.
 */
final class MemberChanges {
    private static final Logger LOG = LoggerFactory.getLogger(MemberChanges.class);
    /** Each may copy a whole partition. */
    private static final int UNDER_WAY_MAX = 8;

    private static final Duration HANDOVER_PATIENCE = Duration.ofSeconds(1);
    private static final Duration METADATA_PATIENCE = Duration.ofSeconds(10);

    private final Peer self;
    private final MetadataClient metadata;
    private final Set<GroupId> underWay = ConcurrentHashMap.newKeySet();
    /** What was read for a group in a term of its leader. */
    private final Map<GroupId, Fresh> fresh = new ConcurrentHashMap<>();

    private final Map<GroupId, Long> toRead = new HashMap<>();
    private final Set<GroupId> checking = ConcurrentHashMap.newKeySet();
    private final Map<GroupId, Long> toConfirm = new ConcurrentHashMap<>();
    private volatile boolean reading;
    private volatile boolean confirming;

    private record Fresh(long term, long version) {}

    MemberChanges(Peer self, MetadataClient metadata) {
        this.self = self;
        this.metadata = metadata;
    }

    /**
     * Takes the next step of a partition's group, if this node leads it and there is one.
     *
     * @param image what is wanted is from there
     * @param nudge writes an entry that changes nothing: on an idle group Ratis may not notice otherwise that a new
     *     member has caught up
     */
    void keep(RaftGroupHandle group, MetadataImage image, Wanted wanted, Runnable nudge) {
        if (!isToBeKept(group, wanted.members(), nudge)) {
            return;
        }
        if (!wanted.isMembers(group.members())) {
            Fresh read = fresh.get(group.group());
            if (read == null || read.term != group.term()) {
                toRead.put(group.group(), group.term());
            } else if (image.version() >= read.version) {
                step(group, wanted.members());
            }
        } else if (wanted.unconfirmedChange() != 0 && checking.add(group.group())) {
            confirmIfStillLeading(group, wanted);
        }
    }

    /** Takes the next step of the metadata group, if this node leads it and there is one. */
    void keepMetadata(RaftGroupHandle group, List<Peer> voters, Runnable nudge) {
        if (isToBeKept(group, voters, nudge) && !Peer.names(group.members()).equals(Peer.names(voters))) {
            step(group, voters);
        }
    }

    private boolean isToBeKept(RaftGroupHandle group, List<Peer> desired, Runnable nudge) {
        if (!group.isReadyLeader() || desired.isEmpty()) {
            return false;
        }
        if (underWay.contains(group.group())) {
            nudge.run();
            return false;
        }
        return group.isSettled();
    }

    private void step(RaftGroupHandle group, List<Peer> desired) {
        List<Peer> now = group.members();
        Peer heir = Peer.names(desired).contains(self.name()) ? null : heir(group, desired);
        if (heir != null) {
            carryOut(group, "leadership to " + heir.name(), () -> group.transferLeadership(heir, HANDOVER_PATIENCE));
            return;
        }
        if (underWay.size() < UNDER_WAY_MAX) {
            List<Peer> next = MemberStep.next(now, desired, self);
            carryOut(
                    group, "members from " + Peer.names(now) + " to " + Peer.names(next), () -> group.setMembers(next));
        }
    }

    /** A member that stays and has everything. */
    private static @Nullable Peer heir(RaftGroupHandle group, List<Peer> desired) {
        Set<String> now = Peer.names(group.members());
        return desired.stream()
                .filter(peer -> now.contains(peer.name()) && group.isCaughtUp(peer.nodeId()))
                .findFirst()
                .orElse(null);
    }

    private void carryOut(RaftGroupHandle group, String what, Supplier<CompletableFuture<Void>> step) {
        LOG.info("{}: {}", group.group(), what);
        underWay.add(group.group());
        step.get().whenComplete((ok, failure) -> {
            underWay.remove(group.group());
            if (failure != null) {
                LOG.info("{}: not yet {}: {}", group.group(), what, failure.getMessage());
            }
        });
    }

    /** Knows of the change already; asks the group now. */
    private void confirmIfStillLeading(RaftGroupHandle group, Wanted wanted) {
        long term = group.term();
        group.confirmLeadership().whenComplete((ok, failure) -> {
            if (failure == null
                    && group.isReadyLeader()
                    && group.term() == term
                    && group.isSettled()
                    && wanted.isMembers(group.members())) {
                toConfirm.put(group.group(), wanted.unconfirmedChange());
            }
            checking.remove(group.group());
        });
    }

    /** Reads and confirms for all groups together; to be called after each round. */
    void flush() {
        if (!toRead.isEmpty() && !reading) {
            Map<GroupId, Long> terms = Map.copyOf(toRead);
            reading = true;
            metadata.current(METADATA_PATIENCE).whenComplete((image, failure) -> {
                if (failure == null) {
                    terms.forEach((group, term) -> fresh.put(group, new Fresh(term, image.version())));
                }
                reading = false;
            });
        }
        toRead.clear();
        if (!toConfirm.isEmpty() && !confirming) {
            confirm(Map.copyOf(toConfirm));
        }
    }

    private void confirm(Map<GroupId, Long> reached) {
        ConfirmReplicasCommand.Builder command = ConfirmReplicasCommand.newBuilder();
        reached.forEach((group, change) -> {
            toConfirm.remove(group, change);
            command.addConfirmed(ConfirmedReplicas.newBuilder()
                    .setTopicId(group.topicId())
                    .setPartition(group.partition())
                    .setChange(change));
        });
        confirming = true;
        metadata.submit(MetadataCommand.newBuilder().setConfirmReplicas(command).build(), METADATA_PATIENCE)
                .whenComplete((reply, failure) -> {
                    confirming = false;
                    if (failure != null) {
                        LOG.info("{} changes not confirmed yet: {}", command.getConfirmedCount(), failure.getMessage());
                    }
                });
    }

    /** The replica is here no more. */
    void forget(GroupId group) {
        fresh.remove(group);
    }
}
