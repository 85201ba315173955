package io.holdfast.consensus.raft;

import java.util.concurrent.CompletableFuture;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.atomic.AtomicReference;
import java.util.function.Supplier;
import org.apache.ratis.proto.RaftProtos.LogEntryProto;
import org.apache.ratis.protocol.Message;
import org.apache.ratis.server.protocol.TermIndex;
import org.jspecify.annotations.Nullable;

/** Applies everything and keeps nothing but, if it is told where, how far it was. */
class Forgetful extends GroupMachine {
    private static final long INSTALL_MS = 100;

    private final AtomicReference<@Nullable TermIndex> disk;
    private final Supplier<@Nullable TermIndex> copied;

    /** @param copied it gets this checkpoint if it is told to copy one */
    Forgetful(@Nullable TermIndex copied) {
        this(new AtomicReference<>(), () -> copied);
    }

    /**
     * @param disk how far it was, over restarts
     * @param copied the checkpoint that it gets if it is told to copy one
     */
    Forgetful(AtomicReference<@Nullable TermIndex> disk, Supplier<@Nullable TermIndex> copied) {
        super(GroupId.METADATA, new Silent(), CompletableFuture.delayedExecutor(INSTALL_MS, TimeUnit.MILLISECONDS));
        this.disk = disk;
        this.copied = copied;
    }

    @Override
    protected @Nullable TermIndex load() {
        return disk.get();
    }

    @Override
    protected Message apply(FrameOfEntry frame, LogEntryProto entry) {
        return Message.EMPTY;
    }

    @Override
    protected void store(TermIndex appliedUpTo) {
        disk.set(appliedUpTo);
    }

    @Override
    protected Object fetch(int leaderNode, long minIndex) {
        TermIndex checkpoint = copied.get();
        if (checkpoint == null) {
            throw new UnsupportedOperationException();
        }
        return checkpoint;
    }

    @Override
    protected TermIndex endOf(Object fetched) {
        return (TermIndex) fetched;
    }

    @Override
    protected TermIndex adopt(Object fetched) {
        disk.set((TermIndex) fetched);
        return (TermIndex) fetched;
    }

    @Override
    protected void release() {}
}
