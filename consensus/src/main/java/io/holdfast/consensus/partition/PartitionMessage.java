package io.holdfast.consensus.partition;

import org.apache.ratis.protocol.Message;
import org.apache.ratis.thirdparty.com.google.protobuf.ByteString;

/**
 * A command on its way into the leader's Raft log: the part that the log keeps, and the batches that it does not. Knows
 * whether it got there, which decides what its failure means to the caller.
 */
final class PartitionMessage implements Message {
    /** Instead of the batches, if they are in the command; shorter than any batch. */
    static final ByteString IN_COMMAND = ByteString.copyFrom(new byte[1]);

    private final ByteString command;
    private final ByteString batches;
    private volatile boolean appended;

    PartitionMessage(ByteString command, ByteString batches) {
        this.command = command;
        this.batches = batches;
    }

    @Override
    public ByteString getContent() {
        return command;
    }

    ByteString batches() {
        return batches;
    }

    void markAppended() {
        appended = true;
    }

    /** True from the moment that the entry may have been written anywhere. */
    boolean isAppended() {
        return appended;
    }
}
