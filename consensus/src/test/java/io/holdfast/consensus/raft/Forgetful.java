package io.holdfast.consensus.raft;

import java.util.concurrent.CompletableFuture;
import java.util.concurrent.TimeUnit;
import org.apache.ratis.proto.RaftProtos.LogEntryProto;
import org.apache.ratis.protocol.Message;
import org.apache.ratis.server.protocol.TermIndex;
import org.jspecify.annotations.Nullable;

/** Applies everything and keeps nothing. */
final class Forgetful extends GroupMachine {
    private static final long INSTALL_MS = 100;

    private final @Nullable TermIndex copied;

    /** @param copied it gets this checkpoint if it is told to copy one */
    Forgetful(@Nullable TermIndex copied) {
        super(GroupId.METADATA, new Silent(), CompletableFuture.delayedExecutor(INSTALL_MS, TimeUnit.MILLISECONDS));
        this.copied = copied;
    }

    @Override
    protected @Nullable TermIndex load() {
        return null;
    }

    @Override
    protected Message apply(FrameOfEntry frame, LogEntryProto entry) {
        return Message.EMPTY;
    }

    @Override
    protected void store(TermIndex appliedUpTo) {}

    @Override
    protected Object fetch(int leaderNode, long minIndex) {
        if (copied == null) {
            throw new UnsupportedOperationException();
        }
        return copied;
    }

    @Override
    protected TermIndex endOf(Object fetched) {
        return (TermIndex) fetched;
    }

    @Override
    protected TermIndex adopt(Object fetched) {
        return (TermIndex) fetched;
    }

    @Override
    protected void release() {}
}
