package io.holdfast.chaos.workload;

import static java.nio.charset.StandardCharsets.UTF_8;

import io.holdfast.chaos.arena.Arena;
import io.holdfast.chaos.history.Event.Type;
import io.holdfast.client.HoldfastException;
import io.holdfast.client.ProducerRecord;
import io.holdfast.client.Reader;
import io.holdfast.client.ReaderSettings;
import io.holdfast.client.RecordPosition;
import io.holdfast.v1.CancelScheduledResult;
import java.io.IOException;
import java.nio.file.Path;
import java.time.Duration;
import java.time.Instant;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.Map;
import java.util.Random;
import java.util.concurrent.atomic.AtomicLong;
import org.jspecify.annotations.Nullable;

/** Records that shall come in some seconds, and some that are cancelled before. For {@code ScheduleChecker}. */
public final class ScheduleWorkload extends Workload {
    private static final String TOPIC = "schedule";
    private static final int PARTITIONS = 2;
    private static final int SOON_MS = 3000;
    private static final int LATE_MS = 9000;
    private static final int DELAY_MS_MIN = 200;
    private static final long PAUSE_MS = 40;
    private static final Duration FINAL_PATIENCE = Duration.ofSeconds(60);

    private final AtomicLong nextValue = new AtomicLong();
    private final boolean clocksAreRight;

    /** @param clocksAreRight whether nodes know the time: else nobody can say what is early */
    public ScheduleWorkload(Arena arena, Path folder, long beganNanos, long seed, boolean clocksAreRight)
            throws IOException {
        super("schedule", arena, folder, beganNanos, seed);
        this.clocksAreRight = clocksAreRight;
    }

    @Override
    public String topic() {
        return TOPIC;
    }

    @Override
    public void prepare() {
        createTopic(TOPIC, PARTITIONS);
    }

    @Override
    public void start() {
        startClient("planner", new Planner());
    }

    private final class Planner extends Writer {
        private long canceller = history().newProcess();

        @Override
        public void take(Random random) {
            long value = nextValue.getAndIncrement();
            int delay = DELAY_MS_MIN + random.nextInt(random.nextInt(5) == 0 ? LATE_MS : SOON_MS);
            Instant due = Instant.now().plusMillis(delay);
            List<@Nullable Object> told = Arrays.asList(value, clocksAreRight ? due.toEpochMilli() : null);
            byte[] bytes = Long.toString(value).getBytes(UTF_8);
            RecordPosition kept = write(
                    ProducerRecord.of(TOPIC, random.nextInt(PARTITIONS), null, bytes)
                            .withDeliverAt(due),
                    "schedule",
                    told,
                    at -> told);
            if (kept != null && !kept.scheduleId().isEmpty() && random.nextInt(6) == 0) {
                pause(random.nextInt(DELAY_MS_MIN * 2)); // some come before that
                cancel(value, kept.scheduleId());
            }
            pause(PAUSE_MS);
        }

        private void cancel(long value, String scheduleId) {
            history().invoke(canceller, "cancel", value);
            long began = System.nanoTime();
            Type outcome;
            Map<String, String> more = Map.of();
            try {
                CancelScheduledResult result =
                        client().schedules().cancel(TOPIC, List.of(scheduleId)).get(0);
                outcome = result.hasError() ? Type.INFO : result.getCancelled() ? Type.OK : Type.FAIL;
            } catch (HoldfastException e) {
                outcome = Type.INFO; // even a refusal may be the second answer, to a request that was sent again
                more = error(e);
            }
            history().complete(canceller, outcome, "cancel", value, more);
            if (outcome == Type.OK) {
                succeeded(began);
            } else if (outcome == Type.INFO) {
                canceller = history().newProcess();
            }
        }
    }

    /** Waits until nothing is kept any more, and reads what came. */
    @Override
    public void readAll() {
        long deadline = System.nanoTime() + FINAL_PATIENCE.toNanos();
        while (!isEmpty() && System.nanoTime() < deadline) {
            pause(PAUSE_MS);
        }
        long process = history().newProcess();
        history().invoke(process, "arrivals", null);
        List<List<Long>> arrivals = new ArrayList<>();
        try (Reader reader = client().newReader(ReaderSettings.of(TOPIC))) {
            reader.forEach(record ->
                    arrivals.add(List.of(Long.parseLong(new String(record.value(), UTF_8)), record.appendTimeMs())));
        }
        history().complete(process, Type.OK, "arrivals", arrivals);
    }

    private boolean isEmpty() {
        try {
            return client().schedules().list(TOPIC, "", 1).getTotalRecords() == 0;
        } catch (HoldfastException e) {
            return false;
        }
    }
}
