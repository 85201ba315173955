package io.holdfast.node.service;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import com.google.common.util.concurrent.RateLimiter;
import com.google.protobuf.ByteString;
import io.grpc.stub.ServerCallStreamObserver;
import io.holdfast.internal.v1.FetchCheckpointResponse;
import io.holdfast.internal.v1.FileChunk;
import java.time.Duration;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.atomic.AtomicInteger;
import org.jspecify.annotations.Nullable;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;

@Timeout(30)
class CheckpointSenderTest {
    private static final int PART_BYTES = 1 << 20;
    private static final FetchCheckpointResponse PART = FetchCheckpointResponse.newBuilder()
            .setChunk(FileChunk.newBuilder().setData(ByteString.copyFrom(new byte[PART_BYTES])))
            .build();

    /** Two receivers, one bound. */
    @Test
    void allCopiesTogetherStayWithinTheRate() {
        RateLimiter rate = RateLimiter.create(20.0 * PART_BYTES);
        Receiver one = new Receiver();
        Receiver two = new Receiver();
        CheckpointSender first = new CheckpointSender(one, rate);
        CheckpointSender second = new CheckpointSender(two, rate);
        long begun = System.nanoTime();
        for (int i = 0; i < 10; i++) {
            first.send(PART);
            second.send(PART);
        }
        assertThat(one.taken.get() + two.taken.get()).isEqualTo(20);
        // The first part is free.
        assertThat(Duration.ofNanos(System.nanoTime() - begun)).isGreaterThan(Duration.ofMillis(900));
    }

    @Test
    void waitsForTheReceiver() throws Exception {
        Receiver slow = new Receiver();
        slow.ready = false;
        CheckpointSender sender = new CheckpointSender(slow, RateLimiter.create(Double.MAX_VALUE));
        CompletableFuture<Void> sending = CompletableFuture.runAsync(() -> sender.send(PART));
        TimeUnit.MILLISECONDS.sleep(100);
        assertThat(sending).isNotDone();
        slow.ready = true;
        slow.wake.run();
        sending.get(10, TimeUnit.SECONDS);
        assertThat(slow.taken).hasValue(1);
    }

    @Test
    void givesUpWhenTheReceiverHasGone() {
        Receiver gone = new Receiver();
        gone.cancelled = true;
        CheckpointSender sender = new CheckpointSender(gone, RateLimiter.create(Double.MAX_VALUE));
        assertThatThrownBy(() -> sender.send(PART)).hasMessage("the receiver has gone");
        assertThat(gone.taken).hasValue(0);
    }

    private static final class Receiver extends ServerCallStreamObserver<FetchCheckpointResponse> {
        final AtomicInteger taken = new AtomicInteger();
        volatile boolean ready = true;
        volatile boolean cancelled;
        volatile Runnable wake = () -> {};

        @Override
        public boolean isReady() {
            return ready;
        }

        @Override
        public boolean isCancelled() {
            return cancelled;
        }

        @Override
        public void setOnReadyHandler(Runnable handler) {
            wake = handler;
        }

        @Override
        public void setOnCancelHandler(@Nullable Runnable handler) {}

        @Override
        public void setCompression(String compression) {}

        @Override
        public void disableAutoInboundFlowControl() {}

        @Override
        public void request(int count) {}

        @Override
        public void setMessageCompression(boolean enable) {}

        @Override
        public void onNext(FetchCheckpointResponse part) {
            taken.incrementAndGet();
        }

        @Override
        public void onError(Throwable failure) {}

        @Override
        public void onCompleted() {}
    }
}
