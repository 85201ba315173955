package io.holdfast.consensus.raft;

import static org.assertj.core.api.Assertions.assertThat;

import java.io.IOException;
import java.nio.file.Path;
import java.time.Duration;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.TimeUnit;
import org.apache.ratis.protocol.Message;
import org.apache.ratis.protocol.RaftClientReply;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** Linearizable reads. */
class ReadBarrierTest {
    /** A leader that hears nothing keeps its office for as long: longer than anything here takes. */
    private static final Duration LONG = Duration.ofSeconds(20);

    private static final long NOTHING_COMES_MS = 400;

    @TempDir
    private Path folder;

    private RaftTrio trio;

    @BeforeEach
    void start() throws Exception {
        trio = new RaftTrio(folder, LONG);
    }

    @AfterEach
    void stop() throws IOException {
        trio.close();
    }

    @Test
    void everyReplicaSeesWhatWasAcknowledgedBefore() throws Exception {
        for (int i = 1; i <= 50; i++) {
            RaftClientReply written = RaftTrio.get(trio.leader().propose(Message.valueOf("x")));
            assertThat(written.isSuccess()).isTrue();
            RaftGroupHandle reader = trio.replica(i % 3);
            assertThat(RaftTrio.get(reader.readBarrier()).isSuccess()).isTrue();
            assertThat(reader.appliedIndex()).isGreaterThanOrEqualTo(written.getLogIndex());
        }
    }

    /** It had confirmed the very same index before: that says nothing of now, when others may have a newer leader. */
    @Test
    void aLeaderThatHearsNothingConfirmsNothing() throws Exception {
        RaftTrio.get(trio.leader().propose(Message.valueOf("x")));
        assertThat(RaftTrio.get(trio.leader().readBarrier()).isSuccess()).isTrue();
        assertThat(RaftTrio.get(trio.leader().readBarrier()).isSuccess()).isTrue();
        trio.closeFollowers();
        CompletableFuture<RaftClientReply> read = trio.leader().readBarrier();
        CompletableFuture<Void> confirmed = trio.leader().confirmLeadership();
        TimeUnit.MILLISECONDS.sleep(NOTHING_COMES_MS);
        assertThat(trio.leader().isLeader()).isTrue();
        assertThat(read).isNotDone();
        assertThat(confirmed).isNotDone();
    }

    @Test
    void oneFollowerOfTwoIsEnough() throws Exception {
        trio.closeFollower(2);
        for (int i = 0; i < 50; i++) {
            assertThat(RaftTrio.get(trio.leader().readBarrier()).isSuccess()).isTrue();
            assertThat(RaftTrio.get(trio.replica(1).readBarrier()).isSuccess()).isTrue();
        }
    }

    @Test
    void readersOfALeaderThatStopsAreTold() throws Exception {
        trio.closeFollowers();
        CompletableFuture<RaftClientReply> read = trio.leader().readBarrier();
        trio.restLeader();
        RaftTrio.await(read::isDone);
        assertThat(read.handle((reply, failure) -> failure == null && reply.isSuccess()))
                .isCompletedWithValue(false);
    }
}
