package io.holdfast.consensus.raft.transport;

import java.io.IOException;
import java.util.Map;
import java.util.Queue;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.ConcurrentHashMap;
import java.util.concurrent.ConcurrentLinkedQueue;
import org.apache.ratis.proto.RaftProtos.AppendEntriesReplyProto;
import org.apache.ratis.proto.RaftProtos.AppendEntriesRequestProto;
import org.apache.ratis.protocol.RaftGroupId;

/**
 * Appends of all connections that are not on disk yet. A leader that hears nothing for long sends them again; Ratis skips
 * what is in its log already, and says that it has it, also while the first append still waits for its flush. The leader
 * would count that. So an append is answered when those before it, and those that it repeats, are on disk. Any thread.
 */
final class UnflushedAppends {
    private final Map<RaftGroupId, Queue<Unflushed>> groups = new ConcurrentHashMap<>();

    /** @param reply Ratis' own */
    private record Unflushed(long firstIndex, CompletableFuture<AppendEntriesReplyProto> reply) {}

    /** Lets Ratis append. */
    interface Append {
        CompletableFuture<AppendEntriesReplyProto> run() throws IOException;
    }

    /** Completes when Ratis has replied, and nothing that it counts on is still on its way to the disk. */
    CompletableFuture<AppendEntriesReplyProto> run(RaftGroupId group, AppendEntriesRequestProto request, Append append)
            throws IOException {
        int entries = request.getEntriesCount();
        if (entries == 0) {
            return append.run();
        }
        Unflushed own = new Unflushed(request.getEntries(0).getIndex(), new CompletableFuture<>());
        long lastIndex = request.getEntries(entries - 1).getIndex();
        groups.compute(group, (id, known) -> {
            Queue<Unflushed> all = known == null ? new ConcurrentLinkedQueue<>() : known;
            all.add(own);
            return all;
        });
        CompletableFuture<AppendEntriesReplyProto> answer =
                own.reply.thenCompose(reply -> othersUpTo(group, lastIndex, own).thenApply(flushed -> reply));
        own.reply.whenComplete((reply, failure) -> remove(group, own));
        try {
            append.run().whenComplete((reply, failure) -> {
                if (failure == null) {
                    own.reply.complete(reply);
                } else {
                    own.reply.completeExceptionally(failure);
                }
            });
        } catch (IOException | RuntimeException e) {
            own.reply.completeExceptionally(e);
        }
        return answer;
    }

    private CompletableFuture<Void> othersUpTo(RaftGroupId group, long lastIndex, Unflushed own) {
        Queue<Unflushed> all = groups.get(group);
        return all == null
                ? CompletableFuture.completedFuture(null)
                : CompletableFuture.allOf(all.stream()
                        .filter(one -> one != own && one.firstIndex <= lastIndex)
                        .map(Unflushed::reply)
                        .toArray(CompletableFuture[]::new));
    }

    private void remove(RaftGroupId group, Unflushed own) {
        groups.computeIfPresent(group, (id, all) -> {
            all.remove(own);
            return all.isEmpty() ? null : all;
        });
    }
}
