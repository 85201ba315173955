package io.holdfast.consensus.queue;

import com.google.protobuf.util.Durations;
import io.holdfast.internal.v1.RunPhase;
import io.holdfast.v1.QueueConfig;
import io.holdfast.v1.QueueOrder;
import io.holdfast.v1.QueuePriority;
import io.holdfast.v1.Start;
import java.util.concurrent.ThreadLocalRandom;

/**
 * How a group wants its records handed out; what {@link QueueConfig} says, its defaults filled in.
 *
 * @param createdMs wall clock; where a group that begins at the latest record begins
 * @param heldBack nothing is handed out in a partition, since earlier records of its keys are in another
 */
public record QueuePolicy(
        Start start,
        long createdMs,
        long leaseMs,
        int failuresMax,
        long retryDelayMs,
        long retryDelayMaxMs,
        int inFlightMax,
        int memberInFlightMax,
        QueueOrder order,
        QueuePriority priority,
        boolean discardDead,
        boolean paused,
        boolean heldBack) {

    public static QueuePolicy of(QueueConfig config, long createdMs) {
        return new QueuePolicy(
                config.getStart(),
                createdMs,
                Durations.toMillis(config.getLease()),
                config.getFailuresMax(),
                Durations.toMillis(config.getRetryDelay()),
                Durations.toMillis(config.getRetryDelayMax()),
                config.getInFlightMax(),
                config.getMemberInFlightMax() == 0 ? Integer.MAX_VALUE : config.getMemberInFlightMax(),
                config.getOrder(),
                config.getPriority(),
                config.getDiscardDead(),
                config.getPaused(),
                false);
    }

    /** In a partition where the group has to wait. */
    QueuePolicy thatIsHeldBack() {
        return new QueuePolicy(
                start,
                createdMs,
                leaseMs,
                failuresMax,
                retryDelayMs,
                retryDelayMaxMs,
                inFlightMax,
                memberInFlightMax,
                order,
                priority,
                discardDead,
                paused,
                true);
    }

    /** Whether records of a key, or all, come in order. */
    public static boolean keepsOrder(QueueOrder order) {
        return isKeyed(order) || order == QueueOrder.QUEUE_ORDER_EXCLUSIVE;
    }

    boolean isKeyed() {
        return isKeyed(order);
    }

    /** Whether the order of keys matters. */
    public static boolean isKeyed(QueueOrder order) {
        return order == QueueOrder.QUEUE_ORDER_KEYED
                || order == QueueOrder.QUEUE_ORDER_KEYED_SKIP_FAILED
                || order == QueueOrder.QUEUE_ORDER_KEYED_PARK_FAILED;
    }

    /** Whether what the group gives up on holds back its key until somebody decides. */
    boolean parksDead() {
        return order == QueueOrder.QUEUE_ORDER_KEYED_PARK_FAILED;
    }

    /** Whether a record with this status does not hold back later ones of its key. */
    boolean letsPass(Status status) {
        return status.phase() == RunPhase.RUN_PHASE_WAITING && order == QueueOrder.QUEUE_ORDER_KEYED_SKIP_FAILED;
    }

    boolean isPrioritized() {
        return priority == QueuePriority.QUEUE_PRIORITY_STRICT || priority == QueuePriority.QUEUE_PRIORITY_WEIGHTED;
    }

    boolean isExclusive() {
        return order == QueueOrder.QUEUE_ORDER_EXCLUSIVE;
    }

    /** Before the next delivery of a record that has failed so often before: doubled each time, a fifth more or less. */
    long retryDelay(int failedBefore) {
        double exact = Math.min((double) retryDelayMaxMs, retryDelayMs * Math.pow(2, failedBefore));
        return Math.round(exact * (0.8 + 0.4 * ThreadLocalRandom.current().nextDouble()));
    }
}
