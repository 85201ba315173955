package io.holdfast.consensus.raft;

import java.nio.ByteBuffer;
import java.util.UUID;
import org.apache.ratis.protocol.RaftGroupId;

/**
 * Name of a Raft group: a UUID that says what it is for. The metadata group is (0, 1). Partition p of topic t, with t
 * from 1, is (t, 2^63 + t mod 2^24 in bits 24 to 47 + p in bits 0 to 23): Ratis tells groups apart by the last 48 bits
 * in its logs and beans, so those are different too.
 */
public record GroupId(UUID uuid) {
    public static final GroupId METADATA = new GroupId(new UUID(0, 1));
    private static final long PARTITION_BIT = Long.MIN_VALUE;
    private static final int PARTITION_BITS = 24;
    private static final long PARTITION_MASK = (1L << PARTITION_BITS) - 1;

    public static GroupId ofPartition(long topicId, int partition) {
        return new GroupId(new UUID(topicId, PARTITION_BIT | (topicId & PARTITION_MASK) << PARTITION_BITS | partition));
    }

    public static GroupId of(byte[] bytes) {
        ByteBuffer buffer = ByteBuffer.wrap(bytes);
        return new GroupId(new UUID(buffer.getLong(), buffer.getLong()));
    }

    public boolean isPartition() {
        return (uuid.getLeastSignificantBits() & PARTITION_BIT) != 0;
    }

    public long topicId() {
        return uuid.getMostSignificantBits();
    }

    public int partition() {
        return (int) (uuid.getLeastSignificantBits() & PARTITION_MASK);
    }

    /** Its 16 bytes and a number after them: the key of a row of its, or the beginning of one. */
    public byte[] bytes(long number) {
        return ByteBuffer.allocate(24).put(bytes()).putLong(number).array();
    }

    /** 16 bytes; also the prefix of the group's rows in the state tables. */
    public byte[] bytes() {
        return ByteBuffer.allocate(16)
                .putLong(uuid.getMostSignificantBits())
                .putLong(uuid.getLeastSignificantBits())
                .array();
    }

    RaftGroupId raft() {
        return RaftGroupId.valueOf(uuid);
    }

    @Override
    public String toString() {
        return isPartition() ? "partition " + topicId() + "/" + partition() : "metadata";
    }
}
