package io.holdfast.consensus.queue;

import static org.assertj.core.api.Assertions.assertThat;

import io.holdfast.consensus.AwakeClock;
import io.holdfast.consensus.raft.GroupId;
import io.holdfast.internal.v1.QueueCommand;
import io.holdfast.internal.v1.QueueOpen;
import io.holdfast.internal.v1.QueueOperation;
import io.holdfast.internal.v1.RunPhase;
import io.holdfast.v1.Outcome;
import io.holdfast.v1.QueueOrder;
import io.holdfast.v1.QueuePriority;
import io.holdfast.v1.Settlement;
import io.holdfast.v1.Start;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.HashSet;
import java.util.List;
import java.util.Map;
import java.util.Random;
import java.util.Set;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.TimeUnit;
import org.junit.jupiter.api.Test;

/** The leader's side of queue groups, on a partition that a test controls. */
class QueueLaneTest {
    private static final long GROUP = 5;
    private static final AcquireTerms ONE = new AcquireTerms(1, 1000, 0);

    private final FakePartition partition = new FakePartition();
    private QueuePolicy policy = policy(QueueOrder.QUEUE_ORDER_UNORDERED, 100);
    private boolean deleted;
    private boolean heldBack;
    private final List<Runnable> later = new ArrayList<>();
    private final QueueLane lane = new QueueLane(
            partition,
            new QueueResources(
                    new QueuePolicies() {
                        @Override
                        public QueuePolicy of(long groupId) {
                            return deleted ? null : policy;
                        }

                        @Override
                        public boolean isHeldBack(long groupId, GroupId of) {
                            return heldBack;
                        }

                        @Override
                        public boolean isDeleted(long groupId) {
                            return deleted;
                        }
                    },
                    new RecordCache(1 << 20),
                    Runnable::run,
                    (task, nanos) -> later.add(task),
                    () -> true));

    private static QueuePolicy policy(QueueOrder order, int inFlightMax) {
        return policy(order, inFlightMax, Integer.MAX_VALUE);
    }

    private static QueuePolicy policy(QueueOrder order, int inFlightMax, int memberInFlightMax) {
        return new QueuePolicy(
                Start.newBuilder().setEarliest(true).build(),
                0,
                30_000,
                5,
                0,
                0,
                inFlightMax,
                memberInFlightMax,
                order,
                QueuePriority.QUEUE_PRIORITY_IGNORED,
                false,
                false,
                false);
    }

    private CompletableFuture<List<LeasedRecord>> acquire(int max) {
        return lane.acquire(GROUP, "m", new AcquireTerms(max, 1 << 20, 0), true);
    }

    private static List<Long> offsets(CompletableFuture<List<LeasedRecord>> acquired) {
        return acquired.join().stream().map(LeasedRecord::offset).toList();
    }

    private CompletableFuture<List<Boolean>> settle(LeasedRecord record, Outcome outcome) {
        return lane.settle(
                GROUP,
                List.of(Settlement.newBuilder()
                        .setOffset(record.offset())
                        .setLeaseId(record.leaseId())
                        .setOutcome(outcome)
                        .build()));
    }

    @Test
    void shouldGatherWhatArrivesWhileAnEntryIsUnderWayAndLeaseNothingTwice() {
        partition.append("", "", "", "", "");
        acquire(1).join(); // opens the group
        partition.slow = true;
        int before = partition.commands.size();
        CompletableFuture<List<LeasedRecord>> first = acquire(1);
        CompletableFuture<List<LeasedRecord>> second = acquire(1);
        CompletableFuture<List<LeasedRecord>> third = acquire(5);
        assertThat(partition.proposed).hasSize(1);

        partition.applyNext();
        assertThat(offsets(first)).containsExactly(1L);
        partition.applyNext();

        assertThat(offsets(second)).containsExactly(2L);
        assertThat(offsets(third)).containsExactly(3L, 4L);
        assertThat(partition.commands.size() - before).isEqualTo(2);
    }

    @Test
    void shouldWriteWhatComesMeanwhileInOneEntry() {
        partition.append("", "", "", "", "", "");
        List<LeasedRecord> leased = acquire(4).join();
        partition.slow = true;
        CompletableFuture<List<LeasedRecord>> first = acquire(1);
        List<CompletableFuture<List<Boolean>>> settled = new ArrayList<>();
        leased.forEach(record -> settled.add(settle(record, Outcome.OUTCOME_ACCEPT)));
        CompletableFuture<List<LeasedRecord>> second = acquire(1);
        assertThat(partition.proposed).hasSize(1);

        partition.applyNext();
        assertThat(offsets(first)).containsExactly(4L);
        assertThat(settled).noneMatch(CompletableFuture::isDone);
        assertThat(partition.proposed).as("all that waited").hasSize(1);
        partition.applyNext();

        assertThat(offsets(second)).containsExactly(5L);
        assertThat(settled).allSatisfy(one -> assertThat(one.join()).containsExactly(true));
        assertThat(partition.proposed).as("nothing is written twice").isEmpty();
    }

    @Test
    void shouldRefuseWhatWaitsAndGoOnAfterwards() {
        partition.append("", "");
        acquire(1).join();
        partition.slow = true;
        CompletableFuture<List<LeasedRecord>> underWay = acquire(1);
        CompletableFuture<List<LeasedRecord>> waiting = acquire(1);

        lane.follows(partition.notLeader());
        assertThat(waiting).isCompletedExceptionally();
        partition.applyNext();
        assertThat(offsets(underWay)).containsExactly(1L);

        lane.leads();
        partition.append("");
        CompletableFuture<List<LeasedRecord>> next = acquire(1);
        partition.applyNext();
        assertThat(offsets(next)).containsExactly(2L);
    }

    /** Appends wait for the lane's next entry, so it must say when there is none, whatever becomes of the last. */
    @Test
    void shouldSayWhenItHasNoMoreToPropose() {
        partition.append("", "");
        acquire(1).join();
        partition.slow = true;
        partition.proceeded = 0;
        acquire(1);
        CompletableFuture<List<LeasedRecord>> next = acquire(1);
        partition.applyNext();
        assertThat(partition.proceeded).as("there was nothing for the next").isEqualTo(1);
        assertThat(next).isCompletedWithValue(List.of());

        await("m", 1);
        partition.waiting.add("");
        partition.proposeWaiting(lane);
        assertThat(partition.proceeded).isEqualTo(1);
        partition.failNext();
        assertThat(partition.proceeded).isEqualTo(2);

        partition.leads = false;
        assertThat(acquire(1)).isCompletedExceptionally();
        assertThat(partition.proceeded).isEqualTo(3);
    }

    /** Appends may wait for a command that does not come, as the one who would send it waits for them. */
    @Test
    void shouldSayWhenAppendsAreAwaited() {
        partition.proceeded = 0;
        await("m", 1);
        assertThat(partition.proceeded).as("there are none").isZero();
        partition.waiting.add("");
        await("m", 1);
        assertThat(partition.proceeded).isEqualTo(1);
    }

    /** Only who keeps an order has to wait for another partition. */
    @Test
    void shouldHandOutNothingInOrderWhileItIsHeldBack() {
        partition.append("k", "k");
        heldBack = true;
        policy = policy(QueueOrder.QUEUE_ORDER_KEYED, 100);
        assertThat(offsets(acquire(2))).isEmpty();
        policy = policy(QueueOrder.QUEUE_ORDER_EXCLUSIVE, 100);
        assertThat(offsets(acquire(2))).isEmpty();
        policy = policy(QueueOrder.QUEUE_ORDER_UNORDERED, 100);
        assertThat(offsets(acquire(1))).containsExactly(0L);

        heldBack = false;
        policy = policy(QueueOrder.QUEUE_ORDER_EXCLUSIVE, 100);
        assertThat(offsets(acquire(1))).containsExactly(1L);
    }

    @Test
    void shouldStartTheClockOfATermWhereTheReplicatedOneIs() throws InterruptedException {
        partition.append("");
        acquire(1).join();
        LeaderClock clock = new LeaderClock(partition);
        clock.start();
        Thread.sleep(50); // this leader's own time goes on, and nothing is written
        assertThat(clock.nowMs()).isGreaterThan(partition.table.clockMs());

        partition.leads = false;
        partition.term = 2;
        long elsewhere = partition.table.clockMs() + 10; // another leader counts on from what was replicated
        partition.table.apply(
                QueueCommand.newBuilder()
                        .setClockMs(elsewhere)
                        .addOperations(
                                QueueOperation.newBuilder().setGroupId(GROUP).setOpen(QueueOpen.getDefaultInstance()))
                        .build(),
                0,
                0,
                1);
        partition.term = 3;
        partition.leads = true; // again, and no news of it has come yet

        assertThat(clock.nowMs()).isBetween(elsewhere, elsewhere + 30);
    }

    @Test
    void shouldNotCountTimeInWhichTheLeaderSlept() {
        AwakeClock clock = new AwakeClock();
        clock.startAt(1000, 0);
        assertThat(clock.now(200_000_000)).isEqualTo(1200);
        assertThat(clock.now(60_200_000_000L)).as("a minute's pause").isEqualTo(1700);
        assertThat(clock.now(60_300_000_000L)).isEqualTo(1800);
    }

    @Test
    void shouldWakeAMemberWhenThereIsSomethingForItAndNotBefore() {
        acquire(1).join();
        CompletableFuture<List<LeasedRecord>> ready = lane.whenReady(GROUP, "m", AcquireTerms.NOTICE);
        assertThat(ready).isNotDone();
        partition.append("");
        assertThat(ready).isDone();

        LeasedRecord record = acquire(1).join().get(0);
        ready = lane.whenReady(GROUP, "m", AcquireTerms.NOTICE);
        assertThat(ready).isNotDone();
        settle(record, Outcome.OUTCOME_RELEASE).join();
        assertThat(ready).isDone();

        policy = policy(QueueOrder.QUEUE_ORDER_UNORDERED, 1);
        record = acquire(1).join().get(0);
        partition.append("", "");
        ready = lane.whenReady(GROUP, "m", AcquireTerms.NOTICE);
        assertThat(ready).as("as many out as may be").isNotDone();
        settle(record, Outcome.OUTCOME_ACCEPT).join();
        assertThat(ready).isDone();
    }

    private CompletableFuture<List<LeasedRecord>> await(String member, int max) {
        return lane.whenReady(GROUP, member, new AcquireTerms(max, 1 << 20, 0));
    }

    @Test
    void shouldLeaseRecordsInTheEntryThatAppendsThemToWhoWaitsAlone() {
        acquire(1).join();
        CompletableFuture<List<LeasedRecord>> waits = await("m", 2);
        partition.waiting.addAll(List.of("", "", ""));
        int before = partition.commands.size();

        assertThat(partition.proposeWaiting(lane)).isTrue();

        assertThat(offsets(waits)).containsExactly(0L, 1L);
        assertThat(partition.commands.size() - before).isEqualTo(1);
        assertThat(settle(waits.join().get(0), Outcome.OUTCOME_ACCEPT).join()).containsExactly(true);
        assertThat(offsets(acquire(5))).as("more than it wanted").containsExactly(2L);
    }

    @Test
    void shouldLeaseToWhoAcquiresWhatTheSameEntryAppendsUnlessAnotherWaits() {
        acquire(1).join();
        partition.waiting.addAll(List.of("", ""));
        CompletableFuture<List<LeasedRecord>> first = acquire(5);
        assertThat(offsets(first)).containsExactly(0L, 1L);

        partition.waiting.add("");
        assertThat(lane.acquire(GROUP, "m", ONE, false).join())
                .as("it would not wait")
                .isEmpty();
        await("n", 5);
        assertThat(offsets(acquire(5))).isEmpty();
    }

    @Test
    void shouldLeaseWhatGoesAlongWithAnotherEntryOfTheLane() {
        partition.append("");
        LeasedRecord first = acquire(1).join().get(0);
        CompletableFuture<List<LeasedRecord>> waits = await("m", 10);
        partition.waiting.addAll(List.of("", ""));

        settle(first, Outcome.OUTCOME_ACCEPT).join();

        assertThat(offsets(waits)).containsExactly(1L, 2L);
    }

    private void runLater() {
        List<Runnable> due = new ArrayList<>(later);
        later.clear();
        due.forEach(Runnable::run);
    }

    @Test
    void shouldLetSettlementsGoAlongWithAppendsThatAreFrequent() {
        partition.append("", "");
        List<LeasedRecord> leased = acquire(2).join();
        partition.appendsOften = true;
        int before = partition.commands.size();
        CompletableFuture<List<Boolean>> first = settle(leased.get(0), Outcome.OUTCOME_ACCEPT);
        CompletableFuture<List<Boolean>> second = settle(leased.get(1), Outcome.OUTCOME_ACCEPT);
        assertThat(partition.commands).hasSize(before);

        partition.waiting.add("");
        assertThat(partition.proposeWaiting(lane)).isTrue();

        assertThat(first.join()).containsExactly(true);
        assertThat(second.join()).containsExactly(true);
        assertThat(partition.commands).hasSize(before + 1);
        runLater();
        assertThat(partition.commands).as("nothing is left").hasSize(before + 1);
    }

    @Test
    void shouldWriteSettlementsAfterAMomentIfTheAppendsDoNotCome() {
        partition.append("", "");
        List<LeasedRecord> leased = acquire(2).join();
        partition.appendsOften = true;
        CompletableFuture<List<Boolean>> first = settle(leased.get(0), Outcome.OUTCOME_ACCEPT);
        runLater();
        assertThat(first).as("not yet").isNotDone();
        partition.appendsOften = false;
        runLater();
        assertThat(first.join()).containsExactly(true);

        partition.appendsOften = true;
        CompletableFuture<List<Boolean>> second = settle(leased.get(1), Outcome.OUTCOME_ACCEPT);
        long deadline = System.nanoTime() + TimeUnit.SECONDS.toNanos(10);
        while (!second.isDone() && System.nanoTime() < deadline) {
            runLater();
        }
        assertThat(second).as("it has waited long enough, whatever is expected").isDone();
        assertThat(later).isEmpty();
    }

    @Test
    void shouldHoldBackNoSettlementThatOthersMayWaitFor() {
        partition.append("", "", "", "");
        List<LeasedRecord> leased = acquire(3).join();
        partition.appendsOften = true;
        assertThat(settle(leased.get(0), Outcome.OUTCOME_RELEASE)).isDone();
        policy = policy(QueueOrder.QUEUE_ORDER_KEYED, 100);
        assertThat(settle(leased.get(1), Outcome.OUTCOME_ACCEPT)).isDone();
        policy = policy(QueueOrder.QUEUE_ORDER_UNORDERED, 99);
        assertThat(settle(leased.get(2), Outcome.OUTCOME_ACCEPT)).isDone();

        policy = policy(QueueOrder.QUEUE_ORDER_UNORDERED, 100);
        LeasedRecord last = acquire(1).join().get(0);
        CompletableFuture<List<Boolean>> heldBack = settle(last, Outcome.OUTCOME_ACCEPT);
        assertThat(heldBack).isNotDone();
        acquire(1).join();
        assertThat(heldBack).as("it goes along with whatever comes").isDone();
    }

    @Test
    void shouldRefuseSettlementsThatAreHeldBackWhenItLosesOffice() {
        partition.append("");
        LeasedRecord leased = acquire(1).join().get(0);
        partition.appendsOften = true;
        CompletableFuture<List<Boolean>> settled = settle(leased, Outcome.OUTCOME_ACCEPT);
        lane.follows(partition.notLeader());
        assertThat(settled).isCompletedExceptionally();
        runLater();
        assertThat(later).isEmpty();
    }

    @Test
    void shouldLeaseNothingEarlyWhereOthersWaitOrOrderOrLimitsMatter() {
        acquire(1).join();
        CompletableFuture<List<LeasedRecord>> one = await("m", 5);
        CompletableFuture<List<LeasedRecord>> other = await("n", 5);
        partition.waiting.add("k");
        assertThat(partition.proposeWaiting(lane)).as("two wait").isFalse();
        assertThat(List.of(one.join(), other.join())).containsOnly(List.of());
        List<LeasedRecord> held = acquire(1).join();

        for (QueueOrder order : List.of(
                QueueOrder.QUEUE_ORDER_KEYED,
                QueueOrder.QUEUE_ORDER_KEYED_PARK_FAILED,
                QueueOrder.QUEUE_ORDER_EXCLUSIVE)) {
            policy = policy(order, 100);
            one = await("m", 5);
            partition.waiting.add("k2");
            assertThat(partition.proposeWaiting(lane)).as(order.name()).isFalse();
            one.cancel(false);
            policy = policy(QueueOrder.QUEUE_ORDER_UNORDERED, 100);
            acquire(1)
                    .join()
                    .forEach(record -> settle(record, Outcome.OUTCOME_ACCEPT).join());
        }

        policy = policy(QueueOrder.QUEUE_ORDER_UNORDERED, 1);
        one = await("m", 5);
        partition.waiting.add("");
        assertThat(partition.proposeWaiting(lane)).as("as many out as may be").isFalse();
        settle(held.get(0), Outcome.OUTCOME_ACCEPT).join();
        assertThat(one.join()).as("there is one to acquire").isEmpty();
        one = await("m", 0);
        partition.waiting.add("");
        assertThat(partition.proposeWaiting(lane)).as("it only wants to know").isFalse();
    }

    @Test
    void shouldKeepToAMembersLimitAlsoIfItAsksTwiceForWhatComes() {
        acquire(1).join();
        policy = policy(QueueOrder.QUEUE_ORDER_UNORDERED, 100, 1);
        partition.slow = true;
        CompletableFuture<Long> underWay = lane.seek(GROUP, 0);
        CompletableFuture<List<LeasedRecord>> first = acquire(1);
        CompletableFuture<List<LeasedRecord>> second = acquire(1);
        partition.waiting.addAll(List.of("", ""));

        while (!partition.proposed.isEmpty()) {
            partition.applyNext();
        }

        assertThat(underWay).isCompleted();
        assertThat(offsets(first)).containsExactly(0L);
        assertThat(offsets(second)).isEmpty();
    }

    @Test
    void shouldGiveBackWhatWasLeasedToOneThatHasStoppedWaiting() {
        acquire(1).join();
        partition.slow = true;
        CompletableFuture<List<LeasedRecord>> waits = await("m", 5);
        partition.waiting.add("");
        assertThat(partition.proposeWaiting(lane)).isTrue();
        waits.cancel(false);
        partition.applyNext();
        assertThat(partition.table.state(GROUP).runs().records(RunPhase.RUN_PHASE_LEASED))
                .isEqualTo(1);
        partition.applyNext(); // given back

        partition.slow = false;
        assertThat(offsets(acquire(5))).containsExactly(0L);
    }

    @Test
    void shouldLetWaitOnWhoseEntryIsLost() {
        acquire(1).join();
        partition.slow = true;
        CompletableFuture<List<LeasedRecord>> waits = await("m", 5);
        partition.waiting.add("");
        partition.proposeWaiting(lane);
        partition.failNext();
        assertThat(waits).isNotDone();

        partition.slow = false;
        partition.waiting.add("");
        assertThat(partition.proposeWaiting(lane)).isTrue();
        assertThat(offsets(waits)).containsExactly(0L);
    }

    @Test
    void shouldDeliverWhatWasLeasedEarlyAlsoIfItHasLostOfficeMeanwhile() {
        acquire(1).join();
        partition.slow = true;
        CompletableFuture<List<LeasedRecord>> waits = await("m", 5);
        partition.waiting.add("");
        partition.proposeWaiting(lane);
        lane.follows(partition.notLeader());
        assertThat(waits).as("its lease may be in the log").isNotDone();
        partition.applyNext();
        assertThat(offsets(waits)).containsExactly(0L);

        waits = await("m", 5);
        partition.waiting.add("");
        partition.proposeWaiting(lane);
        lane.follows(partition.notLeader());
        partition.failNext();
        assertThat(waits).isCompletedExceptionally();
    }

    /** Members that acquire, wait, settle and leave at random, entries that are lost or slow: each lease is in somebody's hands. */
    @Test
    void shouldLeaseEarlyNothingThatNobodyHolds() {
        for (long seed = 0; seed < 500; seed++) {
            new EarlyRun(seed).go();
        }
    }

    private static final class EarlyRun {
        private final QueueLaneTest test = new QueueLaneTest();
        private final FakePartition partition = test.partition;
        private final Random random;
        private final String name;
        private final Map<Long, LeasedRecord> out = new HashMap<>();
        private final Set<Long> done = new HashSet<>();
        private final List<CompletableFuture<List<LeasedRecord>>> waits = new ArrayList<>();
        private int early;

        EarlyRun(long seed) {
            random = new Random(seed);
            name = "seed " + seed;
            int inFlightMax = 1 + random.nextInt(20) + 100 * random.nextInt(2);
            test.policy = policy(QueueOrder.QUEUE_ORDER_UNORDERED, inFlightMax);
        }

        void go() {
            test.acquire(1).join();
            partition.slow = true;
            for (int step = 0; step < 300; step++) {
                switch (random.nextInt(9)) {
                    case 0 -> await();
                    case 1 -> partition.waiting.addAll(List.of("", "").subList(0, 1 + random.nextInt(2)));
                    case 2 -> early += partition.proposeWaiting(test.lane) ? 1 : 0;
                    case 3 -> taken(test.acquire(1 + random.nextInt(3)));
                    case 4, 5 -> settleOne();
                    case 6 -> {
                        if (!waits.isEmpty() && random.nextInt(3) == 0) {
                            waits.remove(random.nextInt(waits.size())).cancel(false);
                        }
                    }
                    case 7 -> {
                        partition.appendsOften = random.nextInt(3) > 0;
                        test.runLater();
                    }
                    default -> step();
                }
            }
            waits.forEach(wait -> wait.cancel(false));
            partition.appendsOften = false;
            test.runLater();
            for (int i = 0; i < 100; i++) {
                partition.proposeWaiting(test.lane);
                drain();
                settleOne();
            }
            QueueState state = partition.table.state(GROUP);
            assertThat(state.runs().records(RunPhase.RUN_PHASE_LEASED)).as(name).isEqualTo(out.size());
            while (done.size() < partition.keys.size()) {
                taken(test.acquire(5));
                drain();
                assertThat(out.keySet()).as(name + ": nobody gets what is left").isNotEmpty();
                new ArrayList<>(out.values()).forEach(this::accept);
                drain();
            }
            assertThat(partition.proposed).as(name).isEmpty();
        }

        private void await() {
            CompletableFuture<List<LeasedRecord>> wait = test.await("m" + random.nextInt(2), 1 + random.nextInt(4));
            waits.add(wait);
            wait.thenRun(() -> waits.remove(wait));
            taken(wait);
        }

        private void taken(CompletableFuture<List<LeasedRecord>> leased) {
            leased.thenAccept(records -> records.forEach(record -> {
                assertThat(done).as(name).doesNotContain(record.offset());
                assertThat(out.put(record.offset(), record)).as(name).isNull();
            }));
        }

        private void settleOne() {
            if (!out.isEmpty()) {
                List<Long> offsets = new ArrayList<>(out.keySet());
                LeasedRecord record = out.get(offsets.get(random.nextInt(offsets.size())));
                if (random.nextInt(4) == 0) {
                    out.remove(record.offset());
                    test.settle(record, Outcome.OUTCOME_RELEASE);
                } else {
                    accept(record);
                }
            }
        }

        private void accept(LeasedRecord record) {
            out.remove(record.offset());
            test.settle(record, Outcome.OUTCOME_ACCEPT).thenAccept(accepted -> {
                assertThat(accepted).as(name).containsExactly(true);
                done.add(record.offset());
            });
        }

        private void step() {
            if (!partition.proposed.isEmpty()) {
                partition.applyNext();
            }
        }

        private void drain() {
            while (!partition.proposed.isEmpty()) {
                partition.applyNext();
            }
        }
    }

    @Test
    void shouldSayNoToThoseWhoWaitWhenItLosesOffice() {
        partition.append("");
        acquire(1).join();
        partition.slow = true;
        CompletableFuture<List<LeasedRecord>> underWay = acquire(1);
        CompletableFuture<List<LeasedRecord>> ready = lane.whenReady(GROUP, "m", AcquireTerms.NOTICE);
        partition.leads = false;
        lane.follows(partition.notLeader());
        assertThat(ready).isCompletedExceptionally();
        assertThat(underWay).isCompleted(); // there was nothing for it
        assertThat(acquire(1)).isCompletedExceptionally();
    }

    @Test
    void shouldForgetAGroupThatWasDeleted() {
        partition.append("");
        acquire(1).join();
        assertThat(partition.table.state(GROUP)).isNotNull();
        deleted = true;
        lane.tick();
        assertThat(partition.table.state(GROUP)).isNull();
        assertThat(acquire(1)).isCompletedExceptionally();
    }

    @Test
    void shouldGiveAPartitionToOneMemberAtATimeIfExclusive() {
        policy = policy(QueueOrder.QUEUE_ORDER_EXCLUSIVE, 100);
        partition.append("", "", "");
        LeasedRecord held = lane.acquire(GROUP, "a", ONE, true).join().get(0);
        assertThat(lane.acquire(GROUP, "b", ONE, true).join()).isEmpty();
        settle(held, Outcome.OUTCOME_ACCEPT).join();
        assertThat(lane.acquire(GROUP, "b", ONE, true).join()).isEmpty();
        assertThat(lane.acquire(GROUP, "a", ONE, true).join()).hasSize(1);
    }

    /** Random members at work: of a key one record is out at a time, each in order, and nobody is kept waiting in vain. */
    @Test
    void shouldKeepTheOrderOfEachKeyWhateverItsMembersDo() {
        for (long seed = 0; seed < 200; seed++) {
            new KeyedRun(seed).go();
        }
    }

    private static final class KeyedRun {
        private final QueueLaneTest test = new QueueLaneTest();
        private final Random random;
        private final String name;
        private final Map<Long, LeasedRecord> out = new HashMap<>();
        private final Set<Long> done = new HashSet<>();
        private final Map<String, Long> lastDone = new HashMap<>();

        KeyedRun(long seed) {
            random = new Random(seed);
            name = "seed " + seed;
            test.policy = policy(QueueOrder.QUEUE_ORDER_KEYED, 1 + random.nextInt(20));
        }

        void go() {
            for (int i = 0; i < 40; i++) {
                test.partition.append(random.nextInt(6) == 0 ? "" : "k" + random.nextInt(5));
            }
            for (int step = 0; step < 400 && done.size() < 40; step++) {
                if (random.nextBoolean()) {
                    acquire(1 + random.nextInt(4));
                } else if (!out.isEmpty()) {
                    List<Long> offsets = new ArrayList<>(out.keySet());
                    settle(out.get(offsets.get(random.nextInt(offsets.size()))));
                }
            }
            assertThat(done).as(name).hasSize(40);
        }

        private void acquire(int max) {
            List<LeasedRecord> leased = test.acquire(max).join();
            if (leased.isEmpty() && out.isEmpty() && done.size() < 40) {
                throw new AssertionError(name + ": nothing is out and nothing is handed out");
            }
            for (LeasedRecord record : leased) {
                String key = key(record.offset());
                for (long other : out.keySet()) {
                    assertThat(key.isEmpty() || !key.equals(key(other)))
                            .as(name)
                            .isTrue();
                }
                for (long earlier = 0; earlier < record.offset(); earlier++) {
                    if (!key.isEmpty() && key(earlier).equals(key)) {
                        assertThat(done)
                                .as(name + ": before " + record.offset())
                                .contains(earlier);
                    }
                }
                out.put(record.offset(), record);
            }
        }

        private void settle(LeasedRecord record) {
            boolean accept = random.nextInt(3) > 0;
            assertThat(test.settle(record, accept ? Outcome.OUTCOME_ACCEPT : Outcome.OUTCOME_RELEASE)
                            .join())
                    .as(name)
                    .containsExactly(true);
            out.remove(record.offset());
            if (accept) {
                done.add(record.offset());
                assertThat(test.partition.table.state(GROUP).phase(record.offset()))
                        .isEqualTo(RunPhase.RUN_PHASE_DONE);
                Long before = lastDone.put(key(record.offset()), record.offset());
                assertThat(key(record.offset()).isEmpty() || before == null || before < record.offset())
                        .as(name)
                        .isTrue();
            }
        }

        private String key(long offset) {
            return test.partition.keys.get((int) offset);
        }
    }
}
