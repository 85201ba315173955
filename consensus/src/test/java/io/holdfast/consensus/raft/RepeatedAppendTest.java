package io.holdfast.consensus.raft;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import io.holdfast.consensus.raft.RaftGroupHandle.Rest;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.file.Path;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.TimeoutException;
import org.apache.ratis.proto.RaftProtos.AppendEntriesReplyProto;
import org.apache.ratis.proto.RaftProtos.AppendEntriesReplyProto.AppendResult;
import org.apache.ratis.proto.RaftProtos.AppendEntriesRequestProto;
import org.apache.ratis.proto.RaftProtos.LogEntryProto;
import org.apache.ratis.proto.RaftProtos.RaftGroupIdProto;
import org.apache.ratis.proto.RaftProtos.RaftRpcRequestProto;
import org.apache.ratis.proto.RaftProtos.StateMachineEntryProto;
import org.apache.ratis.proto.RaftProtos.StateMachineLogEntryProto;
import org.apache.ratis.proto.RaftProtos.TermIndexProto;
import org.apache.ratis.protocol.ClientId;
import org.apache.ratis.statemachine.TransactionContext;
import org.apache.ratis.thirdparty.com.google.protobuf.ByteString;
import org.jspecify.annotations.Nullable;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/**
 * A follower whose disk stands still, and a leader, played here, that has waited for long enough and sends once more: what is
 * not on disk must not count the second time either.
 */
class RepeatedAppendTest {
    private static final GroupId GROUP = GroupId.METADATA;
    private static final RaftSettings SETTINGS =
            new RaftSettings(Duration.ofMinutes(1), Duration.ofMinutes(2), 1 << 20, 1_000_000, 4 << 20, 1_000_000);
    private static final ClientId CLIENT = ClientId.randomId();
    private static final long SECONDS_MAX = 15;
    private static final long QUIET_MS = 300;

    @TempDir
    private Path folder;

    private final CountDownLatch written = new CountDownLatch(1);
    private final CompletableFuture<Void> flushed = new CompletableFuture<>();
    /** From here on the disk stands still. */
    private volatile long stuckFrom;

    private final List<Peer> peers = new ArrayList<>();
    private RaftHost host;

    @BeforeEach
    void start() throws IOException {
        for (int node = 1; node <= 3; node++) {
            peers.add(new Peer(node, "i", "127.0.0.1:" + RaftTrio.freePort()));
        }
        String address = peers.get(2).address();
        int port = Integer.parseInt(address.substring(address.indexOf(':') + 1));
        host = new RaftHost(peers.get(2), "127.0.0.1", port, folder, SETTINGS);
        host.open(host.atRest(GROUP, Rest.unborn(peers)), peers, new Forgetful(null) {
            @Override
            public CompletableFuture<?> write(LogEntryProto entry, @Nullable TransactionContext context) {
                if (entry.getIndex() < stuckFrom) {
                    return CompletableFuture.completedFuture(null);
                }
                written.countDown();
                return flushed;
            }
        });
        host.start();
    }

    @AfterEach
    void close() throws IOException {
        flushed.complete(null);
        host.close();
    }

    @Test
    void shouldNotSayThatItHasWhatIsOnItsWayToTheDisk() throws Exception {
        CompletableFuture<AppendEntriesReplyProto> first = append(1, 0, 1);
        assertThat(written.await(SECONDS_MAX, TimeUnit.SECONDS)).isTrue();
        CompletableFuture<AppendEntriesReplyProto> again = append(1, 0, 1);
        CompletableFuture<AppendEntriesReplyProto> withMore = append(1, 0, 2);
        CompletableFuture<AppendEntriesReplyProto> theNext = append(1, 1, 1);

        assertUnanswered(again, withMore, theNext);
        assertThat(first).isNotDone();

        flushed.complete(null);
        for (CompletableFuture<AppendEntriesReplyProto> one : List.of(first, again, withMore)) {
            assertThat(one.get(SECONDS_MAX, TimeUnit.SECONDS).getResult()).isEqualTo(AppendResult.SUCCESS);
        }
        assertThat(withMore.join().getMatchIndex()).isEqualTo(1);
    }

    /** Ratis still calls what is replaced flushed, as long as its log's thread waits for the disk. */
    @Test
    void shouldNotSayThatItHasWhatOnlyReplacesFlushedEntries() throws Exception {
        stuckFrom = 3;
        assertThat(append(1, 0, 3).get(SECONDS_MAX, TimeUnit.SECONDS).getMatchIndex())
                .isEqualTo(2);
        append(1, 3, 1);
        assertThat(written.await(SECONDS_MAX, TimeUnit.SECONDS)).isTrue();

        CompletableFuture<AppendEntriesReplyProto> replacing = append(2, 1, 2);
        assertUnanswered(replacing);
        CompletableFuture<AppendEntriesReplyProto> again = append(2, 1, 2);
        CompletableFuture<AppendEntriesReplyProto> aPart = append(2, 1, 1);
        assertUnanswered(again, aPart);

        flushed.complete(null);
        for (CompletableFuture<AppendEntriesReplyProto> one : List.of(replacing, again, aPart)) {
            assertThat(one.get(SECONDS_MAX, TimeUnit.SECONDS).getResult()).isEqualTo(AppendResult.SUCCESS);
        }
    }

    @SafeVarargs
    private static void assertUnanswered(CompletableFuture<AppendEntriesReplyProto>... all) {
        for (CompletableFuture<AppendEntriesReplyProto> one : all) {
            assertThatThrownBy(() -> one.get(QUIET_MS, TimeUnit.MILLISECONDS)).isInstanceOf(TimeoutException.class);
        }
    }

    private CompletableFuture<AppendEntriesReplyProto> append(long term, long firstIndex, int entries) {
        AppendEntriesRequestProto.Builder request = AppendEntriesRequestProto.newBuilder()
                .setServerRequest(RaftRpcRequestProto.newBuilder()
                        .setRequestorId(peers.get(0).raftId().toByteString())
                        .setReplyId(peers.get(2).raftId().toByteString())
                        .setRaftGroupId(
                                RaftGroupIdProto.newBuilder().setId(GROUP.raft().toByteString())))
                .setLeaderTerm(term);
        if (firstIndex > 0) {
            request.setPreviousLog(TermIndexProto.newBuilder().setTerm(1).setIndex(firstIndex - 1));
        }
        for (long index = firstIndex; index < firstIndex + entries; index++) {
            request.addEntries(LogEntryProto.newBuilder()
                    .setTerm(term)
                    .setIndex(index)
                    .setStateMachineLogEntry(StateMachineLogEntryProto.newBuilder()
                            .setClientId(CLIENT.toByteString())
                            .setCallId(index)
                            .setLogData(ByteString.copyFromUtf8("command"))
                            .setStateMachineEntry(StateMachineEntryProto.newBuilder()
                                    .setStateMachineData(ByteString.copyFromUtf8("payload")))));
        }
        return CompletableFuture.supplyAsync(
                () -> {
                    try {
                        return AppendEntriesReplyProto.parseFrom(RawCall.call(
                                peers.get(2).address(),
                                RawCall.APPEND,
                                request.build().toByteArray()));
                    } catch (IOException e) {
                        throw new UncheckedIOException(e);
                    }
                },
                task -> new Thread(task).start());
    }
}
