package io.holdfast.consensus;

import io.holdfast.consensus.raft.GroupId;
import java.nio.ByteBuffer;

/** Keys of rows that belong to a generation of a replica's state: group, generation, and what the table adds. */
public final class RowKeys {
    private RowKeys() {}

    public static byte[] prefix(GroupId group, long generation) {
        return ByteBuffer.allocate(24).put(group.bytes()).putLong(generation).array();
    }
}
