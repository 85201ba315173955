package io.holdfast.consensus.schedule;

import static java.nio.charset.StandardCharsets.UTF_8;
import static org.assertj.core.api.Assertions.assertThat;

import com.google.protobuf.ByteString;
import io.holdfast.consensus.raft.GroupId;
import io.holdfast.internal.v1.ScheduleState;
import io.holdfast.internal.v1.ScheduledRow;
import io.holdfast.storage.state.StateTables;
import io.holdfast.storage.state.StateTables.Table;
import io.holdfast.storage.state.StateTables.Update;
import java.io.IOException;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.Random;
import java.util.TreeMap;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/**
 * Three replicas' schedules, on real tables, against a sorted map: entries that add and remove, applied by each replica in
 * its own time, between checkpoints, restarts from them, and copies of other replicas' checkpoints, some of which break
 * off. Whatever a replica answers must be what the map answered at that entry.
 */
class ScheduleSimulationTest {
    private static final int STEPS = 80;
    private static final long SEEDS = Long.getLong("holdfast.seeds", 200);

    @TempDir
    Path folder;

    private record Action(boolean add, long dueMs, String body, SchedulePosition remove) {}

    /** @param after what is kept when it is applied */
    private record Entry(List<Action> actions, List<Object> answers, TreeMap<SchedulePosition, String> after) {}

    /** One replica: its table in memory, its rows and its checkpoint on disk. */
    private static final class Replica {
        private final StateTables tables;
        private final GroupId group;
        private ScheduleRows rows;
        private ScheduleTable table;
        private int applied;
        private int checkpointed;
        private ScheduleState checkpoint = ScheduleState.getDefaultInstance();

        Replica(StateTables tables, GroupId group) {
            this.tables = tables;
            this.group = group;
            rows = new ScheduleRows(tables, group, 0);
            table = new ScheduleTable(rows);
        }

        void apply(Entry entry, String context) throws IOException {
            List<Object> answers = new ArrayList<>();
            for (Action action : entry.actions) {
                answers.add(
                        action.add
                                ? table.add(action.dueMs, ByteString.copyFromUtf8(action.body))
                                : (Object) table.remove(action.remove));
            }
            table.flush();
            applied++;
            assertThat(answers).as(context).isEqualTo(entry.answers);
        }

        void checkpoint() throws IOException {
            checkpoint = table.state();
            checkpointed = applied;
            Update update = new Update().put(Table.CHECKPOINTS, group.bytes(), checkpoint.toByteArray());
            rows.delete(table.removed(), update);
            tables.write(update);
            table.stored();
        }

        void restart() {
            table = new ScheduleTable(rows);
            table.load(checkpoint, rows);
            applied = checkpointed;
        }
    }

    /** A copy on its way. */
    private static final class Transfer {
        private final StateTables.View view;
        private final ScheduleState state;
        private final int index;
        private final List<ScheduledRow> left = new ArrayList<>();
        private final ScheduleRows rows;
        private final Replica to;
        private final ScheduleRows copy;

        Transfer(Replica from, Replica to) throws IOException {
            this.to = to;
            state = from.checkpoint;
            index = from.checkpointed;
            view = from.tables.view();
            rows = from.rows;
            copy = new ScheduleRows(to.tables, to.group, index);
        }

        /** Reads the sender's rows; the sender may have gone on since. */
        void read() throws IOException {
            rows.scan(view, (position, batch) -> {
                if (position.number() < state.getNextNumber()) {
                    left.add(ScheduledRow.newBuilder()
                            .setKey(position.toKey())
                            .setBatch(ByteString.copyFrom(batch))
                            .build());
                }
                return true;
            });
            view.close();
        }

        void adopt() throws IOException {
            to.tables.write(new Update().put(Table.CHECKPOINTS, to.group.bytes(), state.toByteArray()));
            to.rows = copy;
            to.checkpoint = state;
            to.checkpointed = index;
            to.restart();
        }
    }

    @Test
    void shouldKeepTheSameOnEveryReplicaThroughRestartsAndCopies() throws IOException {
        try (StateTables tables = StateTables.open(folder.resolve("state"), folder.resolve("native"))) {
            for (long seed = 1; seed <= SEEDS; seed++) {
                run(seed, tables);
            }
        }
    }

    private static void run(long seed, StateTables tables) throws IOException {
        Random random = new Random(seed);
        List<Replica> replicas = new ArrayList<>();
        for (int i = 0; i < 3; i++) {
            replicas.add(new Replica(tables, GroupId.ofPartition(seed, i)));
        }
        List<Entry> entries = new ArrayList<>();
        for (int step = 0; step < STEPS; step++) {
            String context = "seed " + seed + " step " + step;
            entries.add(entry(random, entries));
            for (Replica replica : replicas) {
                int many = random.nextInt(3);
                for (int i = 0; i < many && replica.applied < entries.size(); i++) {
                    replica.apply(entries.get(replica.applied), context);
                }
                if (replica.applied > 0) {
                    check(replica, entries.get(replica.applied - 1).after, random, context);
                }
                switch (random.nextInt(12)) {
                    case 0, 1 -> replica.checkpoint();
                    case 2 -> replica.restart();
                    default -> {}
                }
            }
            if (random.nextInt(6) == 0) {
                copy(replicas, entries, random, context);
            }
        }
        for (Replica replica : replicas) {
            while (replica.applied < entries.size()) {
                replica.apply(entries.get(replica.applied), "seed " + seed + " at the end");
            }
            check(replica, entries.get(entries.size() - 1).after, random, "seed " + seed + " at the end");
        }
    }

    private static Entry entry(Random random, List<Entry> before) {
        Entry last = before.isEmpty() ? null : before.get(before.size() - 1);
        TreeMap<SchedulePosition, String> kept = last == null ? new TreeMap<>() : new TreeMap<>(last.after);
        long next = before.stream()
                .flatMap(entry -> entry.actions.stream())
                .filter(Action::add)
                .count();
        List<Action> actions = new ArrayList<>();
        List<Object> answers = new ArrayList<>();
        boolean add = random.nextBoolean(); // a record is never added and removed by one entry: its number is not known
        for (int i = random.nextInt(5); i >= 0; i--) {
            if (add) {
                SchedulePosition position = new SchedulePosition(random.nextInt(50), next++);
                String body = "record " + position.number() + "!".repeat(random.nextInt(20));
                actions.add(new Action(true, position.dueMs(), body, position));
                answers.add(position);
                kept.put(position, body);
            } else {
                List<SchedulePosition> positions = new ArrayList<>(kept.keySet());
                SchedulePosition position = positions.isEmpty() || random.nextInt(5) == 0
                        ? new SchedulePosition(random.nextInt(50), random.nextInt((int) next + 3))
                        : positions.get(Math.min(positions.size() - 1, random.nextInt(4)));
                actions.add(new Action(false, 0, "", position));
                answers.add(kept.remove(position) != null);
            }
        }
        return new Entry(actions, answers, kept);
    }

    private static void copy(List<Replica> replicas, List<Entry> entries, Random random, String context)
            throws IOException {
        Replica from = replicas.get(random.nextInt(3));
        Replica to = replicas.get(random.nextInt(3));
        if (from == to || from.checkpointed <= to.applied) {
            return;
        }
        Transfer transfer = new Transfer(from, to);
        while (from.applied < entries.size() && random.nextInt(3) > 0) { // the sender goes on
            from.apply(entries.get(from.applied), context);
            if (random.nextBoolean()) {
                from.checkpoint();
            }
        }
        transfer.read();
        while (!transfer.left.isEmpty()) {
            if (random.nextInt(12) == 0) {
                return; // breaks off
            }
            List<ScheduledRow> chunk = transfer.left.subList(0, Math.min(transfer.left.size(), 1 + random.nextInt(4)));
            transfer.copy.take(List.copyOf(chunk));
            chunk.clear();
            while (to.applied < transfer.index && random.nextInt(3) == 0) { // and so does the receiver
                to.apply(entries.get(to.applied), context);
            }
            check(to, to.applied == 0 ? new TreeMap<>() : entries.get(to.applied - 1).after, random, context);
        }
        transfer.adopt();
        check(to, entries.get(to.applied - 1).after, random, context);
    }

    private static void check(Replica replica, TreeMap<SchedulePosition, String> kept, Random random, String context)
            throws IOException {
        ScheduleTable table = replica.table;
        assertThat(table.records()).as(context).isEqualTo(kept.size());
        assertThat(table.bytes())
                .as(context)
                .isEqualTo(kept.values().stream().mapToLong(String::length).sum());
        assertThat(table.earliestMs())
                .as(context)
                .isLessThanOrEqualTo(
                        kept.isEmpty() ? Long.MAX_VALUE : kept.firstKey().dueMs());
        long until = random.nextInt(60);
        int most = 1 + random.nextInt(10);
        assertThat(text(table.due(until, most, 1 << 20)))
                .as(context)
                .isEqualTo(first(kept.headMap(new SchedulePosition(until + 1, 0)), most));
        SchedulePosition from = new SchedulePosition(random.nextInt(60), random.nextInt(30));
        assertThat(text(table.list(from, most, 1 << 20))).as(context).isEqualTo(first(kept.tailMap(from), most));
        if (kept.isEmpty()) {
            assertThat(table.earliestMs()).as(context).isEqualTo(Long.MAX_VALUE);
        } else {
            assertThat(table.earliestMs()).as(context).isEqualTo(kept.firstKey().dueMs());
        }
    }

    private static List<String> text(List<ScheduledRecord> records) {
        return records.stream()
                .map(record ->
                        record.position() + " " + UTF_8.decode(record.batch().duplicate()))
                .toList();
    }

    private static List<String> first(Map<SchedulePosition, String> kept, int most) {
        return kept.entrySet().stream()
                .limit(most)
                .map(entry -> entry.getKey() + " " + entry.getValue())
                .toList();
    }
}
