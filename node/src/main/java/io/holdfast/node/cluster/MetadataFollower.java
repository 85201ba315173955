package io.holdfast.node.cluster;

import io.holdfast.consensus.Causes;
import io.holdfast.consensus.Refusal;
import io.holdfast.consensus.metadata.MetadataImage;
import io.holdfast.consensus.metadata.MetadataReplica;
import io.holdfast.consensus.raft.Peer;
import io.holdfast.internal.v1.FollowMetadataRequest;
import io.holdfast.internal.v1.FollowMetadataResponse;
import io.holdfast.v1.ErrorReason;
import java.io.Closeable;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.Set;
import java.util.TreeSet;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.Executor;
import java.util.concurrent.RejectedExecutionException;
import java.util.concurrent.ScheduledExecutorService;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.atomic.AtomicInteger;
import java.util.function.IntFunction;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * Keeps a node that does not vote on the metadata told of them. It asks the leader, or one voter after another as long
 * as it knows none that answers; each answer waits there until there is news. A voter that has heard of no leader for a
 * while asks too: it may be one no more.
 */
public final class MetadataFollower implements Closeable {
    private static final Logger LOG = LoggerFactory.getLogger(MetadataFollower.class);
    private static final int WAIT_MS = 1_000;
    private static final long CALL_MS = 3_000;
    private static final long RETRY_MS = 100;
    private static final long LOOK_MS = 250;
    /** Until it asks again for what it could not take over. */
    private static final long UNFIT_MS = 5_000;

    /** A voter waits for so many looks for a leader before it asks. */
    private static final int LOOKS_ALONE = 8;

    private static final long AVOID_NANOS = 10_000_000_000L;

    private final MetadataReplica replica;
    private final Set<Integer> initialNodes;
    private final IntFunction<String> addressOf;
    private final NodeChannels channels;
    private final Executor executor;
    private final ScheduledExecutorService timer;
    private int looks;
    private final AtomicInteger turn = new AtomicInteger();
    private volatile long avoidedAt;
    private volatile int avoided;
    private volatile boolean closed;

    /**
     * @param initialNodes may know who votes
     * @param addressOf a node's API address, empty if it is not known
     * @param executor takes over what is told, which may write to disk
     */
    public MetadataFollower(
            MetadataReplica replica,
            Set<Integer> initialNodes,
            IntFunction<String> addressOf,
            NodeChannels channels,
            Executor executor,
            ScheduledExecutorService timer) {
        this.replica = replica;
        this.initialNodes = initialNodes;
        this.addressOf = addressOf;
        this.channels = channels;
        this.executor = executor;
        this.timer = timer;
    }

    /** Begins to ask. */
    public void start() {
        next();
    }

    private void next() {
        looks = replica.isLed() ? 0 : looks + 1;
        if (replica.isLed() || (replica.votes() && looks < LOOKS_ALONE)) {
            later(LOOK_MS);
            return;
        }
        int source = source();
        String address = address(source);
        if (address.isEmpty()) {
            failed(source);
            return;
        }
        ask(address, replica.whatIsNew().setWaitMs(WAIT_MS)).whenComplete((answer, failure) -> {
            if (failure == null && answer.getVotes()) {
                next();
            } else if (Causes.of(failure) instanceof UncheckedIOException unfit) {
                LOG.warn("what node {} tells of the metadata cannot be taken over: {}", source, unfit.getMessage());
                later(UNFIT_MS);
            } else {
                LOG.debug("node {} does not tell of the metadata", source, failure);
                failed(source);
            }
        });
    }

    private void failed(int source) {
        if (source == replica.leaderNode()) {
            avoided = source;
            avoidedAt = System.nanoTime();
        }
        turn.incrementAndGet();
        later(RETRY_MS);
    }

    private void later(long delayMs) {
        if (!closed) {
            try {
                timer.schedule(this::next, delayMs, TimeUnit.MILLISECONDS);
            } catch (RejectedExecutionException e) {
                LOG.debug("stopping");
            }
        }
    }

    /** The leader, unless it did not answer just now; else the next of all that might know. */
    private int source() {
        int leader = replica.leaderNode();
        if (leader != 0 && (leader != avoided || System.nanoTime() - avoidedAt > AVOID_NANOS)) {
            return leader;
        }
        Set<Integer> candidates = new TreeSet<>(initialNodes);
        for (Peer voter : replica.voters()) {
            candidates.add(voter.nodeId());
        }
        candidates.removeIf(node -> address(node).isEmpty());
        List<Integer> order = new ArrayList<>(candidates);
        return order.isEmpty() ? 0 : order.get(Math.floorMod(turn.get(), order.size()));
    }

    /** Empty if it is not known, or this node's own. */
    private String address(int node) {
        if (node == replica.self().nodeId()) {
            return "";
        }
        return addressOf.apply(node);
    }

    /** Completes when what was answered is taken over. */
    private CompletableFuture<FollowMetadataResponse> ask(String address, FollowMetadataRequest.Builder request) {
        return channels.ask(address, CALL_MS, stub -> stub.followMetadata(request.build()))
                .thenApplyAsync(
                        answer -> {
                            try {
                                replica.take(answer);
                            } catch (IOException e) {
                                throw new UncheckedIOException(e);
                            }
                            return answer;
                        },
                        executor);
    }

    /**
     * The metadata with everything in them that was committed when this was called. Completes with a {@link Refusal} if
     * no voter can say.
     */
    CompletableFuture<MetadataImage> current() {
        int source = source();
        String address = address(source);
        CompletableFuture<FollowMetadataResponse> answer = address.isEmpty()
                ? CompletableFuture.failedFuture(new IOException("no voter is known"))
                : ask(address, replica.whatIsNew().setCurrent(true));
        return answer.handle((told, failure) -> {
            if (failure != null) {
                LOG.debug("node {} cannot say what the metadata are now", source, failure);
                throw Refusal.later(
                        ErrorReason.ERROR_REASON_UNAVAILABLE,
                        "try again in a moment: nobody says what the metadata are now",
                        Duration.ofMillis(RETRY_MS));
            }
            return replica.image();
        });
    }

    @Override
    public void close() throws IOException {
        closed = true;
        replica.storeTold();
    }
}
