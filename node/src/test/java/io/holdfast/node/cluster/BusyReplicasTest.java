package io.holdfast.node.cluster;

import static org.assertj.core.api.Assertions.assertThat;

import io.holdfast.consensus.raft.GroupId;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.TimeUnit;
import org.junit.jupiter.api.Test;

class BusyReplicasTest {
    private static final GroupId GROUP = GroupId.ofPartition(1, 1);

    private final BusyReplicas busy = new BusyReplicas();

    @Test
    void shouldLetOneThingBeDoneAtATime() {
        assertThat(busy.begin(GROUP, 0)).isTrue();
        assertThat(busy.begin(GROUP, 1)).isFalse();
        assertThat(busy.begin(GroupId.ofPartition(1, 2), 1)).isTrue();
        busy.end(GROUP);
        assertThat(busy.begin(GROUP, 2)).isTrue();
    }

    @Test
    void shouldTellOnceWhereTheThreadsOfAGroupAre() throws Exception {
        CountDownLatch never = new CountDownLatch(1);
        Thread updater = new Thread(() -> await(never), "3-i@group-000001000001-StateMachineUpdater");
        updater.start();
        try {
            busy.begin(GROUP, 0);
            while (updater.getState() != Thread.State.WAITING) {
                TimeUnit.MILLISECONDS.sleep(1);
            }

            assertThat(busy.report(TimeUnit.SECONDS.toNanos(29))).isEmpty();
            assertThat(busy.report(TimeUnit.SECONDS.toNanos(31)))
                    .contains("partition 1/1", "StateMachineUpdater WAITING at ", "BusyReplicasTest.await");
            assertThat(busy.report(TimeUnit.SECONDS.toNanos(32))).isEmpty();
        } finally {
            never.countDown();
            updater.join();
        }
    }

    private static void await(CountDownLatch latch) {
        try {
            latch.await();
        } catch (InterruptedException e) {
            Thread.currentThread().interrupt();
        }
    }
}
