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
    void roundsThatAreNotNeededAreLeftOut() throws InterruptedException {
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
    void aLongRoundIsNotRunTwiceAtATime() throws InterruptedException {
        AtomicInteger running = new AtomicInteger();
        AtomicInteger most = new AtomicInteger();
        CountDownLatch three = new CountDownLatch(3);
        Rounds rounds = new Rounds(
                () -> {
                    most.accumulateAndGet(running.incrementAndGet(), Math::max);
                    sleep(30);
                    running.decrementAndGet();
                    three.countDown();
                },
                2,
                executor,
                timer);
        three.await();
        rounds.close();
        assertThat(most).hasValue(1);
    }

    @Test
    void aRoundThatFailsDoesNotEndThem() throws InterruptedException {
        CountDownLatch three = new CountDownLatch(3);
        Rounds rounds = new Rounds(
                () -> {
                    three.countDown();
                    throw new IllegalStateException("as the test wants it");
                },
                2,
                executor,
                timer);
        assertThat(three.await(10, TimeUnit.SECONDS)).isTrue();
        rounds.close();
    }

    private static void sleep(long ms) {
        try {
            Thread.sleep(ms);
        } catch (InterruptedException e) {
            Thread.currentThread().interrupt();
        }
    }
}
