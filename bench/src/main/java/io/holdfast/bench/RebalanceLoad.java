package io.holdfast.bench;

import io.holdfast.client.HoldfastClient;
import io.holdfast.client.StreamConsumer;
import io.holdfast.client.StreamSettings;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.CopyOnWriteArrayList;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.TimeoutException;
import java.util.concurrent.atomic.AtomicReference;
import org.jspecify.annotations.Nullable;

/**
 * Members of a stream group that come and go, each on a thread of its own and all in one process: how long until each
 * partition has an owner and the shares are equal.
 */
public final class RebalanceLoad {
    private static final Duration POLL = Duration.ofMillis(100);
    private static final Duration PATIENCE = Duration.ofMinutes(2);
    private static final long LOOK_MS = 5;
    /** For streams that are being opened meanwhile. */
    private static final long QUIET_SECONDS = 10;

    private final HoldfastClient client;
    private final String topic;
    private final int partitions;
    private final List<Member> members = new CopyOnWriteArrayList<>();
    private final AtomicReference<@Nullable Throwable> broken = new AtomicReference<>();

    private final class Member {
        final StreamConsumer consumer;
        final Thread thread;
        volatile boolean stopping;

        Member(String group) {
            consumer = client.newStreamConsumer(StreamSettings.of(group, topic));
            thread = new Thread(this::work, "bench-member");
            thread.setDaemon(true);
            thread.start();
        }

        private void work() {
            try {
                while (!stopping) {
                    consumer.poll(POLL);
                }
                consumer.close();
            } catch (RuntimeException e) {
                broken.set(e);
            }
        }

        void leave() throws InterruptedException {
            stopping = true;
            thread.join(PATIENCE.toMillis());
        }
    }

    /** @param partitions of the topic, which exists */
    public RebalanceLoad(HoldfastClient client, String topic, int partitions) {
        this.client = client;
        this.topic = topic;
        this.partitions = partitions;
    }

    /**
     * Blocks until all has been measured.
     *
     * @return what took how long, for people
     */
    public List<String> run(String group, int count) throws InterruptedException, TimeoutException {
        List<String> lines = new ArrayList<>();
        long began = System.nanoTime();
        for (int i = 0; i < count; i++) {
            members.add(new Member(group));
        }
        awaitBalance();
        lines.add(said(partitions + " partitions have owners among " + count + " new members", began));
        TimeUnit.SECONDS.sleep(QUIET_SECONDS);
        began = System.nanoTime();
        members.add(new Member(group));
        awaitBalance();
        lines.add(said("one member more, and shares are equal", began));
        TimeUnit.SECONDS.sleep(QUIET_SECONDS);
        Member leaving = members.remove(0);
        began = System.nanoTime();
        leaving.leave();
        awaitBalance();
        lines.add(said("one member less, and shares are equal", began));
        for (Member member : members) {
            member.leave();
        }
        return lines;
    }

    private static String said(String what, long began) {
        return String.format("%s: %.2f s", what, (System.nanoTime() - began) / 1e9);
    }

    private void awaitBalance() throws InterruptedException, TimeoutException {
        long deadline = System.nanoTime() + PATIENCE.toNanos();
        while (!isBalanced()) {
            Throwable failure = broken.get();
            if (failure != null) {
                throw new IllegalStateException("a member gave up", failure);
            }
            if (System.nanoTime() > deadline) {
                throw new TimeoutException("not balanced within " + PATIENCE.toMinutes() + " minutes");
            }
            TimeUnit.MILLISECONDS.sleep(LOOK_MS);
        }
    }

    private boolean isBalanced() {
        int owned = 0;
        int least = Integer.MAX_VALUE;
        for (Member member : members) {
            int share = member.consumer.partitions(topic).size();
            owned += share;
            least = Math.min(least, share);
        }
        return owned == partitions && least == partitions / members.size();
    }
}
