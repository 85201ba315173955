package io.holdfast.consensus.stream;

import io.holdfast.consensus.EntryPipe;
import io.holdfast.consensus.Refusal;
import io.holdfast.internal.v1.StreamCommand;
import io.holdfast.internal.v1.StreamOperation;
import io.holdfast.internal.v1.StreamResult;
import java.util.ArrayList;
import java.util.LinkedHashSet;
import java.util.List;
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
    private static final int WAITING_MAX = 50_000;

    private final StreamShard shard;
    private final Executor executor;
    private final Consumer<Set<String>> onApplied;
    private final EntryPipe<Change> pipe;

    private record Change(
            Function<StreamGroupTable, @Nullable StreamOperation> operation, CompletableFuture<StreamResult> result)
            implements EntryPipe.Request {}

    /** @param onApplied hears, on the executor, which groups an entry was about */
    StreamLane(StreamShard shard, Executor executor, Consumer<Set<String>> onApplied) {
        this.shard = shard;
        this.executor = executor;
        this.onApplied = onApplied;
        pipe = new EntryPipe<>(
                WAITING_MAX, "slow down: too many changes of stream groups wait already", executor, this::write);
    }

    /**
     * Writes an operation.
     *
     * @param operation made when its turn has come, from the state as it is then; null for nothing to do; a
     *     {@link Refusal} that it throws is its caller's alone
     */
    CompletableFuture<StreamResult> change(Function<StreamGroupTable, @Nullable StreamOperation> operation) {
        Change change = new Change(operation, new CompletableFuture<>());
        pipe.offer(change);
        return change.result();
    }

    void refuseWaiting(Refusal refusal) {
        pipe.refuseWaiting(refusal);
    }

    private CompletableFuture<List<Change>> write(List<Change> changes) {
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
            return CompletableFuture.completedFuture(List.of());
        }
        Set<String> groups = new LinkedHashSet<>();
        command.getOperationsList().forEach(operation -> groups.add(operation.getGroup()));
        // Entries may complete on the apply thread; answers and what follows are made on the executor.
        return shard.propose(command.build())
                .handleAsync(
                        (results, failure) -> {
                            finish(written, results, failure);
                            if (failure == null) {
                                onApplied.accept(groups);
                            }
                            return List.of();
                        },
                        executor);
    }

    private static void finish(
            List<Change> written, @Nullable List<StreamResult> results, @Nullable Throwable failure) {
        if (results == null || results.size() != written.size()) {
            Throwable why = failure != null ? failure : Refusal.replacedMeanwhile();
            written.forEach(change -> change.result().completeExceptionally(why));
            return;
        }
        for (int i = 0; i < written.size(); i++) {
            written.get(i).result().complete(results.get(i));
        }
    }
}
