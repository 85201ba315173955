package io.holdfast.node.cluster;

import com.google.protobuf.UnsafeByteOperations;
import io.holdfast.consensus.partition.PartitionReplica;
import io.holdfast.consensus.raft.Peer;
import io.holdfast.consensus.raft.RaftGroupHandle;
import io.holdfast.consensus.raft.RaftGroupHandle.LogEnd;
import io.holdfast.internal.v1.ConfirmRestRequest;
import io.holdfast.internal.v1.ConfirmRestResponse;
import io.holdfast.internal.v1.RestingGroup;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.ConcurrentHashMap;
import java.util.concurrent.atomic.AtomicInteger;

/**
 * Linearizable reads of groups at rest, without waking them. If a majority of the members say, after the read began,
 * that they are at rest and that their logs end where this replica's ends, then whatever was acknowledged before is in
 * this replica: an acknowledged entry is in the log of a majority, any two majorities share a member, and logs with the
 * same last entry are the same.
 *
 * <p>Questions to a node that come while one is under way go together in the next, so that a reader of a thousand
 * partitions costs a few messages. Any thread.
 */
final class RestConfirmations {
    private static final long ANSWER_MS = 500;

    private final ClusterState state;
    private final NodeChannels channels;
    private final Map<Integer, Asking> nodes = new ConcurrentHashMap<>();

    RestConfirmations(ClusterState state, NodeChannels channels) {
        this.state = state;
        this.channels = channels;
    }

    /** Completes with whether a majority confirms; never fails. */
    CompletableFuture<Boolean> confirm(PartitionReplica replica) {
        RaftGroupHandle handle = replica.group();
        LogEnd end = handle.logEnd();
        List<Peer> members = handle.members();
        int others = members.size() - 1;
        int needed = members.size() / 2; // and this one
        CompletableFuture<Boolean> result = new CompletableFuture<>();
        AtomicInteger confirmed = new AtomicInteger();
        AtomicInteger answered = new AtomicInteger();
        if (needed == 0) {
            result.complete(replica.isAtRest());
        }
        for (Peer member : members) {
            if (member.nodeId() == state.nodeId()) {
                continue;
            }
            nodes.computeIfAbsent(member.nodeId(), Asking::new)
                    .ask(new Question(handle, member.incarnation(), end, new CompletableFuture<>()))
                    .thenAccept(yes -> {
                        if (yes && confirmed.incrementAndGet() == needed) {
                            result.complete(replica.isAtRest());
                        }
                        if (answered.incrementAndGet() == others) {
                            result.complete(false);
                        }
                    });
        }
        return result;
    }

    private record Question(RaftGroupHandle group, String incarnation, LogEnd end, CompletableFuture<Boolean> answer) {}

    /** Questions to one node. */
    private final class Asking {
        private final int node;
        private List<Question> waiting = new ArrayList<>();
        private boolean underWay;

        Asking(int node) {
            this.node = node;
        }

        CompletableFuture<Boolean> ask(Question question) {
            synchronized (this) {
                waiting.add(question);
            }
            next();
            return question.answer;
        }

        private void next() {
            List<Question> now;
            synchronized (this) {
                if (underWay || waiting.isEmpty()) {
                    return;
                }
                underWay = true;
                now = waiting;
                waiting = new ArrayList<>();
            }
            ConfirmRestRequest.Builder request = ConfirmRestRequest.newBuilder();
            for (Question question : now) {
                request.addGroups(RestingGroup.newBuilder()
                        .setGroupId(UnsafeByteOperations.unsafeWrap(
                                question.group.group().bytes()))
                        .setLastEntry(LocalReplicas.lastEntry(question.end)));
            }
            send(request.build()).whenComplete((response, failure) -> {
                synchronized (this) {
                    underWay = false;
                }
                for (int i = 0; i < now.size(); i++) {
                    Question question = now.get(i);
                    question.answer.complete(failure == null
                            && i < response.getConfirmedCount()
                            && response.getConfirmed(i)
                            && response.getIncarnation().equals(question.incarnation));
                }
                next();
            });
        }

        private CompletableFuture<ConfirmRestResponse> send(ConfirmRestRequest request) {
            String address = state.apiAddress(node);
            if (address.isEmpty() || state.isDown(node)) {
                return CompletableFuture.failedFuture(new IllegalStateException("node " + node + " is not there"));
            }
            return channels.ask(address, ANSWER_MS, stub -> stub.confirmRest(request));
        }
    }
}
