package io.holdfast.consensus.raft.transport;

import com.google.common.collect.MapMaker;
import java.io.IOException;
import java.util.Queue;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.ConcurrentLinkedQueue;
import java.util.concurrent.ConcurrentMap;
import java.util.concurrent.TimeUnit;
import org.apache.ratis.proto.RaftProtos.AppendEntriesReplyProto;
import org.apache.ratis.proto.RaftProtos.AppendEntriesRequestProto;
import org.apache.ratis.proto.RaftProtos.LogEntryProto;
import org.apache.ratis.server.RaftServer;
import org.apache.ratis.server.protocol.TermIndex;
import org.apache.ratis.server.raftlog.RaftLog;

/**
 * Appends of all connections that are not on disk yet. A leader that hears nothing for long sends them again; Ratis skips
 * what is in its log already, and says that it has it, also while the first append still waits for its flush. The leader
 * would count that. So an append that repeats others is answered when those are on disk; if that takes long it fails, and the
 * leader asks again. Any thread.
 */
final class UnflushedAppends {
    /** By replica, as long as it is open: what Ratis forgets when it closes one would never complete. */
    private final ConcurrentMap<RaftServer.Division, Queue<Unflushed>> replicas =
            new MapMaker().weakKeys().makeMap();

    private final long timeoutMs;

    /**
     * @param replaces perhaps takes the place of other entries: Ratis calls those flushed until its log's thread has cut the log
     * @param reply Ratis' own
     */
    private record Unflushed(long firstIndex, boolean replaces, CompletableFuture<AppendEntriesReplyProto> reply) {}

    UnflushedAppends(long timeoutMs) {
        this.timeoutMs = timeoutMs;
    }

    /** Completes as Ratis replies, but not before all that it has of these entries is on disk. */
    CompletableFuture<AppendEntriesReplyProto> run(RaftServer server, AppendEntriesRequestProto request)
            throws IOException {
        int entries = request.getEntriesCount();
        if (entries == 0) {
            return server.appendEntriesAsync(request);
        }
        RaftServer.Division replica = server.getDivision(InboundCalls.groupOf(request.getServerRequest()));
        long lastIndex = request.getEntries(entries - 1).getIndex();
        Queue<Unflushed> all = replicas.computeIfAbsent(replica, open -> new ConcurrentLinkedQueue<>());
        // In there before Ratis has it, so that who repeats it finds it; and not referring to the replica.
        Unflushed own = new Unflushed(
                request.getEntries(0).getIndex(),
                replaces(replica.getRaftLog(), request.getEntries(0), request.getEntries(entries - 1)),
                new CompletableFuture<>());
        all.add(own);
        own.reply.whenComplete((reply, failure) -> all.remove(own));
        CompletableFuture<AppendEntriesReplyProto> answer;
        try {
            answer = server.appendEntriesAsync(request);
        } catch (IOException | RuntimeException e) {
            own.reply.completeExceptionally(e);
            throw e;
        }
        answer.whenComplete((reply, failure) -> {
            if (failure == null) {
                own.reply.complete(reply);
            } else {
                own.reply.completeExceptionally(failure);
            }
        });
        // In this order: once nothing is being replaced, what Ratis calls flushed is.
        return answer.thenCompose(reply -> all.stream().noneMatch(one -> one != own && one.replaces)
                        && replica.getRaftLog().getFlushIndex() >= lastIndex
                ? CompletableFuture.completedFuture(reply)
                : othersUpTo(lastIndex, all, own).thenApply(flushed -> reply));
    }

    private static boolean replaces(RaftLog log, LogEntryProto first, LogEntryProto last) {
        TermIndex end = log.getLastEntryTermIndex();
        return end != null && end.getIndex() >= first.getIndex() && end.getTerm() < last.getTerm();
    }

    /** A checkpoint takes the place of a replica's log: Ratis will not say any more what became of appends before it. */
    void forget(RaftServer.Division replica) {
        replicas.remove(replica);
    }

    private CompletableFuture<Void> othersUpTo(long lastIndex, Queue<Unflushed> all, Unflushed own) {
        return CompletableFuture.allOf(all.stream()
                        .filter(one -> one != own && one.firstIndex <= lastIndex)
                        .map(Unflushed::reply)
                        .toArray(CompletableFuture[]::new))
                .orTimeout(timeoutMs, TimeUnit.MILLISECONDS);
    }
}
