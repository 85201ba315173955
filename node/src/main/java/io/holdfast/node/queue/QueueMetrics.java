package io.holdfast.node.queue;

import com.codahale.metrics.Counter;
import com.codahale.metrics.Meter;
import com.codahale.metrics.MetricRegistry;
import com.codahale.metrics.Timer;
import io.holdfast.v1.Outcome;
import io.holdfast.v1.Settlement;
import java.util.EnumMap;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.concurrent.TimeUnit;

/** What this node counts of its queue groups. */
final class QueueMetrics {
    private final Meter acquired;
    private final Timer acquireLatency;
    private final Timer settleLatency;
    private final Counter leaseLost;
    final Counter deadMoved;
    final Counter deadFailures;
    /** Groups found with ready records and a waiting member, and nobody to bring them together. */
    final Counter stalls;

    private final Map<Outcome, Meter> settled = new EnumMap<>(Outcome.class);

    QueueMetrics(MetricRegistry registry) {
        acquired = registry.meter("holdfast.queue.acquired");
        acquireLatency = registry.timer("holdfast.queue.acquire.latency");
        settleLatency = registry.timer("holdfast.queue.settle.latency");
        leaseLost = registry.counter("holdfast.queue.lease.lost");
        deadMoved = registry.counter("holdfast.queue.dead.moved");
        deadFailures = registry.counter("holdfast.queue.dead.failures");
        stalls = registry.counter("holdfast.queue.stalls");
        for (Outcome outcome : Outcome.values()) {
            if (outcome != Outcome.UNRECOGNIZED && outcome != Outcome.OUTCOME_UNSPECIFIED) {
                String name = outcome.name().toLowerCase(Locale.ROOT).replace("outcome_", "");
                settled.put(outcome, registry.meter("holdfast.queue.settled." + name));
            }
        }
    }

    void acquired(int records, long nanos) {
        acquired.mark(records);
        acquireLatency.update(nanos, TimeUnit.NANOSECONDS);
    }

    void settled(List<Settlement> settlements, List<Boolean> accepted, long nanos) {
        settleLatency.update(nanos, TimeUnit.NANOSECONDS);
        for (int i = 0; i < settlements.size(); i++) {
            Meter meter = settled.get(settlements.get(i).getOutcome());
            if (!accepted.get(i)) {
                leaseLost.inc();
            } else if (meter != null) {
                meter.mark();
            }
        }
    }
}
