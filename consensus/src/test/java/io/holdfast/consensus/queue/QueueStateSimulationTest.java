package io.holdfast.consensus.queue;

import static org.assertj.core.api.Assertions.assertThat;

import io.holdfast.internal.v1.DeadRecord;
import io.holdfast.internal.v1.GrantedRange;
import io.holdfast.internal.v1.LeasedRange;
import io.holdfast.internal.v1.OffsetRange;
import io.holdfast.internal.v1.QueueAcquire;
import io.holdfast.internal.v1.QueueCommand;
import io.holdfast.internal.v1.QueueDeadMoved;
import io.holdfast.internal.v1.QueueDecide;
import io.holdfast.internal.v1.QueueDiscard;
import io.holdfast.internal.v1.QueueExpire;
import io.holdfast.internal.v1.QueueOpen;
import io.holdfast.internal.v1.QueueOperation;
import io.holdfast.internal.v1.QueueRedrive;
import io.holdfast.internal.v1.QueueResult;
import io.holdfast.internal.v1.QueueRow;
import io.holdfast.internal.v1.QueueSeek;
import io.holdfast.internal.v1.QueueSettle;
import io.holdfast.v1.Outcome;
import io.holdfast.v1.ParkedDecision;
import java.util.ArrayList;
import java.util.List;
import java.util.Random;
import java.util.TreeMap;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.parallel.Execution;
import org.junit.jupiter.api.parallel.ExecutionMode;

/**
 * Gives the same random commands to {@link QueueTable}, on three replicas of which some are restored from rows in between or
 * replay the commands since their last rows, and to {@link QueueModel}; compares everything after each.
 *
 * <p>{@code -Dholdfast.seeds=10000} runs more of them, {@code -Dholdfast.seed=N} one.
 */
@Execution(ExecutionMode.CONCURRENT)
class QueueStateSimulationTest {
    private static final long GROUP = 7;
    private static final int STEPS = 150;

    @Test
    void shouldDoWhatTheModelDoes() {
        String only = System.getProperty("holdfast.seed");
        if (only != null) {
            new Run(Long.parseLong(only)).go();
            return;
        }
        int seeds = Integer.getInteger("holdfast.seeds", 400);
        for (long seed = 0; seed < seeds; seed++) {
            new Run(seed).go();
        }
    }

    private record Applied(QueueCommand command, long nowMs, long start, long end) {}

    /** A replica, the rows that it stored last, and what it applied since. */
    private static final class Replica {
        QueueTable table = new QueueTable();
        List<QueueRow> rows = List.of();
        long rowsClock;
        final List<Applied> since = new ArrayList<>();

        List<QueueResult> apply(Applied applied) {
            since.add(applied);
            return apply(table, applied);
        }

        private static List<QueueResult> apply(QueueTable to, Applied applied) {
            if (applied.command == null) {
                to.trimmed(applied.start);
                return List.of();
            }
            return to.apply(applied.command, applied.nowMs, applied.start, applied.end);
        }

        void store() {
            QueueRow row = table.row(GROUP);
            rows = row == null ? List.of() : List.of(row);
            rowsClock = table.clockMs();
            since.clear();
        }

        void restart() {
            table = new QueueTable();
            table.load(rowsClock, rows);
            since.forEach(applied -> apply(table, applied));
        }
    }

    private static final class Run {
        private final long seed;
        private final Random random;
        private final List<Replica> replicas = List.of(new Replica(), new Replica(), new Replica());
        private final QueueModel model;
        private final TreeMap<Long, Long> deadOffsets = new TreeMap<>();
        private long start;
        private long end = 20;
        private long clock;
        private long now = 1_000_000;

        Run(long seed) {
            this.seed = seed;
            random = new Random(seed);
            long begin = random.nextInt(20);
            model = new QueueModel(begin);
            apply(operation().setOpen(QueueOpen.newBuilder().setStartOffset(begin)));
        }

        void go() {
            for (int step = 0; step < STEPS; step++) {
                String what = step();
                for (Replica replica : replicas) {
                    if (random.nextInt(10) == 0) {
                        replica.store();
                    }
                    if (random.nextInt(20) == 0) {
                        replica.restart();
                    }
                    compare(replica.table, "seed " + seed + ", step " + step + ", after " + what);
                }
            }
        }

        private static QueueOperation.Builder operation() {
            return QueueOperation.newBuilder().setGroupId(GROUP);
        }

        private QueueResult apply(QueueOperation.Builder operation) {
            // A leader's clock may be behind the last one's: time must not go back.
            long stamp = random.nextInt(10) == 0 ? clock - random.nextInt(50) : clock;
            model.clock = Math.max(model.clock, stamp);
            QueueCommand command = QueueCommand.newBuilder()
                    .setClockMs(Math.max(0, stamp))
                    .addOperations(operation)
                    .build();
            List<QueueResult> results = new ArrayList<>();
            replicas.forEach(replica -> results.addAll(replica.apply(new Applied(command, now, start, end))));
            assertThat(results).as("seed " + seed).allMatch(results.get(0)::equals);
            return results.get(0);
        }

        private String step() {
            end += random.nextInt(4) == 0 ? random.nextInt(5) : 0;
            clock += random.nextInt(30);
            now += random.nextInt(30);
            switch (random.nextInt(15)) {
                case 0, 1, 2, 3 -> {
                    QueueAcquire.Builder acquire = QueueAcquire.newBuilder()
                            .setMember("m" + random.nextInt(3))
                            .setLeaseMs(1 + random.nextInt(100));
                    for (int i = random.nextInt(3); i >= 0; i--) {
                        acquire.addRanges(anyRange(6));
                    }
                    QueueResult result = apply(operation().setAcquire(acquire));
                    List<Long> granted = offsets(result.getGrantedList().stream()
                            .map(GrantedRange::getRange)
                            .toList());
                    assertThat(granted).as("seed " + seed).isEqualTo(model.acquire(acquire.build(), end));
                    granted.forEach(o -> {
                        assertThat(model.at(o).lease).as("seed " + seed).isEqualTo(result.getLeaseId());
                    });
                    return "acquire " + acquire;
                }
                case 4, 5, 6, 7, 8 -> {
                    OffsetRange range = anyRange(4);
                    long lease = model.at(range.getFrom()).lease + (random.nextInt(8) == 0 ? 1 : 0);
                    QueueSettle settle = QueueSettle.newBuilder()
                            .setRange(range)
                            .setLeaseId(lease)
                            .setOutcome(Outcome.forNumber(1 + random.nextInt(5)))
                            .setDelayMs(random.nextInt(3) * 40L)
                            .setReason("r" + random.nextInt(2))
                            .setFailuresMax(1 + random.nextInt(4))
                            .setDiscardDead(random.nextInt(6) == 0)
                            .setParkDead(random.nextInt(4) == 0)
                            .build();
                    QueueResult result = apply(operation().setSettle(settle));
                    assertThat(offsets(result.getLostList())).as("seed " + seed).isEqualTo(model.settle(settle, now));
                    return "settle " + settle;
                }
                case 9, 10 -> {
                    QueueExpire.Builder expire = QueueExpire.newBuilder()
                            .setFailuresMax(1 + random.nextInt(4))
                            .setParkDead(random.nextInt(4) == 0);
                    for (int i = random.nextInt(3); i >= 0; i--) {
                        OffsetRange range = anyRange(5);
                        expire.addLeases(
                                LeasedRange.newBuilder().setRange(range).setLeaseId(model.at(range.getFrom()).lease));
                    }
                    apply(operation().setExpire(expire));
                    model.expire(expire.build(), now);
                    return "expire " + expire;
                }
                case 13 -> {
                    QueueDecide decide = QueueDecide.newBuilder()
                            .addRanges(anyRange(8))
                            .setDecision(ParkedDecision.forNumber(1 + random.nextInt(3)))
                            .build();
                    List<Long> decided =
                            offsets(apply(operation().setDecide(decide)).getDecidedList());
                    assertThat(decided).as("seed " + seed).isEqualTo(model.decide(decide));
                    return "decide " + decide;
                }
                case 11 -> {
                    for (DeadRecord record : model.pending()) {
                        deadOffsets.put(record.getNumber(), record.getOffset());
                    }
                    long below = random.nextInt(deadOffsets.size() + 1);
                    apply(operation().setDeadMoved(QueueDeadMoved.newBuilder().setBelowNumber(below)));
                    model.deadMoved(below);
                    return "moved below " + below;
                }
                case 12 -> {
                    long number = random.nextInt(deadOffsets.size() + 1);
                    long offset = deadOffsets.getOrDefault(number, 0L);
                    QueueResult result = apply(operation()
                            .setRedrive(
                                    QueueRedrive.newBuilder().setOffset(offset).setNumber(number)));
                    assertThat(result.getRedrive()).as("seed " + seed).isEqualTo(model.redrive(offset, number, start));
                    return "redrive " + number + " at " + offset;
                }
                default -> {
                    return rarely();
                }
            }
        }

        private String rarely() {
            if (random.nextInt(3) > 0) {
                return "nothing";
            }
            if (random.nextBoolean()) {
                QueueDiscard discard =
                        QueueDiscard.newBuilder().addRanges(anyRange(6)).build();
                apply(operation().setDiscard(discard));
                model.discard(discard, end);
                return "discard " + discard;
            }
            if (random.nextBoolean()) {
                long to = start + random.nextInt((int) (end - start) + 1);
                apply(operation().setSeek(QueueSeek.newBuilder().setOffset(to)));
                model.seek(to);
                return "seek " + to;
            }
            start += random.nextInt((int) Math.min(8, end - start) + 1);
            replicas.forEach(replica -> replica.apply(new Applied(null, 0, start, 0)));
            model.trimmed(start);
            return "trim " + start;
        }

        private static List<Long> offsets(List<OffsetRange> ranges) {
            List<Long> offsets = new ArrayList<>();
            for (OffsetRange range : ranges) {
                for (long o = range.getFrom(); o < range.getTo(); o++) {
                    offsets.add(o);
                }
            }
            return offsets;
        }

        private OffsetRange anyRange(int lengthMax) {
            long from = start + random.nextInt((int) (end - start) + 2);
            return OffsetRange.newBuilder()
                    .setFrom(from)
                    .setTo(from + 1 + random.nextInt(lengthMax))
                    .build();
        }

        private void compare(QueueTable table, String when) {
            QueueState state = table.state(GROUP);
            assertThat(state).as(when).isNotNull();
            assertThat(table.clockMs()).as(when).isEqualTo(model.clock);
            assertThat(state.floor()).as(when).isEqualTo(Math.min(state.next(), model.floor(end)));
            long leased = 0;
            long ready = 0;
            for (long o = 0; o < end + 2; o++) {
                QueueModel.Rec rec = model.at(o);
                io.holdfast.consensus.queue.Run run = state.runs().at(o);
                String phase = state.phase(o).name().substring("RUN_PHASE_".length());
                assertThat(phase).as(when + ": offset " + o).isEqualTo(rec.phase);
                if (run != null
                        && !run.status().equals(Status.DONE)
                        && !run.status().equals(Status.DEAD)) {
                    assertThat(run.status().delivered()).as(when).isEqualTo(rec.delivered);
                    assertThat(run.status().failed()).as(when).isEqualTo(rec.failed);
                }
                if (rec.phase.equals("LEASED")) {
                    leased++;
                    assertThat(run).as(when).isNotNull();
                    assertThat(run.status().leaseId()).as(when).isEqualTo(rec.lease);
                    assertThat(run.status().dueMs()).as(when).isEqualTo(rec.due);
                    assertThat(run.status().member()).as(when).isEqualTo(rec.member);
                }
                ready += o < end && rec.phase.equals("READY") ? 1 : 0;
            }
            RunMap runs = state.runs();
            assertThat(runs.leasedBy().values().stream()
                            .mapToLong(Long::longValue)
                            .sum())
                    .as(when)
                    .isEqualTo(leased)
                    .isEqualTo(runs.records(io.holdfast.internal.v1.RunPhase.RUN_PHASE_LEASED));
            assertThat(runs.records(io.holdfast.internal.v1.RunPhase.RUN_PHASE_READY) + Math.max(0, end - state.next()))
                    .as(when)
                    .isEqualTo(ready);
            assertThat(state.dead().oldest(Integer.MAX_VALUE)).as(when).isEqualTo(model.pending());
            runsAreWhole(state, when);
        }

        /** From floor to next without a hole, and no two neighbours that could be one. */
        private static void runsAreWhole(QueueState state, String when) {
            long at = state.floor();
            Status before = null;
            for (io.holdfast.consensus.queue.Run run : state.runs().all()) {
                assertThat(run.from()).as(when).isEqualTo(at);
                assertThat(run.status()).as(when).isNotEqualTo(before);
                at = run.to();
                before = run.status();
            }
            assertThat(at).as(when).isEqualTo(state.next());
        }
    }
}
