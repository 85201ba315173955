package io.holdfast.consensus.dedup;

import static org.assertj.core.api.Assertions.assertThat;

import io.holdfast.consensus.raft.GroupId;
import io.holdfast.internal.v1.DedupState;
import io.holdfast.internal.v1.MessageIdRow;
import io.holdfast.storage.state.StateTables;
import io.holdfast.storage.state.StateTables.Table;
import io.holdfast.storage.state.StateTables.Update;
import java.io.IOException;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Random;
import org.jspecify.annotations.Nullable;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/**
 * Three replicas that get to know message ids, on real tables, against a list of all that ever were: with windows that
 * change, a bound on how many are known, checkpoints that delete, restarts from them, and copies that may break off.
 * Replicas that differed in what they know would store different records.
 */
class DedupSimulationTest {
    private static final int STEPS = 80;
    private static final int KNOWN_MAX = 25;
    private static final long SEEDS = Long.getLong("holdfast.seeds", 200);

    @TempDir
    Path folder;

    /** Ids that come, and, for each, where a record with it was; null for nowhere. */
    private record Entry(List<MessageId> ids, long nowMs, long windowMs, List<@Nullable KnownId> answers) {}

    /** The list of all that ever were. */
    private static final class Model {
        private final boolean longWindows;
        private final List<KnownId> all = new ArrayList<>();
        private int floor;
        private long offset;

        /** @param longWindows so that the bound on how many are known counts */
        Model(boolean longWindows) {
            this.longWindows = longWindows;
        }

        Entry next(Random random, long nowMs) {
            long window =
                    longWindows ? 300 + random.nextInt(600) : 1 + random.nextInt(random.nextInt(4) == 0 ? 400 : 80);
            List<MessageId> ids = new ArrayList<>();
            List<@Nullable KnownId> answers = new ArrayList<>();
            int before = all.size();
            for (int i = random.nextInt(5); i >= 0; i--) {
                MessageId id = random.nextInt(10) == 0 ? MessageId.NONE : new MessageId(1, random.nextInt(30));
                KnownId found = id.isNone() ? null : find(id, nowMs, window);
                ids.add(id);
                answers.add(found);
                if (found == null) {
                    if (!id.isNone()) {
                        all.add(new KnownId(all.size(), id, nowMs, offset, offset % 3 == 0 ? nowMs + 5 : null));
                    }
                    offset++;
                }
            }
            if (all.size() > before) {
                floor = Math.max(floor, all.size() - KNOWN_MAX);
                while (floor < all.size() && nowMs - all.get(floor).appendMs() >= window) {
                    floor++;
                }
            }
            return new Entry(ids, nowMs, window, answers);
        }

        private @Nullable KnownId find(MessageId id, long nowMs, long window) {
            for (int i = all.size() - 1; i >= floor; i--) {
                if (all.get(i).id().equals(id)) {
                    return nowMs - all.get(i).appendMs() < window ? all.get(i) : null;
                }
            }
            return null;
        }
    }

    private static final class Replica {
        private final StateTables tables;
        private final GroupId group;
        private DedupRows rows;
        private DedupTable table;
        private int applied;
        private long offset;
        private int checkpointed;
        private long checkpointedOffset;
        private DedupState checkpoint = DedupState.getDefaultInstance();

        Replica(StateTables tables, GroupId group) {
            this.tables = tables;
            this.group = group;
            rows = new DedupRows(tables, group, 0);
            table = new DedupTable(rows, KNOWN_MAX);
        }

        void apply(Entry entry, String context) throws IOException {
            List<@Nullable KnownId> answers = new ArrayList<>();
            for (MessageId id : entry.ids) {
                KnownId found = table.find(id, entry.nowMs, entry.windowMs);
                answers.add(found);
                if (found == null) {
                    table.add(id, entry.nowMs, offset, offset % 3 == 0 ? entry.nowMs + 5 : null);
                    offset++;
                }
            }
            table.flush(entry.nowMs, entry.windowMs);
            applied++;
            assertThat(answers).as(context).isEqualTo(entry.answers);
        }

        void checkpoint() throws IOException {
            Update update = new Update()
                    .put(Table.CHECKPOINTS, group.bytes(), table.state().toByteArray());
            rows.deleteBelow(table.floor(), update);
            tables.write(update);
            checkpoint = table.state();
            checkpointed = applied;
            checkpointedOffset = offset;
        }

        void restart() {
            table = new DedupTable(rows, KNOWN_MAX);
            table.load(checkpoint, rows);
            applied = checkpointed;
            offset = checkpointedOffset;
        }

        int rowCount() throws IOException {
            int[] count = {0};
            rows.scan(0, known -> ++count[0] > 0);
            return count[0];
        }
    }

    @Test
    void shouldKnowTheSameOnEveryReplicaThroughRestartsAndCopies() throws IOException {
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
        Model model = new Model(random.nextBoolean());
        List<Entry> entries = new ArrayList<>();
        long now = 1_000;
        for (int step = 0; step < STEPS; step++) {
            String context = "seed " + seed + " step " + step;
            now += random.nextInt(20);
            entries.add(model.next(random, now));
            for (Replica replica : replicas) {
                for (int i = random.nextInt(3); i > 0 && replica.applied < entries.size(); i--) {
                    replica.apply(entries.get(replica.applied), context);
                }
                switch (random.nextInt(12)) {
                    case 0, 1 -> replica.checkpoint();
                    case 2 -> replica.restart();
                    default -> {}
                }
            }
            if (random.nextInt(6) == 0) {
                copy(replicas.get(random.nextInt(3)), replicas.get(random.nextInt(3)), entries, random, context);
            }
        }
        for (Replica replica : replicas) {
            while (replica.applied < entries.size()) {
                replica.apply(entries.get(replica.applied), "seed " + seed + " at the end");
            }
            replica.checkpoint();
            assertThat(replica.checkpoint.getFloor()).as("seed " + seed).isEqualTo(model.floor);
            assertThat(replica.rowCount()).as("seed " + seed).isEqualTo(model.all.size() - model.floor);
        }
    }

    private static void copy(Replica from, Replica to, List<Entry> entries, Random random, String context)
            throws IOException {
        if (from == to || from.checkpointed <= to.applied) {
            return;
        }
        DedupState state = from.checkpoint;
        int index = from.checkpointed;
        long offset = from.checkpointedOffset;
        List<MessageIdRow> rows = new ArrayList<>();
        DedupRows source = from.rows;
        DedupRows copy = new DedupRows(to.tables, to.group, index);
        try (StateTables.View view = from.tables.view()) {
            while (from.applied < entries.size() && random.nextInt(3) > 0) { // the sender goes on
                from.apply(entries.get(from.applied), context);
                if (random.nextBoolean()) {
                    from.checkpoint();
                }
            }
            source.scan(view, state.getFloor(), state.getNextNumber(), rows::add);
        }
        while (!rows.isEmpty()) {
            if (random.nextInt(12) == 0) {
                return; // breaks off
            }
            List<MessageIdRow> chunk = rows.subList(0, Math.min(rows.size(), 1 + random.nextInt(8)));
            copy.take(List.copyOf(chunk));
            chunk.clear();
            while (to.applied < index && random.nextInt(3) == 0) { // and so does the receiver
                to.apply(entries.get(to.applied), context);
            }
        }
        to.tables.write(new Update().put(Table.CHECKPOINTS, to.group.bytes(), state.toByteArray()));
        to.rows = copy;
        to.checkpoint = state;
        to.checkpointed = index;
        to.checkpointedOffset = offset;
        to.restart();
    }
}
