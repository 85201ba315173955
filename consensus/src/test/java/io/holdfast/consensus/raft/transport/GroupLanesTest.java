package io.holdfast.consensus.raft.transport;

import static org.assertj.core.api.Assertions.assertThat;

import java.util.ArrayDeque;
import java.util.ArrayList;
import java.util.List;
import java.util.Queue;
import java.util.UUID;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;
import java.util.concurrent.TimeUnit;
import org.apache.ratis.protocol.RaftGroupId;
import org.junit.jupiter.api.Test;

class GroupLanesTest {
    private final RaftGroupId one = RaftGroupId.valueOf(new UUID(1, 1));
    private final RaftGroupId two = RaftGroupId.valueOf(new UUID(1, 2));

    @Test
    void shouldKeepAGroupsOrderAndLetOthersPass() {
        Queue<Runnable> executor = new ArrayDeque<>();
        GroupLanes lanes = new GroupLanes(executor::add);
        List<String> ran = new ArrayList<>();

        lanes.run(one, () -> ran.add("one/1"));
        lanes.run(one, () -> ran.add("one/2"));
        lanes.run(two, () -> ran.add("two/1"));

        assertThat(executor).as("tasks handed over: one a group").hasSize(2);
        assertThat(lanes.isBusy(one)).isTrue();
        executor.forEach(Runnable::run);
        assertThat(ran).containsExactly("one/1", "one/2", "two/1");
        assertThat(lanes.isBusy(one)).isFalse();
    }

    @Test
    void shouldRunTasksOfAGroupOneAtATimeAndInOrderUnderContention() throws Exception {
        int tasks = 20_000;
        ExecutorService threads = Executors.newFixedThreadPool(4);
        try {
            GroupLanes lanes = new GroupLanes(threads);
            List<Integer> ran = new ArrayList<>(); // not a concurrent one: that is the point
            CountDownLatch done = new CountDownLatch(tasks);
            for (int i = 0; i < tasks; i++) {
                int number = i;
                lanes.run(one, () -> {
                    ran.add(number);
                    done.countDown();
                });
            }
            assertThat(done.await(30, TimeUnit.SECONDS)).isTrue();
            assertThat(ran).hasSize(tasks).isSorted();
        } finally {
            threads.shutdownNow();
        }
    }
}
