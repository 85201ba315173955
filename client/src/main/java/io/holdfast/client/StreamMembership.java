package io.holdfast.client;

import com.google.common.util.concurrent.ListenableFuture;
import com.google.protobuf.util.Durations;
import io.holdfast.v1.AssignedPartition;
import io.holdfast.v1.ErrorReason;
import io.holdfast.v1.HeartbeatRequest;
import io.holdfast.v1.HeartbeatResponse;
import io.holdfast.v1.LeaveStreamGroupRequest;
import io.holdfast.v1.Ownership;
import io.holdfast.v1.Start;
import io.holdfast.v1.StreamGroupServiceGrpc;
import io.holdfast.v1.TopicPartition;
import java.time.Duration;
import java.util.Collection;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.UUID;
import java.util.concurrent.CancellationException;
import java.util.concurrent.ExecutionException;
import java.util.concurrent.TimeUnit;
import java.util.function.Supplier;
import org.jspecify.annotations.Nullable;

/**
 * Keeps a member of a stream group alive by heartbeats on a thread of its own, and says what it owns: nothing, while that
 * was not confirmed in time. When the group says that it is no member any more it begins again, under another id. Any
 * thread.
 */
final class StreamMembership implements AutoCloseable {
    private static final Duration WAIT_MAX = Duration.ofSeconds(3);
    private static final long SESSION_NANOS_FIRST = TimeUnit.SECONDS.toNanos(10);
    private static final long PATIENCE_SECONDS = 5;
    private static final long BACKOFF_MS_MAX = 500;

    private final StreamSettings settings;
    private final Connections connections;
    private final Supplier<Collection<Ownership>> inHand;
    private final Thread thread;

    private String memberId = "";
    private Map<TopicPartition, Owned> owned = Map.of();
    private long seenVersion;
    private long sessionNanos = SESSION_NANOS_FIRST;
    private long validUntilNanos;
    private boolean closed;
    private int node;
    private int failures;
    private @Nullable ListenableFuture<HeartbeatResponse> underWay;
    private @Nullable HoldfastException failure;

    /** A partition that is this member's, and where to begin with it. */
    record Owned(long epoch, Start start) {}

    /** @param inHand all that has not been let go of; called under this object's lock */
    StreamMembership(StreamSettings settings, Connections connections, Supplier<Collection<Ownership>> inHand) {
        this.settings = settings;
        this.connections = connections;
        this.inHand = inHand;
        thread = new Thread(this::run, "holdfast-heartbeats");
        thread.setDaemon(true);
        beginAgain();
    }

    void start() {
        thread.start();
    }

    /**
     * What is this member's right now; nothing if that is not certain any more.
     *
     * @throws HoldfastException if the group cannot be joined
     */
    synchronized Map<TopicPartition, Owned> owned() {
        if (failure != null) {
            throw failure;
        }
        return System.nanoTime() - validUntilNanos < 0 ? owned : Map.of();
    }

    synchronized String memberId() {
        return memberId;
    }

    /** What is in hand has changed: says so without waiting for the heartbeat that is under way. */
    synchronized void tell() {
        if (underWay != null) {
            underWay.cancel(true); // its answer, if there is one, is not heard: the next one says the same
        }
    }

    private synchronized void beginAgain() {
        memberId = UUID.randomUUID().toString();
        owned = Map.of();
        seenVersion = 0;
        validUntilNanos = System.nanoTime();
    }

    private void run() {
        try {
            while (beat()) {}
        } catch (InterruptedException e) {
            // closed
        }
    }

    /** @return false if that was the last one */
    private boolean beat() throws InterruptedException {
        ListenableFuture<HeartbeatResponse> call;
        long sentNanos;
        synchronized (this) {
            if (closed) {
                return false;
            }
            sentNanos = System.nanoTime();
            call = stub().heartbeat(request());
            underWay = call;
        }
        try {
            heard(call.get(), sentNanos);
        } catch (CancellationException e) {
            // told anew at once
        } catch (ExecutionException e) {
            failed(HoldfastException.of(e.getCause() == null ? e : e.getCause()));
        }
        return true;
    }

    /**
     * Begins with a partition, if it is this member's still. What a heartbeat says is in hand, and up to which version
     * this member knows, is taken at one moment; so what begins does so before that, and is in it, or knowing as much.
     */
    synchronized boolean ifOwned(TopicPartition partition, long epoch, Runnable begin) {
        Owned one = owned().get(partition);
        if (one == null || one.epoch() != epoch) {
            return false;
        }
        begin.run();
        return true;
    }

    private HeartbeatRequest request() {
        long waitMs = Math.min(WAIT_MAX.toMillis(), TimeUnit.NANOSECONDS.toMillis(sessionNanos) / 3);
        return HeartbeatRequest.newBuilder()
                .setGroup(settings.group())
                .setMemberId(memberId)
                .setJoin(seenVersion == 0)
                .addAllTopics(settings.topics())
                .addAllOwned(inHand.get())
                .setSeenVersion(seenVersion)
                .setWait(Durations.fromMillis(waitMs))
                .setInstanceId(settings.instance())
                .setRack(settings.rack())
                .setConfig(settings.config())
                .build();
    }

    private StreamGroupServiceGrpc.StreamGroupServiceFutureStub stub() {
        List<String> known = connections.known();
        return StreamGroupServiceGrpc.newFutureStub(connections.to(known.get(Math.floorMod(node, known.size()))))
                .withDeadlineAfter(
                        WAIT_MAX.toMillis() + TimeUnit.SECONDS.toMillis(PATIENCE_SECONDS), TimeUnit.MILLISECONDS);
    }

    private synchronized void heard(HeartbeatResponse response, long sentNanos) {
        Map<TopicPartition, Owned> mine = new HashMap<>();
        for (AssignedPartition one : response.getAssignedList()) {
            mine.put(
                    one.getOwnership().getPartition(),
                    new Owned(one.getOwnership().getOwnershipEpoch(), one.getStart()));
        }
        failures = 0;
        owned = mine;
        seenVersion = response.getVersion();
        sessionNanos = Durations.toNanos(response.getSessionTimeout());
        validUntilNanos = sentNanos + sessionNanos;
    }

    private void failed(HoldfastException why) throws InterruptedException {
        long pauseMs;
        synchronized (this) {
            if (connections.isClosed()) {
                failure = HoldfastException.notApplied(ErrorReason.ERROR_REASON_UNAVAILABLE, "the client is closed");
                closed = true;
                return;
            }
            if (why.reason() == ErrorReason.ERROR_REASON_MEMBER_FENCED
                    || why.reason() == ErrorReason.ERROR_REASON_GROUP_NOT_FOUND) {
                beginAgain();
            } else if (!why.isPassing() && why.reason() != ErrorReason.ERROR_REASON_INSTANCE_IN_USE) {
                failure = why;
                closed = true;
                return;
            } else {
                node++;
            }
            pauseMs = Math.min(BACKOFF_MS_MAX, 20L << Math.min(5, failures++));
        }
        Thread.sleep(pauseMs);
    }

    /** Leaves the group, or, if this member has a name of its own, for a while. Nothing may be in hand any more. */
    @Override
    public void close() {
        String id;
        synchronized (this) {
            if (closed) {
                return;
            }
            closed = true;
            id = memberId;
            if (underWay != null) {
                underWay.cancel(true);
            }
        }
        thread.interrupt();
        LeaveStreamGroupRequest leave = LeaveStreamGroupRequest.newBuilder()
                .setGroup(settings.group())
                .setMemberId(id)
                .setKeepPlace(!settings.instance().isEmpty())
                .build();
        try {
            new Admin(connections)
                    .call(
                            true,
                            channel -> Admin.timed(StreamGroupServiceGrpc.newBlockingStub(channel))
                                    .leaveStreamGroup(leave));
        } catch (HoldfastException e) {
            // The session ends by itself.
        }
    }
}
