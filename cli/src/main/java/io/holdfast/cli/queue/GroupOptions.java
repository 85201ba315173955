package io.holdfast.cli.queue;

import com.google.protobuf.util.Durations;
import io.holdfast.cli.Positions;
import io.holdfast.cli.TimeSpans;
import io.holdfast.client.Position;
import io.holdfast.v1.QueueConfig;
import io.holdfast.v1.QueueOrder;
import io.holdfast.v1.QueuePriority;
import java.time.Duration;
import java.util.Locale;
import org.jspecify.annotations.Nullable;
import picocli.CommandLine.Option;

/** What a group may be set to; what is not given stays as it is. */
final class GroupOptions {
    enum Order {
        unordered,
        keyed,
        keyed_skip_failed,
        keyed_park_failed,
        exclusive
    }

    enum Priority {
        ignored,
        strict,
        weighted
    }

    @Option(
            names = "--from",
            converter = Positions.class,
            paramLabel = "POSITION",
            description = "Where a new group begins: " + Positions.FORMS + ". Default: earliest.")
    @Nullable
    Position from;

    @Option(
            names = "--lease",
            converter = TimeSpans.class,
            paramLabel = "TIME",
            description = "How long a member holds a record without a sign of life. Default: 30s.")
    @Nullable
    Duration lease;

    @Option(names = "--failures-max", description = "A record that failed so often is dead. Default: 5.")
    @Nullable
    Integer failuresMax;

    @Option(
            names = "--retry-delay",
            converter = TimeSpans.class,
            paramLabel = "TIME",
            description = "Before the first retry; doubled with each failure. Default: 1s.")
    @Nullable
    Duration retryDelay;

    @Option(
            names = "--retry-delay-max",
            converter = TimeSpans.class,
            paramLabel = "TIME",
            description = "Bound of the doubling. Default: 5m.")
    @Nullable
    Duration retryDelayMax;

    @Option(names = "--in-flight-max", description = "Records leased at a time, per partition. Default: 10000.")
    @Nullable
    Integer inFlightMax;

    @Option(
            names = "--member-in-flight-max",
            description = "The same per member and partition. Default: no other bound.")
    @Nullable
    Integer memberInFlightMax;

    @Option(
            names = "--order",
            description = {
                "unordered: as they come. keyed: of the records with one key one is out at a time, in order, also when one "
                        + "is retried. keyed_skip_failed: one that waits for its retry lets later ones pass. exclusive: one "
                        + "member at a time per partition. Default: unordered."
            })
    @Nullable
    Order order;

    @Option(
            names = "--priority",
            description = {
                "strict: none of a lower priority while there is one of a higher. weighted: of each twice as many as of the "
                        + "next lower. ignored: as they come. Looked at are the first 20,000 records of a partition that "
                        + "could be handed out. Not with keyed orders. Default: ignored."
            })
    @Nullable
    Priority priority;

    @Option(names = "--discard-dead", description = "Drop dead records instead of writing them to TOPIC.GROUP.dlq.")
    @Nullable
    Boolean discardDead;

    QueueConfig applyTo(QueueConfig before) {
        QueueConfig.Builder config = before.toBuilder();
        if (from != null) {
            config.setStart(from.start());
        }
        if (lease != null) {
            config.setLease(Durations.fromMillis(lease.toMillis()));
        }
        if (failuresMax != null) {
            config.setFailuresMax(failuresMax);
        }
        if (retryDelay != null) {
            config.setRetryDelay(Durations.fromMillis(retryDelay.toMillis()));
        }
        if (retryDelayMax != null) {
            config.setRetryDelayMax(Durations.fromMillis(retryDelayMax.toMillis()));
        }
        if (inFlightMax != null) {
            config.setInFlightMax(inFlightMax);
        }
        if (memberInFlightMax != null) {
            config.setMemberInFlightMax(memberInFlightMax);
        }
        if (order != null) {
            config.setOrder(QueueOrder.valueOf("QUEUE_ORDER_" + order.name().toUpperCase(Locale.ROOT)));
        }
        if (priority != null) {
            config.setPriority(
                    QueuePriority.valueOf("QUEUE_PRIORITY_" + priority.name().toUpperCase(Locale.ROOT)));
        }
        if (discardDead != null) {
            config.setDiscardDead(discardDead);
        }
        return config.build();
    }
}
