package io.holdfast.node.cluster;

import io.holdfast.consensus.metadata.MetadataImage;
import io.holdfast.consensus.metadata.MetadataReplica;
import io.holdfast.consensus.partition.PartitionReplica;
import io.holdfast.consensus.raft.GroupId;
import io.holdfast.internal.v1.NodeRow;
import io.holdfast.internal.v1.TopicRow;
import io.holdfast.node.config.NodeConfig;
import java.io.Closeable;
import java.io.IOException;
import java.time.Duration;
import java.util.HashMap;
import java.util.HashSet;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.concurrent.Executor;
import java.util.concurrent.RejectedExecutionException;
import java.util.concurrent.ScheduledExecutorService;
import java.util.concurrent.ScheduledFuture;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.atomic.AtomicBoolean;
import org.jspecify.annotations.Nullable;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * Makes the node's Raft groups agree with the metadata. Level-triggered: each pass compares what should be with what
 * is and takes the next step, so that it may be interrupted anywhere and asked again.
 *
 * <p>Besides opening and deleting replicas it keeps the members of the groups that this node leads at what the metadata
 * says: that is how replicas move, and how a node that lost its data, and came back as a new incarnation, takes its own
 * old place.
 */
public final class ReplicaReconciler implements Closeable {
    private static final Logger LOG = LoggerFactory.getLogger(ReplicaReconciler.class);
    private static final long TICK_MS = 500;
    private static final long CHECKPOINT_BYTES = 256L << 20;
    private static final int RESTING_TICKS = 10;
    private static final Duration CURRENT_PATIENCE = Duration.ofSeconds(5);

    private final LocalReplicas replicas;
    private final RestingGroups resting;
    private final MetadataClient metadata;
    private final Controller controller;
    private final MemberChanges members;
    private final ClusterState state;
    private final NodeConfig config;
    private final Executor openers;
    private final ScheduledExecutorService thread;
    private final AtomicBoolean queued = new AtomicBoolean();
    private final BusyReplicas busy = new BusyReplicas();
    private final Map<GroupId, Long> housekeptAt = new HashMap<>();
    private final Map<GroupId, Long> checkpointedBytes = new HashMap<>();
    private final LeaderSpread leaders;
    private final PartitionSplits splits;
    private long passedVersion = -1;
    private long upkeptVersion = -1;
    private int upkeeps;
    private volatile @Nullable ScheduledFuture<?> ticks;
    private final Runnable watcher = this::trigger;

    /**
     * @param openers for closing what is not to be here any more
     * @param thread a single thread, on which all passes run
     */
    public ReplicaReconciler(
            RestingGroups resting,
            MetadataReplica replica,
            MetadataClient metadata,
            NodeRow self,
            ClusterState state,
            NodeConfig config,
            Executor openers,
            ScheduledExecutorService thread) {
        this.replicas = resting.replicas();
        this.resting = resting;
        this.metadata = metadata;
        this.members = new MemberChanges(MetadataImage.peer(self), metadata);
        this.controller =
                new Controller(replica, metadata, members, state, self, config.nodeDeadAfter(), System::nanoTime);
        this.state = state;
        this.config = config;
        this.openers = openers;
        this.thread = thread;
        this.leaders = new LeaderSpread(state.nodeId());
        this.splits = new PartitionSplits(state, metadata);
    }

    /** Begins to reconcile. */
    public void start() {
        state.watch(watcher);
        ticks = thread.scheduleWithFixedDelay(this::tick, 0, TICK_MS, TimeUnit.MILLISECONDS);
    }

    private void trigger() {
        if (queued.compareAndSet(false, true)) {
            try {
                thread.execute(() -> {
                    queued.set(false);
                    guarded(this::pass);
                });
            } catch (RejectedExecutionException e) {
                LOG.debug("stopping, no further pass");
            }
        }
    }

    private void tick() {
        guarded(this::pass);
        guarded(() -> controller.tick(state.image()));
        guarded(this::upkeep);
        guarded(() -> splits.keep(state.image()));
    }

    private static void guarded(Runnable step) {
        try {
            step.run();
        } catch (RuntimeException e) {
            LOG.error("reconciliation failed, it will be tried again", e);
        }
    }

    private void pass() {
        MetadataImage image = state.image();
        if (image.version() == passedVersion) {
            return;
        }
        boolean complete = true;
        Set<GroupId> wanted = new HashSet<>();
        for (TopicRow topic : image.topics().values()) {
            for (int p = 0; p < topic.getAssignmentsCount(); p++) {
                if (topic.getAssignments(p).getReplicaNodesList().contains(state.nodeId())) {
                    GroupId group = MetadataImage.group(topic, p);
                    wanted.add(group);
                    if (state.replica(group) == null) {
                        complete &= add(image, topic, p);
                    }
                }
            }
        }
        for (Map.Entry<GroupId, PartitionReplica> here :
                List.copyOf(state.replicas().entrySet())) {
            GroupId group = here.getKey();
            // An image that is older than the topic knows nothing of it: that is no reason to delete.
            if (wanted.contains(group) || group.topicId() >= image.nextTopicId()) {
                continue;
            }
            if (image.topic(group.topicId()) == null) {
                forget(group);
                replicas.delete(here.getValue());
            } else if (!image.needs(group, state.nodeId())) {
                complete = false; // until it is gone
                retire(here.getValue());
            }
        }
        passedVersion = complete ? image.version() : -1;
    }

    private void forget(GroupId group) {
        housekeptAt.remove(group);
        checkpointedBytes.remove(group);
        members.forget(group);
    }

    /** The replica has moved away, and the others have confirmed that they do without it. */
    private void retire(PartitionReplica replica) {
        forget(replica.group().group());
        apart(replica, () -> {
            replicas.retire(replica, () -> !currentImage().needs(replica.group().group(), state.nodeId()));
            trigger();
        });
    }

    /** Runs what may block, once at a time per replica. */
    private void apart(PartitionReplica replica, Runnable work) {
        GroupId group = replica.group().group();
        if (!busy.begin(group, System.nanoTime())) {
            return;
        }
        try {
            openers.execute(() -> {
                try {
                    work.run();
                } finally {
                    busy.end(group);
                }
            });
        } catch (RejectedExecutionException e) {
            busy.end(group);
            LOG.debug("stopping");
        }
    }

    /** The metadata with everything that was decided before this call. */
    private MetadataImage currentImage() {
        MetadataImage image = metadata.current(CURRENT_PATIENCE).join();
        state.publish(image);
        return image;
    }

    private boolean add(MetadataImage image, TopicRow topic, int partition) {
        try {
            replicas.add(image, topic, partition);
            return true;
        } catch (IOException e) {
            LOG.error("cannot add the replica of {}/{}: {}", topic.getName(), partition, e.getMessage());
            return false;
        }
    }

    // ---- upkeep of what is open

    private void upkeep() {
        MetadataImage image = state.image();
        // Of thousands at rest little can change on its own.
        boolean everyone = image.version() != upkeptVersion || upkeeps++ % RESTING_TICKS == 0;
        upkeptVersion = image.version();
        state.replicas().forEach((group, replica) -> {
            if (!replica.isOpen() && !everyone) {
                return;
            }
            if (replica.hasStopped() && image.needs(group, state.nodeId())) {
                apart(replica, () -> replicas.revive(replica));
                return;
            }
            Wanted wanted = Wanted.of(image, group);
            if (replica.isOpen()) {
                members.keep(replica.group(), image, wanted, replica::nudge);
                housekeepIfDue(group, replica);
            }
            resting.watch(replica, wanted);
        });
        members.flush();
        resting.wakeNeighbours();
        leaders.spread(image, state.replicas());
        String held = busy.report(System.nanoTime());
        if (!held.isEmpty()) {
            LOG.warn("{}", held);
        }
    }

    private void housekeepIfDue(GroupId group, PartitionReplica replica) {
        long now = System.currentTimeMillis();
        long written = replica.log().bytesWritten();
        Long last = housekeptAt.putIfAbsent(group, now);
        // By bytes too: restart reads again what came after the checkpoint.
        boolean much = written - checkpointedBytes.getOrDefault(group, 0L) > CHECKPOINT_BYTES;
        if (much || (last != null && now - last > config.checkpointInterval().toMillis())) {
            housekeptAt.put(group, now);
            checkpointedBytes.put(group, written);
            replica.group().checkpoint();
            replica.evictProducers(
                    config.producers().idleExpiry().toMillis(),
                    config.producers().namedIdleExpiry().toMillis(),
                    config.producers().perPartitionMax());
        }
    }

    @Override
    public void close() {
        state.unwatch(watcher);
        ScheduledFuture<?> running = ticks;
        if (running != null) {
            running.cancel(false);
        }
    }
}
