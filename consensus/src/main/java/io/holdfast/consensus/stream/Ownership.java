package io.holdfast.consensus.stream;

import io.holdfast.internal.v1.StreamPartitionRow;
import org.jspecify.annotations.Nullable;

/**
 * Who owns a partition, who should, and how far it has been processed. An owner that should not be one any more is told
 * to let go at a version of the group, and stays the owner until it has said, knowing of that version, that it has.
 */
final class Ownership {
    private final PartitionName name;
    private @Nullable String owner;
    private long epoch;
    /** 0 while the owner may keep it. */
    private long lostVersion;

    private @Nullable String target;
    private @Nullable Long committed;

    Ownership(PartitionName name) {
        this.name = name;
    }

    static Ownership of(StreamPartitionRow row) {
        Ownership one = new Ownership(new PartitionName(row.getTopicId(), row.getPartition()));
        one.owner = row.getOwner().isEmpty() ? null : row.getOwner();
        one.epoch = row.getOwnershipEpoch();
        one.lostVersion = row.getLostVersion();
        one.target = row.getTarget().isEmpty() ? null : row.getTarget();
        one.committed = row.hasCommitted() ? row.getCommitted() : null;
        return one;
    }

    StreamPartitionRow row() {
        StreamPartitionRow.Builder row = StreamPartitionRow.newBuilder()
                .setTopicId(name.topicId())
                .setPartition(name.partition())
                .setOwner(owner == null ? "" : owner)
                .setOwnershipEpoch(epoch)
                .setLostVersion(lostVersion)
                .setTarget(target == null ? "" : target);
        if (committed != null) {
            row.setCommitted(committed);
        }
        return row.build();
    }

    PartitionName name() {
        return name;
    }

    @Nullable
    String owner() {
        return owner;
    }

    boolean isOwnedBy(String member) {
        return member.equals(owner);
    }

    /** Owned, and not to be let go of. */
    boolean isHeldBy(String member) {
        return member.equals(owner) && lostVersion == 0;
    }

    /** Version at which the owner was told to let go; 0 if it was not. */
    long lostVersion() {
        return lostVersion;
    }

    long epoch() {
        return epoch;
    }

    @Nullable
    String target() {
        return target;
    }

    void aim(@Nullable String member) {
        target = member;
    }

    void grant(String member, long newEpoch) {
        owner = member;
        epoch = newEpoch;
        lostVersion = 0;
    }

    /** Same owner, who has to begin anew; one that is letting go goes on with that. */
    void renew(long newEpoch) {
        epoch = newEpoch;
    }

    void lose(long version) {
        lostVersion = version;
    }

    void keep() {
        lostVersion = 0;
    }

    void free() {
        owner = null;
        lostVersion = 0;
    }

    /** Next offset to process; null if nothing was ever committed. */
    @Nullable
    Long committed() {
        return committed;
    }

    /** Commits that overtake each other do not lead back; seeking does. */
    void commit(long offset) {
        if (committed == null || offset >= committed) {
            committed = offset;
        }
    }

    void seek(long offset) {
        committed = offset;
    }
}
