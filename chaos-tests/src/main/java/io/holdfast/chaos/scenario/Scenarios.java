package io.holdfast.chaos.scenario;

import static io.holdfast.chaos.arena.Ability.CLOCK;
import static io.holdfast.chaos.arena.Ability.FILES;
import static io.holdfast.chaos.arena.Ability.LINKS;
import static io.holdfast.chaos.arena.Ability.PACKETS;
import static io.holdfast.chaos.arena.Ability.POWER;
import static io.holdfast.chaos.arena.Ability.PROCESSES;
import static io.holdfast.chaos.arena.Ability.SMALL_DISK;
import static io.holdfast.chaos.arena.Ability.SYNCS;

import io.holdfast.chaos.arena.Arena;
import io.holdfast.chaos.arena.Wire;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.Optional;

/** All scenarios. To add one, add it here. */
public final class Scenarios {
    private static final Duration NO_TIME = Duration.ZERO;
    private static final int PROGRESS = 10;
    private static final int SMALL_DISK_MEBIBYTES = 160;

    private static final List<Scenario> ALL = List.of(
            Scenario.of("health", "nothing at all: what breaks without faults", run -> run.calm(15, 20)),
            Scenario.of(
                    "kill",
                    "kill -9 of a leader, the metadata leader, a minority, a majority, all; they come back",
                    Scenarios::kills,
                    PROCESSES),
            Scenario.of(
                    "kill-fast",
                    "kill -9 of any node every one to three seconds, also while it starts",
                    Scenarios::killsWhileStarting,
                    PROCESSES),
            Scenario.of(
                    "pause",
                    "SIGSTOP of leaders, of a minority and a majority, for longer than elections and leases take",
                    Scenarios::pauses,
                    PROCESSES),
            Scenario.of(
                    "pause-then-kill",
                    "a paused leader goes on the moment that its successor is killed",
                    Scenarios::pausesThenKills,
                    PROCESSES),
            Scenario.of("restart", "each node in turn stops in order and starts again", run -> {
                while (run.goesOn()) {
                    for (int node : run.nodes()) {
                        run.stop(node);
                        run.start(node);
                        run.awaitProgress(PROGRESS);
                    }
                }
            }),
            Scenario.of(
                            "partition",
                            "a node, a leader or the metadata leader is cut off from the others, and still reached by clients",
                            Scenarios::partitions,
                            LINKS)
                    .smoke(),
            Scenario.of(
                    "partition-one-way",
                    "a leader is heard and does not hear, or hears and is not heard",
                    Scenarios::oneWay,
                    LINKS),
            Scenario.of(
                    "partition-bridge",
                    "two nodes do not reach each other, and both reach the third",
                    Scenarios::bridge,
                    LINKS),
            Scenario.of(
                    "cut-clients",
                    "clients lose a leader for some seconds, in one or both directions, and send again",
                    Scenarios::clientCuts,
                    LINKS),
            Scenario.of(
                    "slow-wire",
                    "packets of a node, the leader's mostly, take a quarter of a second each way, and overtake each other",
                    run -> badWires(
                            run,
                            Wire.slow(Duration.ofMillis(250)),
                            Wire.shaky(Duration.ofMillis(20), Duration.ofMillis(120))),
                    PACKETS),
            Scenario.of(
                    "lossy-wire",
                    "up to a third of a node's packets, the leader's mostly, get lost, and as many come twice",
                    run -> badWires(run, Wire.lossy(10, 10), Wire.lossy(30, 30)),
                    PACKETS),
            Scenario.of(
                            "power",
                            "nodes lose their power one by one, and all at once: with it goes what they had not flushed",
                            run -> power(run, false),
                            POWER)
                    .smoke(),
            Scenario.of(
                    "power-torn",
                    "as power, but some of what was not flushed is there, and ends in the middle of a write",
                    run -> power(run, true),
                    POWER),
            Scenario.of(
                    "power-and-pause",
                    "acknowledged by two of three; of these one loses its power and the other is paused; the third wakes up",
                    Scenarios::lastOnesStanding,
                    POWER),
            Scenario.of(
                    "bit-flips",
                    "bits of one node's segments, indexes and Raft log flip, always the same node's",
                    run -> damage(run, Damage.FLIP_BITS),
                    FILES),
            Scenario.of(
                    "cut-files",
                    "files of one node become shorter, always the same node's",
                    run -> damage(run, Damage.CUT_SHORT),
                    FILES),
            Scenario.of(
                    "garbage",
                    "files of one node grow garbage at their ends, always the same node's",
                    run -> damage(run, Damage.ADD_GARBAGE),
                    FILES),
            Scenario.of(
                    "misdirected-writes",
                    "stretches of one node's files are written over others, always the same node's",
                    run -> damage(run, Damage.MISDIRECT),
                    FILES),
            Scenario.of(
                    "wipe",
                    "a node loses everything that it had, again and again; there is one at a time",
                    Scenarios::wipes,
                    FILES),
            Scenario.of(
                    "members",
                    "nodes are added and removed under load, the metadata leader too; one is killed meanwhile",
                    run -> members(run, Scenarios::killAndStart),
                    PROCESSES),
            Scenario.of(
                    "members-cut",
                    "nodes are added and removed under load, the metadata leader too; one is cut off from the others meanwhile",
                    run -> members(run, Scenarios::cutOff),
                    PROCESSES,
                    LINKS),
            Scenario.of(
                    "clocks",
                    "the time of day of one node jumps by up to an hour, forth and back, and flickers",
                    Scenarios::clocks,
                    CLOCK),
            Scenario.of(
                    "slow-disk",
                    "flushes of one node, the leader's too, take a second longer",
                    Scenarios::slowDisks,
                    SYNCS),
            Scenario.of(
                    "failed-flush",
                    "a flush fails: the node must stop, and not try again",
                    Scenarios::failedFlushes,
                    SYNCS),
            Scenario.of(
                    "failed-flush-power",
                    "as failed-flush, and what the node says it has when it is back must survive a loss of power; sometimes only one other has it",
                    Scenarios::failedFlushesThenPower,
                    PROCESSES,
                    SYNCS,
                    POWER),
            Scenario.of(
                            "full-disk",
                            "the disk of one node and of all is nearly full for some seconds, and that of one is full to the last byte",
                            Scenarios::fullDisks,
                            SMALL_DISK)
                    .withSmallDisks(SMALL_DISK_MEBIBYTES, "  disk-free-min: 16MiB"),
            Scenario.of(
                    "mix",
                    "random kills, pauses, cuts, bad wires, power failures and slow disks, several at a time, and calm in between",
                    Scenarios::mix,
                    PROCESSES,
                    LINKS,
                    PACKETS,
                    POWER));

    private Scenarios() {}

    public static List<Scenario> all() {
        return ALL;
    }

    public static Optional<Scenario> find(String name) {
        return ALL.stream().filter(scenario -> scenario.name().equals(name)).findFirst();
    }

    private static void kills(Run run) throws Exception {
        for (int round = 0; run.goesOn() || round < 2; round++) {
            List<Integer> nodes = run.shuffled();
            List<Integer> victims = switch (round % 5) {
                case 0 -> List.of(run.leader());
                case 1 -> nodes;
                case 2 -> List.of(run.metadataLeader());
                case 3 -> nodes.subList(0, nodes.size() / 2 + 1);
                default -> nodes.subList(0, 1);
            };
            run.kill(victims);
            run.calm(0.2, 3);
            run.startAll(victims);
            run.awaitProgress(PROGRESS);
        }
    }

    private static void killsWhileStarting(Run run) throws Exception {
        while (run.goesOn()) {
            int node = run.anyNode();
            run.kill(node);
            run.startSoon(node);
            run.calm(1, 3);
        }
    }

    private static void pauses(Run run) throws Exception {
        for (int round = 0; run.goesOn(); round++) {
            List<Integer> victims = round % 4 == 3 ? run.shuffled().subList(0, 2) : List.of(run.leader());
            for (int node : victims) {
                run.pause(node);
            }
            run.calm(3, 6);
            for (int node : victims) {
                run.goOn(node);
            }
            run.awaitProgress(PROGRESS);
            run.calm(0, 2);
        }
    }

    private static void pausesThenKills(Run run) throws Exception {
        while (run.goesOn()) {
            int first = run.leader("log");
            run.pause(first);
            run.calm(3, 4);
            int second = run.leader("log");
            run.kill(second);
            run.goOn(first);
            run.calm(1, 3);
            run.start(second);
            run.awaitProgress(PROGRESS);
        }
    }

    private static void partitions(Run run) throws Exception {
        for (int round = 0; run.goesOn(); round++) {
            int node = switch (round % 3) {
                case 0 -> run.leader();
                case 1 -> run.metadataLeader();
                default -> run.anyNode();
            };
            run.isolate(node);
            run.calm(3, 8);
            run.joinAll();
            run.awaitProgress(PROGRESS);
        }
    }

    private static void oneWay(Run run) throws Exception {
        for (int round = 0; run.goesOn(); round++) {
            int node = run.leader();
            for (int other : run.others(node)) {
                if (round % 2 == 0) {
                    run.cut(other, node);
                } else {
                    run.cut(node, other);
                }
            }
            run.calm(4, 8);
            run.joinAll();
            run.awaitProgress(PROGRESS);
        }
    }

    private static void bridge(Run run) throws Exception {
        while (run.goesOn()) {
            List<Integer> nodes = run.shuffled();
            run.cutBoth(nodes.get(0), nodes.get(1));
            run.calm(5, 10);
            run.joinAll();
            run.awaitProgress(PROGRESS);
        }
    }

    private static void clientCuts(Run run) throws Exception {
        for (int round = 0; run.goesOn(); round++) {
            int node = run.leader();
            if (round % 3 != 1) {
                run.cut(node, Arena.CLIENTS);
            }
            if (round % 3 != 0) {
                run.cut(Arena.CLIENTS, node);
            }
            run.calm(2, 5);
            run.joinAll();
            run.awaitProgress(PROGRESS);
        }
    }

    private static void badWires(Run run, Wire... wires) throws Exception {
        for (int round = 0; run.goesOn() || round < wires.length; round++) {
            int node = round % 3 == 2 ? run.metadataLeader() : run.leader();
            run.rewire(node, wires[round % wires.length]);
            run.calm(4, 8);
            run.rewire(node, Wire.GOOD);
            run.awaitProgress(PROGRESS);
        }
    }

    private static void power(Run run, boolean torn) throws Exception {
        for (int round = 0; run.goesOn() || round < 2; round++) {
            List<Integer> victims = switch (round % 3) {
                case 0 -> run.nodes();
                case 1 -> List.of(run.leader());
                default -> run.shuffled().subList(0, 2);
            };
            run.cutPower(victims, torn);
            run.calm(0.2, 2);
            run.startAll(victims);
            run.awaitProgress(PROGRESS);
        }
    }

    /** One of two that acknowledged forgets what it had not flushed, and makes a majority with one that never had it. */
    private static void lastOneStanding(Run run, Disturbance before) throws Exception {
        int leader = run.leader("log");
        int forgets = run.others(leader).get(run.random().nextInt(2));
        int sleeps = run.nodes().stream()
                .filter(node -> node != leader && node != forgets)
                .findFirst()
                .orElseThrow();
        run.pause(sleeps);
        before.happen(run, forgets);
        run.calm(4, 6);
        run.cutPower(List.of(forgets), false);
        run.pause(leader);
        run.goOn(sleeps);
        run.start(forgets);
        run.calm(3, 6);
        run.goOn(leader);
        run.awaitProgress(PROGRESS);
    }

    private static void lastOnesStanding(Run run) throws Exception {
        while (run.goesOn()) {
            lastOneStanding(run, (one, forgets) -> {});
        }
    }

    private static void damage(Run run, Damage damage) throws Exception {
        int victim = run.anyNode();
        for (int round = 0; run.goesOn(); round++) {
            run.calm(2, 4);
            run.kill(victim);
            Damage.Kind[] kinds = {Damage.Kind.SEGMENTS, Damage.Kind.INDEXES, Damage.Kind.RAFT_LOG};
            run.damage(victim, damage, kinds[round % kinds.length]);
            run.start(victim);
            run.awaitProgress(PROGRESS);
        }
    }

    private static void wipes(Run run) throws Exception {
        while (run.goesOn()) {
            int node = run.random().nextBoolean() ? run.leader() : run.anyNode();
            run.wipe(node);
            run.calm(0.5, 3);
            run.start(node);
            run.awaitAllCaughtUp();
        }
    }

    @FunctionalInterface
    private interface Disturbance {
        void happen(Run run, int node) throws Exception;
    }

    private static void members(Run run, Disturbance meanwhile) throws Exception {
        while (run.goesOn()) {
            int added = run.addNode();
            run.calm(1, 3);
            List<Integer> stay = new ArrayList<>(run.nodes());
            int leaves = run.random().nextBoolean()
                    ? run.metadataLeader()
                    : stay.get(run.random().nextInt(3));
            stay.removeAll(List.of(leaves, added));
            run.beginToRemove(leaves);
            run.calm(0.2, 2);
            meanwhile.happen(run, stay.get(run.random().nextInt(stay.size())));
            run.finishToRemove(leaves);
            run.awaitProgress(PROGRESS);
        }
    }

    private static void killAndStart(Run run, int node) throws Exception {
        run.kill(node);
        run.calm(0.5, 2);
        run.start(node);
    }

    private static void cutOff(Run run, int node) throws Exception {
        run.isolate(node);
        run.calm(3, 6);
        run.joinAll();
    }

    private static void clocks(Run run) throws Exception {
        for (int round = 0; run.goesOn(); round++) {
            int node = run.leader();
            if (round % 3 == 2) {
                for (int i = 0; i < 20; i++) {
                    run.moveClock(node, Duration.ofMillis(i % 2 == 0 ? 200 : -200));
                    run.calm(0.1, 0.2);
                }
            } else {
                run.moveClock(node, Duration.ofMinutes(round % 2 == 0 ? 60 : -60));
                run.calm(4, 8);
            }
            run.moveClock(node, NO_TIME);
            run.awaitProgress(PROGRESS);
        }
    }

    private static void slowDisks(Run run) throws Exception {
        while (run.goesOn()) {
            int node = run.leader();
            run.slowSyncs(node, Duration.ofMillis(1000));
            run.calm(5, 8);
            run.slowSyncs(node, NO_TIME);
            run.awaitProgress(PROGRESS);
        }
    }

    private static void failedFlushes(Run run) throws Exception {
        while (run.goesOn()) {
            int node = run.leader();
            run.failSyncs(node);
            run.calm(1, 3);
            run.start(node);
            run.awaitProgress(PROGRESS);
        }
    }

    private static void failedFlushesThenPower(Run run) throws Exception {
        for (int round = 0; run.goesOn() || round < 2; round++) {
            if (round % 2 == 1) {
                lastOneStanding(run, (one, forgets) -> {
                    one.calm(0.5, 2);
                    one.failSyncs(forgets);
                    one.start(forgets);
                });
                continue;
            }
            int leader = run.leader("log");
            run.failSyncs(leader);
            run.calm(0.2, 2);
            run.start(leader);
            run.awaitProgress(PROGRESS);
            run.cutPower(List.of(leader), false);
            run.start(leader);
            run.calm(3, 6);
            run.awaitProgress(PROGRESS);
        }
    }

    private static void fullDisks(Run run) throws Exception {
        for (int round = 0; run.goesOn() || round < 3; round++) {
            List<Integer> victims = round % 3 == 1 ? run.nodes() : List.of(run.leader());
            for (int node : victims) {
                if (round % 3 == 2) {
                    run.fillDisk(node);
                } else {
                    run.nearlyFillDisk(node);
                }
            }
            run.calm(3, 6);
            for (int node : victims) {
                run.freeDisk(node);
            }
            run.awaitProgress(PROGRESS);
        }
    }

    private static void mix(Run run) throws Exception {
        while (run.goesOn()) {
            int faults = run.random().nextInt(4);
            List<Integer> nodes = run.shuffled();
            for (int f = 0; f < faults; f++) {
                int node = nodes.get(f % nodes.size());
                switch (run.random().nextInt(6)) {
                    case 0 -> run.kill(node);
                    case 1 -> run.pause(node);
                    case 2 -> run.isolate(node);
                    case 3 -> run.cutPower(List.of(node), run.random().nextBoolean());
                    case 4 -> run.rewire(node, Wire.slow(Duration.ofMillis(50)));
                    default -> run.slowSyncs(node, Duration.ofMillis(300));
                }
                run.calm(0, 2);
            }
            run.calm(2, 6);
            if (run.random().nextInt(3) != 0) {
                run.mend();
                run.awaitProgress(PROGRESS);
                run.calm(0, 3);
            }
        }
    }
}
