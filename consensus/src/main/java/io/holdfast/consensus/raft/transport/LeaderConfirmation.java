package io.holdfast.consensus.raft.transport;

import java.util.Collection;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.ConcurrentHashMap;
import org.apache.ratis.protocol.RaftPeerId;
import org.apache.ratis.protocol.exceptions.NotLeaderException;
import org.apache.ratis.server.RaftServer;

/**
 * A round of heartbeats by which a leader learns that there was no newer one when the round began: a majority answers, in
 * its term, what was sent after that (Ongaro, Consensus: Bridging Theory and Practice, section 6.4).
 *
 * <p>Ratis has such rounds too, and takes short cuts: it remembers the highest index that was ever confirmed, and lets
 * reads of that index pass without a question, and reads that come while a round is under way share its answers. Between
 * two writes a leader that is cut off, or was paused, so confirms itself as long as it thinks that it leads. Therefore
 * its rounds are switched off, and it only tells the index and waits until that is applied. The index may be taken while
 * the round is under way. If it is of a later term than the round's, or of a term that began when there was no leader
 * here to be confirmed, that term began after the reader came; Ratis tells no index before the term's first entry is
 * committed, and the majority that did so is as good as a round.
 */
final class LeaderConfirmation {
    private final RaftServer.Division division;
    private final long term;
    private final Set<RaftPeerId> answered = ConcurrentHashMap.newKeySet();
    private final CompletableFuture<Void> result = new CompletableFuture<>();

    private LeaderConfirmation(RaftServer.Division division) {
        this.division = division;
        this.term = division.getInfo().getCurrentTerm();
    }

    /** Fails with {@link NotLeaderException} if it loses office meanwhile; done at once if it does not lead. Any thread. */
    static CompletableFuture<Void> of(RaftServer.Division division, Collection<PipelinedAppender> appenders) {
        LeaderConfirmation confirmation =
                new LeaderConfirmation(division); // first the term, then whether it leads in it
        if (!division.getInfo().isLeader()) {
            return CompletableFuture.completedFuture(null);
        }
        confirmation.ask(appenders);
        return confirmation.result;
    }

    private void ask(Collection<PipelinedAppender> appenders) {
        Map<PipelinedAppender, CompletableFuture<Void>> rounds = new HashMap<>();
        appenders.forEach(appender -> rounds.put(appender, appender.confirm(term)));
        rounds.forEach((appender, answer) -> answer.whenComplete((ok, failure) -> {
            if (failure == null) {
                answered.add(appender.getFollowerId());
                look();
            } else if (rounds.values().stream().allMatch(CompletableFuture::isDone)) {
                look();
                lost();
            }
        }));
        look();
        if (rounds.isEmpty()) {
            lost(); // a leader of several that has no followers yet, or none any more
        }
        result.whenComplete((ok, failure) -> rounds.values().forEach(answer -> answer.cancel(false)));
    }

    private void look() {
        if (Majority.has(division, answered::contains)) {
            result.complete(null);
        }
    }

    private void lost() {
        result.completeExceptionally(new NotLeaderException(division.getMemberId(), null, List.of()));
    }
}
