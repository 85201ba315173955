package io.holdfast.node.cluster;

import io.holdfast.consensus.Refusal;
import io.holdfast.consensus.metadata.MetadataImage;
import io.holdfast.consensus.partition.PartitionReplica;
import io.holdfast.consensus.raft.GroupId;
import io.holdfast.internal.v1.TopicRow;
import io.holdfast.v1.ErrorReason;
import java.util.HashSet;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.concurrent.ConcurrentHashMap;
import java.util.concurrent.CopyOnWriteArrayList;
import java.util.concurrent.atomic.AtomicLong;
import org.jspecify.annotations.Nullable;

/**
 * What this node knows right now: the metadata, who leads what, its own replicas. Read by everyone, changed by the
 * metadata's apply thread, Raft's leader notices and the reconciler; each change raises the version and wakes the
 * watchers.
 */
public final class ClusterState {
    private final String clusterId;
    private final int nodeId;
    private volatile MetadataImage image = MetadataImage.EMPTY;
    private final Map<GroupId, Integer> leaders = new ConcurrentHashMap<>();
    private final Map<GroupId, PartitionReplica> replicas = new ConcurrentHashMap<>();
    /** Those of the replicas that are open. */
    private final Set<PartitionReplica> open = ConcurrentHashMap.newKeySet();

    private final Set<Integer> down = ConcurrentHashMap.newKeySet();
    private final Map<GroupId, String> damaged = new ConcurrentHashMap<>();
    /** By node, as it says. */
    private final Map<Integer, Set<GroupId>> damagedElsewhere = new ConcurrentHashMap<>();

    private final AtomicLong version = new AtomicLong(1);
    private final CopyOnWriteArrayList<Runnable> watchers = new CopyOnWriteArrayList<>();

    public ClusterState(String clusterId, int nodeId) {
        this.clusterId = clusterId;
        this.nodeId = nodeId;
    }

    public String clusterId() {
        return clusterId;
    }

    public int nodeId() {
        return nodeId;
    }

    public MetadataImage image() {
        return image;
    }

    public long version() {
        return version.get();
    }

    /** The watcher is run after each change, on the thread that made it: it must only hand over. */
    public void watch(Runnable watcher) {
        watchers.add(watcher);
    }

    public void unwatch(Runnable watcher) {
        watchers.remove(watcher);
    }

    private void changed() {
        version.incrementAndGet();
        watchers.forEach(Runnable::run);
    }

    /** Takes a newer image; older ones, late, are ignored. */
    public void publish(MetadataImage newer) {
        synchronized (this) {
            if (newer.version() <= image.version()) {
                return;
            }
            image = newer;
        }
        changed();
    }

    /** A leader is known, as far as Raft has told this node. */
    public void leaderIs(GroupId group, int leaderNode) {
        Integer before = leaders.put(group, leaderNode);
        if (before == null || before != leaderNode) {
            changed();
        }
    }

    /** Another node has said who leads a group that this node has no replica of; 0 if it does not know. */
    public void leaderHinted(GroupId group, int leaderNode) {
        if (replicas.containsKey(group)) {
            return;
        }
        if (leaderNode != 0) {
            leaderIs(group, leaderNode);
        } else if (leaders.remove(group) != null) {
            changed();
        }
    }

    void addReplica(GroupId group, PartitionReplica replica) {
        replicas.put(group, replica);
        damaged.remove(group);
        changed();
    }

    void removeReplica(GroupId group) {
        PartitionReplica removed = replicas.remove(group);
        if (removed != null) {
            open.remove(removed);
        }
        leaders.remove(group);
        damaged.remove(group);
        changed();
    }

    /** Groups whose local replica is damaged, or withdrew, with the reason. */
    public Map<GroupId, String> damaged() {
        return damaged;
    }

    /** Another node has said of which groups its replica is damaged. */
    void damagedThere(int node, Set<GroupId> groups) {
        damagedElsewhere.put(node, groups);
    }

    boolean isAnyDamaged() {
        return !damaged.isEmpty() || damagedElsewhere.values().stream().anyMatch(groups -> !groups.isEmpty());
    }

    /** Nodes that say that their replica of a group is damaged. */
    Set<Integer> damagedOn(GroupId group) {
        Set<Integer> nodes = new HashSet<>();
        damagedElsewhere.forEach((node, groups) -> {
            if (groups.contains(group)) {
                nodes.add(node);
            }
        });
        if (damaged.containsKey(group)) {
            nodes.add(nodeId);
        }
        return nodes;
    }

    public Map<GroupId, PartitionReplica> replicas() {
        return replicas;
    }

    void opened(PartitionReplica replica) {
        open.add(replica);
    }

    void closed(PartitionReplica replica) {
        open.remove(replica);
    }

    /** Local replicas that take part in their groups, one that opens or closes right now perhaps not; a live view. */
    public Set<PartitionReplica> openReplicas() {
        return open;
    }

    public @Nullable PartitionReplica replica(GroupId group) {
        return replicas.get(group);
    }

    /** Whether this node's replica leads, or is at rest and would. */
    public boolean leads(PartitionReplica replica) {
        return replica.group().isReadyLeader()
                || (replica.isAtRest() && leader(replica.group().group()) == nodeId);
    }

    /** Node that leads a group as far as known here, or that should, else 0. */
    public int leader(GroupId group) {
        PartitionReplica local = replicas.get(group);
        int known = local == null ? 0 : local.group().leaderNode();
        if (known == 0 && (local == null || local.isSettled())) {
            known = leaders.getOrDefault(group, 0);
        }
        return known != 0 && !(local == null && isDown(known)) ? known : placedLeader(group);
    }

    /** The first node in the order of placement that is up; 0 if there is no such partition. */
    int placedLeader(GroupId group) {
        List<Integer> order = placement(group);
        PartitionReplica local = replicas.get(group);
        for (int node : order) {
            boolean cannot = node == nodeId && local != null && local.damage() != null;
            if (!cannot && !isDown(node)) {
                return node;
            }
        }
        return order.isEmpty() ? 0 : order.get(0);
    }

    /** Nodes of a partition's replicas; the first should lead. */
    List<Integer> placement(GroupId group) {
        TopicRow topic = image.topic(group.topicId());
        return topic == null || group.partition() >= topic.getAssignmentsCount()
                ? List.of()
                : topic.getAssignments(group.partition()).getReplicaNodesList();
    }

    /** Whether a node has been found not to answer. */
    public boolean isDown(int node) {
        return down.contains(node);
    }

    /** Whether so many nodes do not answer that the others may have elected new leaders without this one. */
    public boolean isCutOff() {
        int nodes = image.nodes().size();
        long answering = image.nodes().keySet().stream()
                .filter(node -> node == nodeId || !isDown(node))
                .count();
        return 2 * answering <= nodes;
    }

    void setDown(int node, boolean isDown) {
        if (isDown ? down.add(node) : down.remove(node)) {
            changed();
        }
    }

    public String apiAddress(int node) {
        return image.apiAddress(node);
    }

    /** @throws Refusal if there is no such topic */
    public TopicRow topic(String name) {
        TopicRow topic = image.topic(name);
        if (topic == null) {
            throw Refusal.of(
                    ErrorReason.ERROR_REASON_TOPIC_NOT_FOUND, "create topic '" + name + "' first: it does not exist");
        }
        return topic;
    }

    /** @throws Refusal if there is no such topic or partition */
    public GroupId group(String topic, int partition) {
        TopicRow row = topic(topic);
        if (partition < 0 || partition >= row.getAssignmentsCount()) {
            throw Refusal.of(
                    ErrorReason.ERROR_REASON_PARTITION_NOT_FOUND,
                    "choose a partition from 0 to " + (row.getAssignmentsCount() - 1) + ": topic '" + topic
                            + "' has no " + Integer.toUnsignedString(partition));
        }
        return MetadataImage.group(row, partition);
    }
}
