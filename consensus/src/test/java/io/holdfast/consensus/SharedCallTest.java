package io.holdfast.consensus;

import static org.assertj.core.api.Assertions.assertThat;

import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.CompletableFuture;
import org.junit.jupiter.api.Test;

class SharedCallTest {
    private final List<CompletableFuture<String>> calls = new ArrayList<>();
    private final SharedCall<String> shared = new SharedCall<>(() -> {
        CompletableFuture<String> call = new CompletableFuture<>();
        calls.add(call);
        return call;
    });

    @Test
    void shouldShareTheNextCallAndNeverTheOneUnderWay() {
        CompletableFuture<String> first = shared.ask();
        CompletableFuture<String> second = shared.ask();
        CompletableFuture<String> third = shared.ask();
        assertThat(calls).hasSize(1);

        calls.get(0).complete("old");
        assertThat(first).isCompletedWithValue("old");
        assertThat(second).as("what it asked for after the call began").isNotDone();
        assertThat(calls).hasSize(2);

        calls.get(1).complete("new");
        assertThat(second).isCompletedWithValue("new");
        assertThat(third).isCompletedWithValue("new");
        assertThat(calls).as("nobody asked again").hasSize(2);
    }

    @Test
    void shouldGoOnAfterAFailure() {
        CompletableFuture<String> first = shared.ask();
        CompletableFuture<String> second = shared.ask();
        calls.get(0).completeExceptionally(new IllegalStateException("no leader"));
        assertThat(first).isCompletedExceptionally();

        calls.get(1).complete("well");
        assertThat(second).isCompletedWithValue("well");
    }

    @Test
    void shouldNotBeStuckWhenACallIsNotEvenMade() {
        List<Boolean> broken = new ArrayList<>(List.of(true, false));
        SharedCall<String> moody = new SharedCall<>(() -> {
            if (broken.remove(0)) {
                throw new IllegalStateException("closed");
            }
            return CompletableFuture.completedFuture("well");
        });
        assertThat(moody.ask()).isCompletedExceptionally();
        assertThat(moody.ask()).isCompletedWithValue("well");
    }
}
