package io.holdfast.consensus.raft;

import static org.assertj.core.api.Assertions.assertThat;

import io.holdfast.consensus.raft.RaftGroupHandle.Rest;
import java.io.Closeable;
import java.io.IOException;
import java.net.InetAddress;
import java.net.ServerSocket;
import java.nio.file.Path;
import java.time.Duration;
import java.util.ArrayList;
import java.util.Comparator;
import java.util.List;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.atomic.AtomicInteger;
import java.util.concurrent.atomic.AtomicReference;
import java.util.function.BooleanSupplier;
import org.apache.ratis.proto.RaftProtos.InstallSnapshotReplyProto;
import org.apache.ratis.proto.RaftProtos.InstallSnapshotRequestProto;
import org.apache.ratis.proto.RaftProtos.LogEntryProto;
import org.apache.ratis.proto.RaftProtos.RaftConfigurationProto;
import org.apache.ratis.proto.RaftProtos.RaftGroupIdProto;
import org.apache.ratis.proto.RaftProtos.RaftRpcRequestProto;
import org.apache.ratis.proto.RaftProtos.TermIndexProto;
import org.apache.ratis.server.protocol.TermIndex;
import org.jspecify.annotations.Nullable;

/** A Raft group of three in this process, over real connections. */
final class RaftTrio implements Closeable {
    private static final GroupId GROUP = GroupId.METADATA;
    private static final long SECONDS_MAX = 15;
    private static final long LOOK_MS = 50;
    private static final int LOOKS_PER_ELECTION = 20;

    private record Member(
            RaftHost host, Peer peer, RaftGroupHandle replica, AtomicReference<@Nullable TermIndex> disk) {}

    /** The leader first. */
    private final List<Member> members = new ArrayList<>();

    private final List<Peer> peers;

    RaftTrio(Path folder, Duration electionTimeout) throws IOException, InterruptedException {
        this(folder, electionTimeout, 3);
        awaitReadable(replica(1));
        awaitReadable(replica(2));
    }

    /** @param open how many are open at first; the others come last */
    RaftTrio(Path folder, Duration electionTimeout, int open) throws IOException, InterruptedException {
        this(folder, settings(electionTimeout, 4 << 20, 1_000_000), open);
    }

    /** Checkpoints only when asked for. */
    static RaftSettings settings(Duration electionTimeout, long logSegmentBytes, long logEntriesKept) {
        return new RaftSettings(
                electionTimeout, electionTimeout.multipliedBy(2), 1 << 20, 1_000_000, logSegmentBytes, logEntriesKept);
    }

    RaftTrio(Path folder, RaftSettings settings, int open) throws IOException, InterruptedException {
        List<Peer> peers = new ArrayList<>();
        for (int node = 1; node <= 3; node++) {
            peers.add(new Peer(node, "i", "127.0.0.1:" + freePort()));
        }
        for (Peer peer : peers) {
            int port = Integer.parseInt(peer.address().substring(peer.address().indexOf(':') + 1));
            RaftHost host = new RaftHost(peer, "127.0.0.1", port, folder.resolve("node-" + peer.nodeId()), settings);
            host.start();
            RaftGroupHandle replica = host.atRest(GROUP, Rest.unborn(peers));
            AtomicReference<@Nullable TermIndex> disk = new AtomicReference<>();
            members.add(new Member(host, peer, replica, disk));
            if (members.size() <= open) {
                host.open(replica, peers, new Forgetful(disk, () -> null));
            }
        }
        this.peers = peers;
        awaitLeader();
        members.sort(Comparator.comparing(member -> !member.replica.isReadyLeader()));
    }

    /**
     * Until one leads; the first if nobody becomes impatient before, and its first connections are soon there. Else the
     * others try in turn: who has lost an election is in a term that it has no entry of, and Ratis refuses to begin another
     * one for it.
     */
    void awaitLeader() throws InterruptedException {
        AtomicInteger looks = new AtomicInteger();
        await(() -> {
            int look = looks.getAndIncrement();
            if (look % LOOKS_PER_ELECTION == 0) {
                replica(look / LOOKS_PER_ELECTION % members.size()).elect();
            }
            return members.stream().anyMatch(member -> member.replica.isReadyLeader());
        });
    }

    static int freePort() throws IOException {
        try (ServerSocket socket = new ServerSocket(0, 1, InetAddress.getLoopbackAddress())) {
            return socket.getLocalPort();
        }
    }

    /** Until it has a connection to the leader. */
    private static void awaitReadable(RaftGroupHandle follower) throws InterruptedException {
        await(() -> {
            try {
                return get(follower.readBarrier()).isSuccess();
            } catch (Exception e) {
                return false;
            }
        });
    }

    RaftGroupHandle leader() {
        return replica(0);
    }

    /** @param ordinal 0 for the leader */
    RaftGroupHandle replica(int ordinal) {
        return members.get(ordinal).replica;
    }

    /** Opens one that is not open. */
    void open(int ordinal) throws IOException {
        open(ordinal, null);
    }

    /** As {@link #open(int)}; told to copy a checkpoint, it gets this one. */
    void open(int ordinal, @Nullable TermIndex copied) throws IOException {
        Member member = members.get(ordinal);
        member.host.open(member.replica, peers, new Forgetful(copied));
    }

    /** Opens one as it was when it was put to rest; told to copy a checkpoint, it gets the leader's. */
    void openAgain(int ordinal) throws IOException {
        Member member = members.get(ordinal);
        member.host.open(
                member.replica,
                peers,
                new Forgetful(member.disk, () -> members.get(0).disk.get()));
    }

    void closeLeader() throws IOException {
        members.get(0).host.close();
    }

    void closeFollowers() throws IOException {
        closeFollower(1);
        closeFollower(2);
    }

    void closeFollower(int ordinal) throws IOException {
        members.get(ordinal).host.close();
    }

    /** Tells a follower, in the leader's name, that its log begins with its last entry: what is before should be copied. */
    void tellToInstall(int ordinal) throws IOException {
        tellToInstall(ordinal, leader().logEnd().index());
    }

    /** @param firstInLog entry of the leader's present term with which its log begins */
    InstallSnapshotReplyProto tellToInstall(int ordinal, long firstInLog) throws IOException {
        return tellToInstall(ordinal, firstInLog, leader().term(), null);
    }

    /**
     * @param term that the leader has, or had
     * @param configuration that comes along
     */
    InstallSnapshotReplyProto tellToInstall(
            int ordinal, long firstInLog, long term, @Nullable LogEntryProto configuration) throws IOException {
        Peer follower = members.get(ordinal).peer;
        RaftRpcRequestProto header = RaftRpcRequestProto.newBuilder()
                .setRequestorId(members.get(0).peer.raftId().toByteString())
                .setReplyId(follower.raftId().toByteString())
                .setRaftGroupId(RaftGroupIdProto.newBuilder().setId(GROUP.raft().toByteString()))
                .build();
        InstallSnapshotRequestProto.Builder told = InstallSnapshotRequestProto.newBuilder()
                .setServerRequest(header)
                .setLeaderTerm(term)
                .setNotification(InstallSnapshotRequestProto.NotificationProto.newBuilder()
                        .setFirstAvailableTermIndex(TermIndexProto.newBuilder()
                                .setTerm(leader().logEnd().term())
                                .setIndex(firstInLog)));
        if (configuration != null) {
            told.setLastRaftConfigurationLogEntryProto(configuration);
        }
        return InstallSnapshotReplyProto.parseFrom(
                RawCall.call(follower.address(), RawCall.INSTALL, told.build().toByteArray()));
    }

    /** As a request to copy a checkpoint has it: without a term. */
    static LogEntryProto configuration(long index, List<Peer> members) {
        RaftConfigurationProto.Builder peers = RaftConfigurationProto.newBuilder();
        members.forEach(member -> peers.addPeers(member.raft().getRaftPeerProto()));
        return LogEntryProto.newBuilder()
                .setIndex(index)
                .setConfigurationEntry(peers)
                .build();
    }

    /** Those that it was made with, the leader first. */
    List<Peer> founders() {
        return members.stream().map(Member::peer).toList();
    }

    void restLeader() throws IOException {
        rest(0);
    }

    /** Puts one to rest: it keeps its Raft log and its votes. */
    void rest(int ordinal) throws IOException {
        RaftGroupHandle replica = replica(ordinal);
        members.get(ordinal).host.rest(replica, new Rest(replica.term(), replica.logEnd(), replica.members()));
    }

    static void await(BooleanSupplier condition) throws InterruptedException {
        long deadline = System.nanoTime() + TimeUnit.SECONDS.toNanos(SECONDS_MAX);
        while (!condition.getAsBoolean()) {
            assertThat(System.nanoTime()).as("in time").isLessThan(deadline);
            TimeUnit.MILLISECONDS.sleep(LOOK_MS);
        }
    }

    static <T> T get(CompletableFuture<T> future) throws Exception {
        return future.get(SECONDS_MAX, TimeUnit.SECONDS);
    }

    @Override
    public void close() throws IOException {
        for (Member member : members) {
            member.host.close();
        }
    }
}
