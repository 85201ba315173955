package io.holdfast.node.queue;

import com.google.protobuf.Duration;
import com.google.protobuf.util.Durations;
import io.holdfast.consensus.Refusal;
import io.holdfast.consensus.queue.QueuePolicy;
import io.holdfast.node.service.Bounds;
import io.holdfast.v1.QueueConfig;
import io.holdfast.v1.QueueOrder;
import io.holdfast.v1.QueuePriority;
import io.holdfast.v1.Start;
import java.util.regex.Pattern;

/** What a group may be called and set to, and what it is if nothing is said. */
final class GroupConfigs {
    private static final Pattern NAME = Pattern.compile("[a-zA-Z0-9._-]{1,100}");
    private static final int TOPIC_NAME_MAX = 249;
    private static final String DEAD_LETTER_SUFFIX = ".dlq";

    static final long LEASE_MS_MIN = 100;
    static final long LEASE_MS_MAX = 12 * 3_600_000L;
    private static final long RETRY_DELAY_MS_MAX = 30 * 24 * 3_600_000L;
    private static final int FAILURES_MAX_DEFAULT = 5;
    private static final int FAILURES_MAX_MAX = 1000;
    private static final int IN_FLIGHT_MAX_DEFAULT = 10_000;
    private static final int IN_FLIGHT_MAX_MAX = 100_000;

    private GroupConfigs() {}

    static String deadLetterTopic(String topic, String group) {
        return topic + "." + group + DEAD_LETTER_SUFFIX;
    }

    static void checkName(String topic, String name) {
        if (!NAME.matcher(name).matches()) {
            throw Refusal.invalid("name the group with 1 to 100 of a-z A-Z 0-9 . _ - : '" + name + "' does not do");
        }
        if (deadLetterTopic(topic, name).length() > TOPIC_NAME_MAX) {
            throw Refusal.invalid("choose a shorter name: the dead-letter topic " + deadLetterTopic(topic, name)
                    + " would have more than " + TOPIC_NAME_MAX + " characters");
        }
    }

    /** Checks a configuration and fills in the defaults. */
    static QueueConfig complete(QueueConfig config) {
        QueueConfig.Builder full = config.toBuilder();
        if (!config.hasStart()) {
            full.setStart(Start.newBuilder().setEarliest(true));
        }
        full.setLease(duration("lease", config.hasLease(), config.getLease(), 30_000, LEASE_MS_MIN, LEASE_MS_MAX));
        full.setRetryDelay(
                duration("retry_delay", config.hasRetryDelay(), config.getRetryDelay(), 1000, 0, RETRY_DELAY_MS_MAX));
        full.setRetryDelayMax(duration(
                "retry_delay_max",
                config.hasRetryDelayMax(),
                config.getRetryDelayMax(),
                Math.max(300_000, Durations.toMillis(full.getRetryDelay())),
                0,
                RETRY_DELAY_MS_MAX));
        full.setFailuresMax(number("failures_max", config.getFailuresMax(), FAILURES_MAX_DEFAULT, FAILURES_MAX_MAX));
        full.setInFlightMax(number("in_flight_max", config.getInFlightMax(), IN_FLIGHT_MAX_DEFAULT, IN_FLIGHT_MAX_MAX));
        full.setMemberInFlightMax(number("member_in_flight_max", config.getMemberInFlightMax(), 0, IN_FLIGHT_MAX_MAX));
        if (config.getOrder() == QueueOrder.UNRECOGNIZED) {
            throw Refusal.invalid("choose an order that this version knows");
        }
        if (config.getOrder() == QueueOrder.QUEUE_ORDER_UNSPECIFIED) {
            full.setOrder(QueueOrder.QUEUE_ORDER_UNORDERED);
        }
        full.setPriority(priority(full.getPriority(), full.getOrder()));
        return full.build();
    }

    private static QueuePriority priority(QueuePriority given, QueueOrder order) {
        return switch (given) {
            case QUEUE_PRIORITY_UNSPECIFIED, QUEUE_PRIORITY_IGNORED -> QueuePriority.QUEUE_PRIORITY_IGNORED;
            case UNRECOGNIZED -> throw Refusal.invalid("choose a priority that this version knows");
            default -> {
                if (QueuePolicy.isKeyed(order)) {
                    throw Refusal.invalid("choose either priorities or the order of keys: one would break the other");
                }
                yield given;
            }
        };
    }

    private static int number(String what, int given, int ifZero, int max) {
        if (given < 0 || given > max) {
            throw Refusal.invalid("choose " + what + " up to " + max + ", not " + Integer.toUnsignedString(given));
        }
        return given == 0 ? ifZero : given;
    }

    private static Duration duration(
            String what, boolean isGiven, Duration given, long defaultMs, long minMs, long maxMs) {
        long ms = isGiven ? Bounds.millis(what, given, minMs, maxMs) : defaultMs;
        return Durations.fromMillis(ms);
    }
}
