package io.holdfast.consensus.partition;

import io.holdfast.consensus.Refusal;
import io.holdfast.consensus.queue.QueueLane;
import io.holdfast.internal.v1.PartitionReply;
import io.holdfast.internal.v1.QueueCommand;
import io.holdfast.v1.ErrorReason;
import io.holdfast.v1.WriteOutcome;
import java.time.Duration;
import java.util.ArrayDeque;
import java.util.ArrayList;
import java.util.Deque;
import java.util.List;
import java.util.Map;
import java.util.concurrent.CompletableFuture;
import org.jspecify.annotations.Nullable;

/**
 * Turns the batches of many callers into Raft entries, in the order they came. While few entries are under way each
 * batch becomes one at once; when the pipeline is full, what waits is gathered into larger entries. So the batching
 * follows the load, and nothing waits on a timer, unless a queue command is likely to come along ({@link SharedEntries}).
 * Entries of queue groups count as well.
 *
 * <p>Bounded by two byte budgets, the partition's and the node's. Any thread may offer; proposals are made by one
 * thread at a time.
 */
final class AppendQueue {
    private static final int ENTRIES_IN_FLIGHT_MAX = 3;
    /** Waiting bytes that are worth an entry of their own while another is under way. */
    private static final int LARGE_ENTRY_BYTES = 256 << 10;

    private static final Duration RETRY_AFTER = Duration.ofMillis(20);

    private final Proposer proposer;
    private final Companion companion;
    private final EntryPacing pacing;
    private final int entryBytesMax;
    private final ByteBudget partitionBudget;
    private final ByteBudget nodeBudget;
    private final AppendEncoder encoder;
    private final AppendRhythm rhythm = new AppendRhythm();
    private final Deque<Waiting> waiting = new ArrayDeque<>();
    private int entriesInFlight;
    private long bytesWaiting;
    private boolean proposing;
    /** The first that waits is too large to go along with a queue command. */
    private boolean passedOver;

    private boolean awaitsTurn;
    /** What waits is small, and would rather go along with a queue command. */
    private boolean waitsForCommand;
    /** Nothing is proposed for now: the replica is at rest, or knows no leader yet. */
    private boolean held = true;

    /** Proposes and reports; completes exceptionally with a {@link Refusal} only. */
    interface Proposer {
        CompletableFuture<PartitionReply> propose(PartitionMessage message);
    }

    private record Waiting(BatchAppend append, int bytes, CompletableFuture<AppendResult> result) {
        int entryBytes() {
            return bytes + append.headerBytes();
        }
    }

    /** The partition's queue groups. */
    interface Companion {
        /** Something that small appends should take along, or null; asked without a lock, by one thread at a time. */
        QueueLane.@Nullable Along along();

        /** Whether somebody waits for what is appended; quick. */
        boolean isAwaited();
    }

    AppendQueue(
            Proposer proposer,
            Companion companion,
            EntryPacing pacing,
            int entryBytesMax,
            ByteBudget partitionBudget,
            ByteBudget nodeBudget,
            AppendEncoder encoder) {
        this.proposer = proposer;
        this.companion = companion;
        this.pacing = pacing;
        this.entryBytesMax = entryBytesMax;
        this.partitionBudget = partitionBudget;
        this.nodeBudget = nodeBudget;
        this.encoder = encoder;
    }

    CompletableFuture<AppendResult> offer(BatchAppend append) {
        int bytes = append.bytes().remaining();
        if (!partitionBudget.tryAcquire(bytes)) {
            return refuse("the partition has too many bytes in flight: slow down and send it again");
        }
        if (!nodeBudget.tryAcquire(bytes)) {
            partitionBudget.release(bytes);
            return refuse("the node has too many bytes in flight: slow down and send it again");
        }
        CompletableFuture<AppendResult> result = new CompletableFuture<>();
        synchronized (this) {
            waiting.add(new Waiting(append, bytes, result));
            bytesWaiting += bytes;
        }
        proposeWaiting();
        return result;
    }

    /** From now on batches wait. */
    synchronized void hold() {
        held = true;
    }

    /** From now on batches are proposed as they come; what waits, at the next {@link #proposeWaiting}. */
    synchronized void release() {
        held = false;
    }

    /** Bytes of batches that wait, or are under way. */
    long bytes() {
        return partitionBudget.used();
    }

    /** Whether entries are so frequent that the next is worth waiting for, with what can go along with it. */
    boolean isOften() {
        return rhythm.isFast(System.nanoTime());
    }

    synchronized boolean isIdle() {
        return waiting.isEmpty() && entriesInFlight == 0;
    }

    /** Gives everything back that waits, none of which was proposed. */
    void refuseWaiting(Refusal refusal) {
        List<Waiting> all;
        synchronized (this) {
            all = new ArrayList<>(waiting);
            waiting.clear();
            bytesWaiting = 0;
            passedOver = false;
        }
        complete(all, null, refusal);
    }

    private static CompletableFuture<AppendResult> refuse(String message) {
        return CompletableFuture.failedFuture(Refusal.later(ErrorReason.ERROR_REASON_OVERLOADED, message, RETRY_AFTER));
    }

    private void takeTurn() {
        synchronized (this) {
            awaitsTurn = false;
        }
        if (!proposeWaiting()) {
            pacing.passTurn();
        }
    }

    /** Proposes as much as it may; false if that was nothing. */
    boolean proposeWaiting() {
        boolean proposed = false;
        while (true) {
            List<Waiting> entry;
            EntryPacing.Permit permit;
            synchronized (this) {
                if (held || proposing || awaitsTurn || waiting.isEmpty() || !mayPropose()) {
                    return proposed;
                }
                if (bytesWaiting < LARGE_ENTRY_BYTES && waitsForCommand()) {
                    return proposed;
                }
                permit = pacing.tryAcquire(this::takeTurn);
                if (permit == null) {
                    awaitsTurn = true;
                    return true; // its turn comes
                }
                proposed = true;
                proposing = true;
                entriesInFlight++;
                entry = takeEntry(entryBytesMax);
            }
            QueueLane.Along along = companionOf(entry);
            CompletableFuture<PartitionReply> reply = propose(entry, along == null ? null : along.command());
            if (reply.isDone()) { // refused at once; a loop, lest a long queue become a deep stack
                reply.whenComplete((answer, failure) -> finish(entry, along, answer, failure));
                pacing.releaseUnused(permit);
            } else {
                reply.whenComplete((answer, failure) -> {
                    finish(entry, along, answer, failure);
                    pacing.release(permit);
                    if (along == null) {
                        proposeWaiting();
                    } // else whoever had it makes the next entry, or tells that it has none
                });
            }
        }
    }

    private boolean waitsForCommand() {
        if (companion.isAwaited()) {
            return false;
        }
        waitsForCommand = waitsForCommand || pacing.waitsForCommand(this, this::waitNoLonger);
        return waitsForCommand;
    }

    private void waitNoLonger() {
        synchronized (this) {
            waitsForCommand = false;
        }
        proposeWaiting();
    }

    private QueueLane.@Nullable Along companionOf(List<Waiting> entry) {
        int bytes = 0;
        for (Waiting one : entry) {
            bytes += one.entryBytes();
        }
        return bytes <= LARGE_ENTRY_BYTES ? companion.along() : null;
    }

    private void finish(
            List<Waiting> entry,
            QueueLane.@Nullable Along along,
            @Nullable PartitionReply answer,
            @Nullable Throwable failure) {
        finish(entry, answer, failure);
        if (along != null) {
            along.fate().accept(answer == null ? null : answer.getQueueList(), failure);
        }
    }

    /**
     * Proposes a queue command at once. Batches that wait go along in the same entry, as far as they are small: it costs
     * about the same with them, and must not become larger than an entry may be. When it is done, what waits by then is left
     * to the next command: who has none calls {@link #proposeWaiting}.
     */
    CompletableFuture<PartitionReply> proposeWith(QueueCommand command) {
        int room = Math.min(LARGE_ENTRY_BYTES, entryBytesMax) - command.getSerializedSize();
        List<Waiting> along;
        boolean takesAlong;
        pacing.commanded(this);
        synchronized (this) {
            entriesInFlight++;
            boolean could = !held && !proposing && !waiting.isEmpty();
            takesAlong = could && waiting.peek().entryBytes() <= room;
            passedOver |= could && !takesAlong;
            proposing |= takesAlong;
            along = takesAlong ? takeEntry(room) : List.of();
        }
        CompletableFuture<PartitionReply> reply =
                takesAlong ? propose(along, command) : proposer.propose(encode(along, command));
        reply.whenComplete((answer, failure) -> finish(along, answer, failure));
        if (!takesAlong) {
            proposeWaiting();
        }
        return reply;
    }

    private CompletableFuture<PartitionReply> propose(List<Waiting> entry, @Nullable QueueCommand queue) {
        try {
            return proposer.propose(encode(entry, queue));
        } finally {
            synchronized (this) {
                proposing = false;
            }
        }
    }

    private boolean mayPropose() {
        return entriesInFlight == 0
                || (entriesInFlight < ENTRIES_IN_FLIGHT_MAX && (passedOver || bytesWaiting >= LARGE_ENTRY_BYTES));
    }

    private void finish(List<Waiting> entry, @Nullable PartitionReply answer, @Nullable Throwable failure) {
        synchronized (this) {
            entriesInFlight--;
        }
        complete(entry, answer, failure);
    }

    private List<Waiting> takeEntry(int bytesMax) {
        passedOver = false;
        List<Waiting> entry = new ArrayList<>();
        int bytes = 0;
        while (!waiting.isEmpty() && (entry.isEmpty() || bytes + waiting.peek().entryBytes() <= bytesMax)) {
            Waiting next = waiting.remove();
            entry.add(next);
            bytes += next.entryBytes();
            bytesWaiting -= next.bytes;
        }
        if (bytes <= LARGE_ENTRY_BYTES) { // larger ones take nothing along
            rhythm.beat(System.nanoTime());
        }
        return entry;
    }

    private PartitionMessage encode(List<Waiting> entry, @Nullable QueueCommand queue) {
        return encoder.encode(entry.stream().map(Waiting::append).toList(), queue);
    }

    private void complete(List<Waiting> entry, @Nullable PartitionReply answer, @Nullable Throwable failure) {
        for (int i = 0; i < entry.size(); i++) {
            Waiting one = entry.get(i);
            partitionBudget.release(one.bytes);
            nodeBudget.release(one.bytes);
            if (answer == null) {
                one.result.completeExceptionally(failure == null ? new IllegalStateException("no answer") : failure);
                continue;
            }
            if (answer.getBatchesCount() != entry.size()) {
                one.result.completeExceptionally(new Refusal(
                        ErrorReason.ERROR_REASON_UNAVAILABLE,
                        WriteOutcome.WRITE_OUTCOME_UNKNOWN,
                        "the replica was replaced meanwhile: try again",
                        RETRY_AFTER,
                        Map.of()));
                continue;
            }
            BatchReplies.complete(one.append, one.result, answer, answer.getBatches(i));
        }
    }
}
