package io.holdfast.client;

import io.holdfast.v1.OpenProducerResponse;
import org.jspecify.annotations.Nullable;

/**
 * Who a producer is to the partitions that it writes to: the id and epoch under which they remember its order. Asked for at
 * first use. Guarded by the producer's lock, but for {@link #open}.
 */
final class ProducerIdentity {
    private final ProducerSettings settings;
    private final Admin admin;
    private final Object lock;
    private long id;
    private int epoch;
    private @Nullable HoldfastException end;
    /** Nothing is to be asked for; read without the lock. */
    private volatile boolean known;

    ProducerIdentity(ProducerSettings settings, Admin admin, Object lock) {
        this.settings = settings;
        this.admin = admin;
        this.lock = lock;
        known = !settings.idempotent();
    }

    /** Asks the cluster who this is, unless that is known. Blocks; not under the lock. */
    void open() {
        if (known) {
            return;
        }
        OpenProducerResponse opened = admin.openProducer(settings.name() == null ? "" : settings.name());
        synchronized (lock) {
            if (id == 0) {
                id = opened.getProducerId();
                epoch = opened.getEpoch();
            }
            known = true;
        }
    }

    /** 0 before it is known, and without idempotence. */
    long id() {
        return id;
    }

    int epoch() {
        return epoch;
    }

    /** Nothing can be sent under this identity any more. */
    void end(HoldfastException cause) {
        end = cause;
    }

    /** @throws HoldfastException if it has ended */
    void checkUsable() {
        HoldfastException cause = end;
        if (cause != null) {
            throw HoldfastException.notApplied(cause.reason(), String.valueOf(cause.getMessage()));
        }
    }
}
