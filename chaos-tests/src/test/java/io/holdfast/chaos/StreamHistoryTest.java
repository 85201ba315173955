package io.holdfast.chaos;

import static org.assertj.core.api.Assertions.assertThat;

import java.util.List;
import java.util.Map;
import org.junit.jupiter.api.Test;

/** The judge of stream groups sees what it is there to see. */
class StreamHistoryTest {
    private final StreamHistory history = new StreamHistory();

    private void read(long epoch, long offset, String member, long from, long to) {
        history.read("t/0", epoch, offset, member, from, to);
    }

    private List<String> check(long end) {
        return history.check(Map.of("t/0", end));
    }

    @Test
    void shouldFindNothingWhereOwnersFollowEachOther() {
        read(1, 0, "a", 0, 10);
        read(1, 1, "a", 10, 20);
        history.committed("t/0", 1, 1, 12, 14);
        read(5, 1, "b", 30, 40); // once more: it was not committed
        read(5, 2, "b", 40, 50);
        history.committed("t/0", 5, 3, 50, 60);

        assertThat(check(3)).isEmpty();
        assertThat(history.ownershipCount()).isEqualTo(2);
        assertThat(history.longestHandOver()).isEqualTo(10);
    }

    @Test
    void shouldFindTwoOwnersAtATime() {
        read(1, 0, "a", 0, 25);
        read(2, 1, "b", 20, 30);

        assertThat(check(2)).singleElement().asString().contains("two owners");
    }

    @Test
    void shouldFindAnOwnershipOfTwoMembers() {
        read(1, 0, "a", 0, 10);
        read(1, 1, "b", 20, 30);

        assertThat(check(2)).singleElement().asString().contains("two members");
    }

    @Test
    void shouldFindRecordsThatAreLeftOut() {
        read(1, 0, "a", 0, 10);
        read(2, 2, "b", 20, 30);

        assertThat(check(3)).singleElement().asString().contains("leaves out");
    }

    @Test
    void shouldFindAGapWithinAnOwnership() {
        read(1, 0, "a", 0, 10);
        read(1, 2, "a", 10, 20);

        assertThat(check(3)).singleElement().asString().contains("does not follow");
    }

    @Test
    void shouldFindAnEndThatNobodyReached() {
        read(1, 0, "a", 0, 10);

        assertThat(check(2)).singleElement().asString().contains("nobody read");
    }

    @Test
    void shouldFindThatCommittedRecordsComeAgain() {
        read(1, 0, "a", 0, 10);
        history.committed("t/0", 1, 1, 10, 12);
        read(2, 0, "b", 20, 30);

        assertThat(check(1)).singleElement().asString().contains("reads again");
    }

    @Test
    void shouldFindACommitOfAFormerOwner() {
        read(1, 0, "a", 0, 10);
        read(2, 0, "b", 20, 30);
        history.committed("t/0", 1, 0, 40, 50);

        assertThat(check(1)).singleElement().asString().contains("a later owner");
    }
}
