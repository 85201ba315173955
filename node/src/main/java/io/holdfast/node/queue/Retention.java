package io.holdfast.node.queue;

import io.holdfast.consensus.Refusal;
import io.holdfast.consensus.partition.PartitionReplica;
import io.holdfast.internal.v1.GroupRow;
import io.holdfast.internal.v1.TopicRow;
import io.holdfast.node.cluster.ClusterState;
import io.holdfast.node.service.Rounds;
import io.holdfast.v1.SettledRetention;
import io.holdfast.v1.TopicConfig;
import java.util.Collection;
import java.util.HashMap;
import java.util.Map;
import java.util.concurrent.Executor;
import java.util.concurrent.ScheduledExecutorService;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * Lets records go that their topics need not keep, in partitions that this node leads: by age, by size, or because their
 * queue groups are done with them. A record goes by a replicated trim, so it is gone on all replicas at once; space is
 * freed by whole segments.
 *
 * <p>In one sentence: a record may go when age or size says so, or when every group has settled it and the topic lets
 * settled records go; but never, in a topic that protects them, before every group has settled it.
 */
final class Retention implements AutoCloseable {
    private static final Logger LOG = LoggerFactory.getLogger(Retention.class);
    private static final long ROUND_MS = 1000;
    /** Partitions at rest are looked at in one round of so many. */
    private static final int ROUNDS_PER_LOOK_AT_REST = 30;

    private final ClusterState state;
    private final Rounds rounds;
    private int round;

    Retention(ClusterState state, Executor executor, ScheduledExecutorService timer) {
        this.state = state;
        rounds = new Rounds(this::go, ROUND_MS, executor, timer);
    }

    private void go() {
        boolean restingToo = round++ % ROUNDS_PER_LOOK_AT_REST == 0;
        Map<Long, TopicRow> topics = new HashMap<>();
        state.image().topics().values().stream()
                .filter(topic -> topic.hasConfig() && !topic.getConfig().equals(TopicConfig.getDefaultInstance()))
                .forEach(topic -> topics.put(topic.getTopicId(), topic));
        state.replicas().forEach((group, replica) -> {
            TopicRow topic = topics.get(group.topicId());
            replica.setByteRate(topic == null ? 0 : topic.getConfig().getPublishBytesPerSecond());
            if (topic == null) {
                replica.setFull(false);
            } else if (state.leads(replica) && (replica.isOpen() || restingToo)) {
                try {
                    enforce(topic, replica);
                } catch (Refusal e) {
                    LOG.debug("retention of {} waits: {}", group, e.message());
                }
            }
        });
    }

    private void enforce(TopicRow topic, PartitionReplica replica) {
        TopicConfig config = topic.getConfig();
        boolean rejects = config.getRejectWhenFull() || config.getProtectUnsettled();
        long limit = replica.log().startOffset();
        if (config.hasRetainFor()) {
            long oldest = System.currentTimeMillis() - config.getRetainFor().getSeconds() * 1000;
            limit = Math.max(limit, replica.log().offsetAt(oldest));
        }
        if (config.getRetainBytes() > 0 && !config.getRejectWhenFull()) {
            limit = Math.max(limit, replica.log().offsetKeeping(config.getRetainBytes()));
        }
        Collection<GroupRow> groups = state.image().groups().of(topic.getName());
        if (!groups.isEmpty()) {
            long settled = replica.queues()
                    .lane()
                    .views()
                    .lowestFloor(groups.stream().map(GroupRow::getGroupId).toList());
            boolean settledGo = config.getSettled() == SettledRetention.SETTLED_RETENTION_INTEREST
                    || config.getSettled() == SettledRetention.SETTLED_RETENTION_WORK_QUEUE;
            limit = settledGo ? Math.max(limit, settled) : limit;
            limit = config.getProtectUnsettled() ? Math.min(limit, settled) : limit;
        }
        if (limit > replica.log().startOffset()) {
            replica.trim(limit).exceptionally(failure -> {
                LOG.debug("a trim of {} waits: {}", replica.group().group(), failure.getMessage());
                return 0L;
            });
        }
        replica.setFull(rejects && config.getRetainBytes() > 0 && replica.log().bytesKept() >= config.getRetainBytes());
    }

    @Override
    public void close() {
        rounds.close();
    }
}
