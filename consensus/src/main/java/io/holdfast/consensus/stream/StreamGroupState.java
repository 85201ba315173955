package io.holdfast.consensus.stream;

import io.holdfast.internal.v1.MemberShare;
import io.holdfast.internal.v1.OffsetRow;
import io.holdfast.internal.v1.OwnedPartition;
import io.holdfast.internal.v1.PartitionRange;
import io.holdfast.internal.v1.StreamAssign;
import io.holdfast.internal.v1.StreamCommit;
import io.holdfast.internal.v1.StreamCreate;
import io.holdfast.internal.v1.StreamGroupRow;
import io.holdfast.internal.v1.StreamJoin;
import io.holdfast.internal.v1.StreamLeave;
import io.holdfast.internal.v1.StreamReport;
import io.holdfast.internal.v1.StreamResult;
import io.holdfast.internal.v1.StreamSeek;
import io.holdfast.internal.v1.StreamTopics;
import io.holdfast.internal.v1.SubscribedTopic;
import io.holdfast.v1.StreamConfig;
import java.util.ArrayList;
import java.util.Collection;
import java.util.Collections;
import java.util.HashMap;
import java.util.HashSet;
import java.util.List;
import java.util.Map;
import java.util.Objects;
import java.util.Set;
import java.util.TreeMap;
import org.jspecify.annotations.Nullable;

/**
 * One stream group: its members, who owns which partition, who should, and committed offsets. Replicated, so everything
 * here follows from the operations alone; not thread-safe.
 *
 * <p>A change of members or topics raises the epoch; the leader answers with targets for that epoch. A partition whose
 * owner is not its target is taken from it in steps, as in KIP-848: it is told, it says that it has let go, the target
 * gets it. Nobody else notices.
 */
final class StreamGroupState {
    private final String name;
    private final StreamConfig config;
    private final long createdMs;
    private final long firstLaterTopicId;
    private final Map<String, Member> members = new TreeMap<>();
    private final Map<Long, SubscribedTopic> topics = new TreeMap<>();
    private final Map<PartitionName, Ownership> partitions = new TreeMap<>();
    private long version;
    private long epoch;
    private long targetEpoch;

    StreamGroupState(String name, StreamCreate create, long nowMs) {
        this(name, create.getConfig(), nowMs, create.getNextTopicId());
    }

    private StreamGroupState(String name, StreamConfig config, long createdMs, long firstLaterTopicId) {
        this.name = name;
        this.config = config;
        this.createdMs = createdMs;
        this.firstLaterTopicId = firstLaterTopicId;
    }

    static StreamGroupState of(StreamGroupRow row) {
        StreamGroupState state =
                new StreamGroupState(row.getName(), row.getConfig(), row.getCreatedMs(), row.getFirstLaterTopicId());
        row.getMembersList().forEach(member -> state.members.put(member.getId(), Member.of(member)));
        row.getTopicsList().forEach(topic -> state.topics.put(topic.getTopicId(), topic));
        row.getPartitionsList().forEach(partition -> {
            Ownership one = Ownership.of(partition);
            state.partitions.put(one.name(), one);
        });
        state.version = row.getVersion();
        state.epoch = row.getEpoch();
        state.targetEpoch = row.getTargetEpoch();
        return state;
    }

    StreamGroupRow row() {
        return StreamGroupRow.newBuilder()
                .setName(name)
                .setConfig(config)
                .setCreatedMs(createdMs)
                .setFirstLaterTopicId(firstLaterTopicId)
                .setVersion(version)
                .setEpoch(epoch)
                .setTargetEpoch(targetEpoch)
                .addAllMembers(members.values().stream().map(Member::row).toList())
                .addAllTopics(topics.values())
                .addAllPartitions(
                        partitions.values().stream().map(Ownership::row).toList())
                .build();
    }

    String name() {
        return name;
    }

    StreamConfig config() {
        return config;
    }

    long createdMs() {
        return createdMs;
    }

    /** Topics with this id or a later one were born after the group. */
    long firstLaterTopicId() {
        return firstLaterTopicId;
    }

    Collection<Member> members() {
        return Collections.unmodifiableCollection(members.values());
    }

    @Nullable
    Member member(String id) {
        return members.get(id);
    }

    Map<Long, SubscribedTopic> topics() {
        return Collections.unmodifiableMap(topics);
    }

    Collection<Ownership> partitions() {
        return Collections.unmodifiableCollection(partitions.values());
    }

    @Nullable
    Ownership partition(PartitionName of) {
        return partitions.get(of);
    }

    long version() {
        return version;
    }

    long epoch() {
        return epoch;
    }

    /** Whether members or topics have changed since the targets were made. */
    boolean isUnassigned() {
        return targetEpoch < epoch;
    }

    // ---- members

    void join(StreamJoin join, StreamResult.Builder result) {
        Member existing = members.get(join.getMember());
        if (existing != null) {
            if (existing.differs(join.getRack(), join.getTopicsList())) {
                existing.update(join.getRack(), join.getTopicsList());
                epoch++;
            }
            return;
        }
        Member joining = new Member(join.getMember(), join.getInstance(), join.getRack(), join.getTopicsList());
        Member before = withInstance(join.getInstance());
        if (before != null && !before.isAway()) {
            result.setInstanceInUse(true);
            return;
        }
        version++;
        members.put(joining.id(), joining);
        if (before == null || before.differs(joining.rack(), joining.topics())) {
            epoch++;
        }
        if (before != null) {
            members.remove(before.id());
            partitions.values().stream()
                    .filter(partition -> before.id().equals(partition.target()))
                    .forEach(partition -> partition.aim(joining.id()));
        }
        grantFree();
    }

    private @Nullable Member withInstance(String instance) {
        return instance.isEmpty()
                ? null
                : members.values().stream()
                        .filter(member -> member.instance().equals(instance))
                        .findFirst()
                        .orElse(null);
    }

    /** Whether {@link #report} would change anything. */
    boolean frees(StreamReport report) {
        Set<PartitionName> still = names(report);
        return partitions.values().stream().anyMatch(partition -> isLetGo(partition, report, still));
    }

    void report(StreamReport report) {
        Set<PartitionName> still = names(report);
        version++;
        for (Ownership partition : partitions.values()) {
            if (isLetGo(partition, report, still)) {
                partition.free();
            }
        }
        grantFree();
    }

    /** Whatever the epoch: a member that still works on a partition as it had it before a seek has not let go. */
    private static Set<PartitionName> names(StreamReport report) {
        Set<PartitionName> names = new HashSet<>();
        report.getOwnedList().forEach(owned -> names.add(new PartitionName(owned.getTopicId(), owned.getPartition())));
        return names;
    }

    /** A report from before it was told is no evidence: it may have been under way while the partition was granted. */
    private boolean isLetGo(Ownership partition, StreamReport report, Set<PartitionName> still) {
        return partition.isOwnedBy(report.getMember())
                && (!report.getOthers() || topics.containsKey(partition.name().topicId()))
                && partition.lostVersion() != 0
                && report.getSeenVersion() >= partition.lostVersion()
                && !still.contains(partition.name());
    }

    void leave(StreamLeave leave) {
        Member member = members.get(leave.getMember());
        if (member == null) {
            return;
        }
        version++;
        partitions.values().stream()
                .filter(partition -> partition.isOwnedBy(member.id()))
                .forEach(Ownership::free);
        if (leave.getKeepPlace() && !member.instance().isEmpty()) {
            member.leaveForAWhile();
        } else {
            members.remove(member.id());
            partitions.values().stream()
                    .filter(partition -> member.id().equals(partition.target()))
                    .forEach(partition -> partition.aim(null));
            epoch++;
        }
        grantFree();
    }

    // ---- topics and targets

    void topics(StreamTopics command) {
        version++;
        epoch++;
        topics.clear();
        command.getTopicsList().forEach(topic -> topics.put(topic.getTopicId(), topic));
        partitions.keySet().removeIf(name -> command.getDeletedTopicIdsList().contains(name.topicId()));
        for (SubscribedTopic topic : topics.values()) {
            for (int p = 0; p < topic.getPartitions(); p++) {
                partitions.computeIfAbsent(new PartitionName(topic.getTopicId(), p), Ownership::new);
            }
        }
        members.values().forEach(member -> member.viewChanged(version)); // partitions may have gone
    }

    void assign(StreamAssign assign) {
        if (assign.getEpoch() != epoch || targetEpoch == epoch) {
            return;
        }
        version++;
        targetEpoch = epoch;
        Map<PartitionName, String> targets = new HashMap<>();
        for (MemberShare share : assign.getSharesList()) {
            for (PartitionRange range : share.getRangesList()) {
                for (int p = range.getFrom(); p < range.getTo(); p++) {
                    targets.put(new PartitionName(range.getTopicId(), p), share.getMember());
                }
            }
        }
        for (Ownership partition : partitions.values()) {
            partition.aim(targets.get(partition.name()));
            Member owner = partition.owner() == null ? null : members.get(partition.owner());
            if (owner == null) {
                continue;
            }
            boolean keeps = Objects.equals(partition.owner(), partition.target());
            if (keeps && partition.lostVersion() != 0) {
                partition.keep();
                owner.viewChanged(version);
            } else if (!keeps && partition.lostVersion() == 0) {
                partition.lose(version);
                owner.viewChanged(version);
            }
        }
        grantFree();
    }

    private void grantFree() {
        for (Ownership partition : partitions.values()) {
            Member target = partition.target() == null ? null : members.get(partition.target());
            if (partition.owner() == null && target != null && !target.isAway()) {
                partition.grant(target.id(), version);
                target.viewChanged(version);
            }
        }
    }

    // ---- offsets

    void commit(StreamCommit commit, StreamResult.Builder result) {
        for (int i = 0; i < commit.getOwnershipsCount(); i++) {
            OwnedPartition owned = commit.getOwnerships(i);
            Ownership partition = partitions.get(new PartitionName(owned.getTopicId(), owned.getPartition()));
            if (partition != null
                    && partition.isOwnedBy(commit.getMember())
                    && partition.epoch() == owned.getOwnershipEpoch()) {
                partition.commit(commit.getOffsets(i));
            } else {
                result.addRefused(i);
            }
        }
    }

    /** What an owner has read so far does not count any more: it begins anew, under a new ownership epoch. */
    void seek(StreamSeek seek) {
        version++;
        for (OffsetRow row : seek.getOffsetsList()) {
            Ownership partition =
                    partitions.computeIfAbsent(new PartitionName(row.getTopicId(), row.getPartition()), Ownership::new);
            partition.seek(row.getOffset());
            Member owner = partition.owner() == null ? null : members.get(partition.owner());
            if (owner != null) {
                partition.renew(version);
                owner.viewChanged(version);
            }
        }
    }

    /** Members that have been told to let go of something, and have not. */
    Set<String> owing() {
        Set<String> owing = new HashSet<>();
        for (Ownership partition : partitions.values()) {
            if (partition.owner() != null && partition.lostVersion() != 0) {
                owing.add(partition.owner());
            }
        }
        return owing;
    }

    /** What a member may have now. */
    List<Ownership> heldBy(String member) {
        List<Ownership> held = new ArrayList<>();
        for (Ownership partition : partitions.values()) {
            if (partition.isHeldBy(member)) {
                held.add(partition);
            }
        }
        return held;
    }
}
