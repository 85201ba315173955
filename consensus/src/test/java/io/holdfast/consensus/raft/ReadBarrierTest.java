package io.holdfast.consensus.raft;

import static org.assertj.core.api.Assertions.assertThat;

import io.holdfast.consensus.raft.RaftGroupHandle.Rest;
import java.io.IOException;
import java.net.InetAddress;
import java.net.ServerSocket;
import java.nio.file.Path;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.TimeUnit;
import java.util.function.BooleanSupplier;
import org.apache.ratis.proto.RaftProtos.LogEntryProto;
import org.apache.ratis.protocol.Message;
import org.apache.ratis.protocol.RaftClientReply;
import org.apache.ratis.server.protocol.TermIndex;
import org.jspecify.annotations.Nullable;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** Linearizable reads of a group of three, over real connections. */
class ReadBarrierTest {
    private static final GroupId GROUP = GroupId.METADATA;
    /** A leader that hears nothing keeps its office for as long: longer than anything here takes. */
    private static final RaftSettings SETTINGS =
            new RaftSettings(Duration.ofSeconds(20), Duration.ofSeconds(30), 1 << 20, 1_000_000, 4 << 20, 1_000_000);

    private static final long SECONDS_MAX = 15;
    private static final long NOTHING_COMES_MS = 400;

    private final List<RaftHost> hosts = new ArrayList<>();
    private final List<RaftGroupHandle> replicas = new ArrayList<>();

    @TempDir
    private Path folder;

    @BeforeEach
    void start() throws Exception {
        List<Peer> peers = new ArrayList<>();
        for (int node = 1; node <= 3; node++) {
            peers.add(new Peer(node, "i", "127.0.0.1:" + freePort()));
        }
        for (Peer peer : peers) {
            int port = Integer.parseInt(peer.address().substring(peer.address().indexOf(':') + 1));
            RaftHost host = new RaftHost(peer, "127.0.0.1", port, folder.resolve("node-" + peer.nodeId()), SETTINGS);
            hosts.add(host);
            host.start();
            RaftGroupHandle replica = host.atRest(GROUP, Rest.unborn(peers));
            host.open(replica, peers, new Counter());
            replicas.add(replica);
        }
        awaitConnected(replicas.get(1));
        awaitConnected(replicas.get(2));
    }

    /** Until the first node leads, and this one has a connection to it. */
    private void awaitConnected(RaftGroupHandle follower) throws InterruptedException {
        await(() -> {
            if (follower.leaderNode() == 0) {
                replicas.get(0).elect();
            }
            try {
                return get(follower.readBarrier()).isSuccess();
            } catch (Exception e) {
                return false;
            }
        });
        assertThat(replicas.get(0).isReadyLeader()).isTrue();
    }

    private static int freePort() throws IOException {
        try (ServerSocket socket = new ServerSocket(0, 1, InetAddress.getLoopbackAddress())) {
            return socket.getLocalPort();
        }
    }

    @AfterEach
    void stop() throws IOException {
        for (RaftHost host : hosts) {
            host.close();
        }
    }

    @Test
    void everyReplicaSeesWhatWasAcknowledgedBefore() throws Exception {
        for (int i = 1; i <= 50; i++) {
            RaftClientReply written = get(replicas.get(0).propose(Message.valueOf("x")));
            assertThat(written.isSuccess()).isTrue();
            RaftGroupHandle reader = replicas.get(i % 3);
            assertThat(get(reader.readBarrier()).isSuccess()).isTrue();
            assertThat(reader.appliedIndex()).isGreaterThanOrEqualTo(written.getLogIndex());
        }
    }

    /** It had confirmed the very same index before: that says nothing of now, when others may have a newer leader. */
    @Test
    void aLeaderThatHearsNothingConfirmsNothing() throws Exception {
        RaftGroupHandle leader = replicas.get(0);
        get(leader.propose(Message.valueOf("x")));
        assertThat(get(leader.readBarrier()).isSuccess()).isTrue();
        assertThat(get(leader.readBarrier()).isSuccess()).isTrue();
        hosts.get(1).close();
        hosts.get(2).close();
        CompletableFuture<RaftClientReply> read = leader.readBarrier();
        CompletableFuture<Void> confirmed = leader.confirmLeadership();
        TimeUnit.MILLISECONDS.sleep(NOTHING_COMES_MS);
        assertThat(leader.isLeader()).isTrue();
        assertThat(read).isNotDone();
        assertThat(confirmed).isNotDone();
    }

    @Test
    void oneFollowerOfTwoIsEnough() throws Exception {
        hosts.get(2).close();
        for (int i = 0; i < 50; i++) {
            assertThat(get(replicas.get(0).readBarrier()).isSuccess()).isTrue();
            assertThat(get(replicas.get(1).readBarrier()).isSuccess()).isTrue();
        }
    }

    @Test
    void readersOfALeaderThatStopsAreTold() throws Exception {
        RaftGroupHandle leader = replicas.get(0);
        hosts.get(1).close();
        hosts.get(2).close();
        CompletableFuture<RaftClientReply> read = leader.readBarrier();
        hosts.get(0).rest(leader, new Rest(leader.term(), leader.logEnd(), leader.members()));
        await(read::isDone);
        assertThat(read.handle((reply, failure) -> failure == null && reply.isSuccess()))
                .isCompletedWithValue(false);
    }

    private static void await(BooleanSupplier condition) throws InterruptedException {
        long deadline = System.nanoTime() + TimeUnit.SECONDS.toNanos(SECONDS_MAX);
        while (!condition.getAsBoolean()) {
            assertThat(System.nanoTime()).as("in time").isLessThan(deadline);
            TimeUnit.MILLISECONDS.sleep(200);
        }
    }

    private static <T> T get(CompletableFuture<T> future) throws Exception {
        return future.get(SECONDS_MAX, TimeUnit.SECONDS);
    }

    /** Counts what it applies, and keeps nothing. */
    private static final class Counter extends GroupMachine {
        Counter() {
            super(GROUP, new Silent(), Runnable::run);
        }

        @Override
        protected @Nullable TermIndex load() {
            return null;
        }

        @Override
        protected Message apply(FrameOfEntry frame, LogEntryProto entry) {
            return Message.EMPTY;
        }

        @Override
        protected void store(TermIndex appliedUpTo) {}

        @Override
        protected Object fetch(int leaderNode, long minIndex) {
            throw new UnsupportedOperationException();
        }

        @Override
        protected long indexOf(Object fetched) {
            throw new UnsupportedOperationException();
        }

        @Override
        protected TermIndex adopt(Object fetched) {
            throw new UnsupportedOperationException();
        }

        @Override
        protected void release() {}
    }
}
