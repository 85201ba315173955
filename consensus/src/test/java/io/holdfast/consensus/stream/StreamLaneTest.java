package io.holdfast.consensus.stream;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import io.holdfast.consensus.Refusal;
import io.holdfast.internal.v1.StreamCommand;
import io.holdfast.internal.v1.StreamCreate;
import io.holdfast.internal.v1.StreamOperation;
import io.holdfast.internal.v1.StreamResult;
import io.holdfast.v1.ErrorReason;
import io.holdfast.v1.WriteOutcome;
import java.util.ArrayDeque;
import java.util.ArrayList;
import java.util.Deque;
import java.util.List;
import java.util.Set;
import java.util.concurrent.CompletableFuture;
import java.util.function.Function;
import org.junit.jupiter.api.Test;

class StreamLaneTest {
    private final StreamGroupTable table = new StreamGroupTable();
    private final List<StreamCommand> proposed = new ArrayList<>();
    private final Deque<CompletableFuture<List<StreamResult>>> answers = new ArrayDeque<>();
    private final List<Set<String>> applied = new ArrayList<>();
    private boolean leads = true;

    private final StreamShard shard = new StreamShard() {
        @Override
        public boolean leads() {
            return leads;
        }

        @Override
        public long term() {
            return 1;
        }

        @Override
        public Refusal notLeader() {
            return Refusal.notLeader(WriteOutcome.WRITE_OUTCOME_NOT_APPLIED, 0, "");
        }

        @Override
        public CompletableFuture<List<StreamResult>> propose(StreamCommand command) {
            proposed.add(command);
            answers.add(new CompletableFuture<>());
            return answers.getLast();
        }

        @Override
        public CompletableFuture<Void> barrier() {
            return CompletableFuture.completedFuture(null);
        }

        @Override
        public <T> T ask(Function<StreamGroupTable, T> question) {
            return question.apply(table);
        }
    };

    private final StreamLane lane = new StreamLane(shard, Runnable::run, applied::add);

    private static StreamOperation create(String group) {
        return StreamOperation.newBuilder()
                .setGroup(group)
                .setCreate(StreamCreate.getDefaultInstance())
                .build();
    }

    /** What was proposed first comes into effect. */
    private void apply() {
        StreamCommand command = proposed.remove(0);
        answers.remove().complete(table.apply(command, 1, 0));
    }

    @Test
    void shouldHaveOneEntryUnderWayAndGatherTheRest() {
        lane.change(t -> create("a"));
        CompletableFuture<StreamResult> second = lane.change(t -> create("b"));
        CompletableFuture<StreamResult> third = lane.change(t -> create("a"));
        assertThat(proposed).hasSize(1);

        apply();
        assertThat(proposed)
                .singleElement()
                .satisfies(entry -> assertThat(entry.getOperationsList()).hasSize(2));
        apply();

        assertThat(second).isCompletedWithValueMatching(result -> !result.getExists());
        assertThat(third).isCompletedWithValueMatching(StreamResult::getExists);
        assertThat(applied).containsExactly(Set.of("a"), Set.of("a", "b"));
    }

    @Test
    void shouldRefuseOneWithoutRefusingTheOthers() {
        lane.change(t -> create("first"));
        CompletableFuture<StreamResult> refused = lane.change(t -> {
            throw Refusal.of(ErrorReason.ERROR_REASON_MEMBER_FENCED, "not a member");
        });
        CompletableFuture<StreamResult> needless = lane.change(t -> null);
        CompletableFuture<StreamResult> good = lane.change(t -> create("good"));

        apply();
        apply();

        assertThatThrownBy(refused::join).hasCauseInstanceOf(Refusal.class);
        assertThat(needless).isCompleted();
        assertThat(good).isCompletedWithValueMatching(result -> !result.getExists());
    }

    @Test
    void shouldRefuseWhatComesWhenItDoesNotLead() {
        leads = false;

        assertThatThrownBy(lane.change(t -> create("a"))::join).hasCauseInstanceOf(Refusal.class);

        leads = true;
        lane.change(t -> create("a"));
        apply();
        assertThat(table.row("a")).isNotNull();
    }
}
