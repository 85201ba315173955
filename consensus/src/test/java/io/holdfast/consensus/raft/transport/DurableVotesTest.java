package io.holdfast.consensus.raft.transport;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatCode;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import java.io.IOException;
import java.nio.channels.ClosedByInterruptException;
import java.nio.file.NoSuchFileException;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** That votes are on disk is shown by ForgottenVoteTest; here, what is no failure of the disk. */
class DurableVotesTest {
    @TempDir
    Path folder;

    private final List<IOException> diskFailures = new ArrayList<>();

    @Test
    void shouldFlush() {
        assertThatCode(() -> DurableVotes.flush(folder, diskFailures::add)).doesNotThrowAnyException();
        assertThat(diskFailures).isEmpty();
    }

    /** Ratis interrupts the threads of an election that is over. */
    @Test
    void shouldNotTellAVoteAndNotBlameTheDiskWhenItIsInterrupted() {
        Thread.currentThread().interrupt();
        try {
            assertThatThrownBy(() -> DurableVotes.flush(folder, diskFailures::add))
                    .isInstanceOf(ClosedByInterruptException.class);
        } finally {
            assertThat(Thread.interrupted())
                    .as("whoever comes next is told too")
                    .isTrue();
        }
        assertThat(diskFailures).isEmpty();
    }

    @Test
    void shouldNotBlameTheDiskForAReplicaThatIsGone() {
        assertThatThrownBy(() -> DurableVotes.flush(folder.resolve("deleted"), diskFailures::add))
                .isInstanceOf(NoSuchFileException.class);
        assertThat(diskFailures).isEmpty();
    }
}
