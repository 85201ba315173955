package io.holdfast.node.service;

import static org.assertj.core.api.Assertions.assertThat;

import java.util.concurrent.CountDownLatch;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;
import java.util.concurrent.ScheduledExecutorService;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.atomic.AtomicBoolean;
import java.util.concurrent.atomic.AtomicInteger;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;

@Timeout(20)
class RoundsTest {
    private final ScheduledExecutorService timer = Executors.newSingleThreadScheduledExecutor();
    private final ExecutorService executor = Executors.newCachedThreadPool(task -> {
        Thread thread = new Thread(task);
        thread.setUncaughtExceptionHandler((which, failure) -> {}); // one of the tests fails on purpose
        return thread;
    });

    @AfterEach
    void stop() {
        timer.shutdownNow();
        executor.shutdownNow();
    }

    @Test
    void shouldLeaveOutRoundsThatAreNotNeeded() throws InterruptedException {
        AtomicBoolean needed = new AtomicBoolean();
        AtomicInteger run = new AtomicInteger();
        CountDownLatch ran = new CountDownLatch(1);
        CountDownLatch askedThrice = new CountDownLatch(3);
        Rounds rounds = new Rounds(
                () -> {
                    run.incrementAndGet();
                    ran.countDown();
                },
                () -> {
                    askedThrice.countDown();
                    return needed.get();
                },
                5,
                executor,
                timer);
        askedThrice.await();
        assertThat(run).hasValue(0);
        needed.set(true);
        ran.await();
        rounds.close();
    }

    @Test
    void shouldNotRunALongRoundTwiceAtATime() throws InterruptedException {
        AtomicInteger running = new AtomicInteger();
        AtomicInteger most = new AtomicInteger();
        CountDownLatch three = new CountDownLatch(3);
        Rounds rounds = often(() -> {
            most.accumulateAndGet(running.incrementAndGet(), Math::max);
            sleep(30);
            running.decrementAndGet();
            three.countDown();
        });
        three.await();
        rounds.close();
        assertThat(most).hasValue(1);
    }

    @Test
    void shouldGoOnAfterARoundThatFails() throws InterruptedException {
        CountDownLatch three = new CountDownLatch(3);
        Rounds rounds = often(() -> {
            three.countDown();
            throw new IllegalStateException("as the test wants it");
        });
        assertThat(three.await(10, TimeUnit.SECONDS)).isTrue();
        rounds.close();
    }

    private Rounds often(Runnable task) {
        return new Rounds(task, 2, executor, timer);
    }

    private static void sleep(long ms) {
        try {
            Thread.sleep(ms);
        } catch (InterruptedException e) {
            Thread.currentThread().interrupt();
        }
    }
}
