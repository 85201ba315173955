package io.holdfast.consensus.schedule;

import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.atomic.AtomicBoolean;

/**
 * The leader's side of a partition's schedule: appends what is due, in the order of time and number, so many at once, and
 * the next ones when those are answered. An append takes effect only if the record is still kept, so one that is asked
 * for twice, by this leader or the one before, happens once. Any thread.
 */
public final class ScheduleLane {
    private static final int RECORDS_AT_ONCE = 500;
    private static final long BYTES_AT_ONCE = 1 << 20;

    private final SchedulePartition partition;
    private final ScheduleResources resources;
    private final AtomicBoolean busy = new AtomicBoolean();

    public ScheduleLane(SchedulePartition partition, ScheduleResources resources) {
        this.partition = partition;
        this.resources = resources;
    }

    /** Lets time pass. What could not be appended is tried again at the next tick. */
    public void tick() {
        long nowMs = resources.clockMs().getAsLong();
        if (partition.earliestMs() > nowMs || !partition.leads() || !busy.compareAndSet(false, true)) {
            return;
        }
        CompletableFuture<Boolean> round;
        try {
            round = appendDue(nowMs);
        } catch (RuntimeException e) { // mostly: closed meanwhile
            round = CompletableFuture.failedFuture(e);
        }
        round.whenComplete((more, failure) -> {
            busy.set(false);
            if (failure == null && more) {
                resources.executor().execute(this::tick);
            }
        });
    }

    /** Completes with whether there may be more. */
    private CompletableFuture<Boolean> appendDue(long nowMs) {
        List<ScheduledRecord> due = partition.ask(table -> table.due(nowMs, RECORDS_AT_ONCE, BYTES_AT_ONCE));
        List<CompletableFuture<?>> appends = new ArrayList<>();
        for (ScheduledRecord record : due) {
            appends.add(partition
                    .append(record)
                    .thenAccept(appendMs -> resources
                            .lateness()
                            .accept(Math.max(0, appendMs - record.position().dueMs()))));
        }
        return CompletableFuture.allOf(appends.toArray(CompletableFuture[]::new))
                .thenApply(ok -> !due.isEmpty());
    }
}
