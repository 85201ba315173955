package io.holdfast.consensus.stream;

import io.holdfast.consensus.Refusal;
import io.holdfast.internal.v1.StreamCommand;
import io.holdfast.internal.v1.StreamOperation;
import io.holdfast.internal.v1.StreamResult;
import io.holdfast.v1.ErrorReason;
import io.holdfast.v1.WriteOutcome;
import java.time.Duration;
import java.util.ArrayDeque;
import java.util.ArrayList;
import java.util.Deque;
import java.util.LinkedHashSet;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.Executor;
import java.util.function.Consumer;
import java.util.function.Function;
import org.jspecify.annotations.Nullable;

/**
 * Writes a shard's operations to its Raft log, one entry at a time: each operation is made from a state in which the
 * entry before has been applied, and what arrives meanwhile goes into the next together. Any thread.
 */
final class StreamLane {
    private static final int OPERATIONS_MAX = 1000;
    private static final int WAITING_MAX = 50_000;
    private static final Duration RETRY_AFTER = Duration.ofMillis(100);

    private final StreamShard shard;
    private final Executor executor;
    private final Consumer<Set<String>> onApplied;
    private final Deque<Change> waiting = new ArrayDeque<>();
    private boolean underWay;

    private record Change(
            Function<StreamGroupTable, @Nullable StreamOperation> operation, CompletableFuture<StreamResult> result) {}

    /** @param onApplied hears, on the executor, which groups an entry was about */
    StreamLane(StreamShard shard, Executor executor, Consumer<Set<String>> onApplied) {
        this.shard = shard;
        this.executor = executor;
        this.onApplied = onApplied;
    }

    /**
     * Writes an operation.
     *
     * @param operation made when its turn has come, from the state as it is then; null for nothing to do; a
     *     {@link Refusal} that it throws is its caller's alone
     */
    CompletableFuture<StreamResult> change(Function<StreamGroupTable, @Nullable StreamOperation> operation) {
        Change change = new Change(operation, new CompletableFuture<>());
        synchronized (this) {
            if (waiting.size() >= WAITING_MAX) {
                return CompletableFuture.failedFuture(Refusal.later(
                        ErrorReason.ERROR_REASON_OVERLOADED,
                        "slow down: too many changes of stream groups wait already",
                        RETRY_AFTER));
            }
            waiting.add(change);
        }
        executor.execute(this::proposeWaiting);
        return change.result();
    }

    void refuseWaiting(Refusal refusal) {
        List<Change> given;
        synchronized (this) {
            given = new ArrayList<>(waiting);
            waiting.clear();
        }
        given.forEach(change -> change.result().completeExceptionally(refusal));
    }

    private void proposeWaiting() {
        List<Change> changes = new ArrayList<>();
        synchronized (this) {
            if (underWay || waiting.isEmpty()) {
                return;
            }
            underWay = true;
            while (!waiting.isEmpty() && changes.size() < OPERATIONS_MAX) {
                changes.add(waiting.remove());
            }
        }
        try {
            propose(changes);
        } catch (RuntimeException e) {
            changes.forEach(change -> change.result().completeExceptionally(e));
            done();
        }
    }

    private void propose(List<Change> changes) {
        if (!shard.leads()) {
            throw shard.notLeader();
        }
        StreamCommand.Builder command = StreamCommand.newBuilder();
        List<Change> written = new ArrayList<>();
        List<Change> needless = new ArrayList<>();
        shard.ask(table -> {
            for (Change change : changes) {
                StreamOperation operation;
                try {
                    operation = change.operation().apply(table);
                } catch (Refusal refusal) { // of this one; the others go on
                    change.result().completeExceptionally(refusal);
                    continue;
                }
                if (operation == null) {
                    needless.add(change);
                } else {
                    command.addOperations(operation);
                    written.add(change);
                }
            }
            return null;
        });
        needless.forEach(change -> change.result().complete(StreamResult.getDefaultInstance()));
        if (written.isEmpty()) {
            done();
            return;
        }
        Set<String> groups = new LinkedHashSet<>();
        command.getOperationsList().forEach(operation -> groups.add(operation.getGroup()));
        shard.propose(command.build())
                .whenComplete((results, failure) ->
                        // This may be the apply thread; answers and what follows are made on the executor.
                        executor.execute(() -> {
                            finish(written, results, failure);
                            done();
                            if (failure == null) {
                                onApplied.accept(groups);
                            }
                        }));
    }

    private static void finish(
            List<Change> written, @Nullable List<StreamResult> results, @Nullable Throwable failure) {
        for (int i = 0; i < written.size(); i++) {
            if (results != null && results.size() == written.size()) {
                written.get(i).result().complete(results.get(i));
            } else {
                written.get(i)
                        .result()
                        .completeExceptionally(
                                failure != null
                                        ? failure
                                        : new Refusal(
                                                ErrorReason.ERROR_REASON_UNAVAILABLE,
                                                WriteOutcome.WRITE_OUTCOME_UNKNOWN,
                                                "the replica was replaced meanwhile: try again",
                                                null,
                                                Map.of()));
            }
        }
    }

    private void done() {
        synchronized (this) {
            underWay = false;
            if (waiting.isEmpty()) {
                return;
            }
        }
        executor.execute(this::proposeWaiting);
    }
}
