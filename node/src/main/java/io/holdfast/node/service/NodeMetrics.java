package io.holdfast.node.service;

import com.codahale.metrics.Counter;
import com.codahale.metrics.Meter;
import com.codahale.metrics.MetricRegistry;
import com.codahale.metrics.Timer;
import io.holdfast.v1.ErrorReason;
import java.util.EnumMap;
import java.util.Locale;
import java.util.Map;

/** What the services count. */
public final class NodeMetrics {
    private final MetricRegistry registry;
    final Timer appendLatency;
    final Meter appendBytes;
    final Meter readBytes;
    final Counter readStreams;
    final Counter publishStreams;
    final Counter forwarded;
    private final Map<ErrorReason, Counter> refusals = new EnumMap<>(ErrorReason.class);

    public NodeMetrics(MetricRegistry registry) {
        this.registry = registry;
        appendLatency = registry.timer("holdfast.append.latency");
        appendBytes = registry.meter("holdfast.append.bytes");
        readBytes = registry.meter("holdfast.read.bytes");
        readStreams = registry.counter("holdfast.read.streams");
        publishStreams = registry.counter("holdfast.publish.streams");
        forwarded = registry.counter("holdfast.forwarded.calls");
        for (ErrorReason reason : ErrorReason.values()) {
            String name = reason.name().toLowerCase(Locale.ROOT).replace("error_reason_", "");
            refusals.put(reason, registry.counter("holdfast.refusals." + name));
        }
    }

    public MetricRegistry registry() {
        return registry;
    }

    void refused(ErrorReason reason) {
        Counter counter = refusals.get(reason);
        if (counter != null) {
            counter.inc();
        }
    }
}
