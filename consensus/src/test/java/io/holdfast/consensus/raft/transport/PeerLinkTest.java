package io.holdfast.consensus.raft.transport;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import io.netty.bootstrap.Bootstrap;
import io.netty.channel.MultiThreadIoEventLoopGroup;
import io.netty.channel.nio.NioIoHandler;
import io.netty.channel.socket.nio.NioSocketChannel;
import java.net.InetAddress;
import java.net.ServerSocket;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.TimeUnit;
import org.apache.ratis.proto.RaftProtos.RequestVoteReplyProto;
import org.apache.ratis.proto.RaftProtos.RequestVoteRequestProto;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;

/** The way to a peer that has no time to answer. */
@Timeout(30)
class PeerLinkTest {
    private static final int TURNS = 32;
    private static final long ANSWER_MS = 300;

    @Test
    void shouldAskNoMoreThanSomeThatAreUnanswered() throws Exception {
        MultiThreadIoEventLoopGroup events = new MultiThreadIoEventLoopGroup(1, NioIoHandler.newFactory());
        try (ServerSocket mute = new ServerSocket(0, 1, InetAddress.getLoopbackAddress())) {
            PeerLink link = new PeerLink(
                    "127.0.0.1:" + mute.getLocalPort(),
                    new Bootstrap().group(events).channel(NioSocketChannel.class),
                    1 << 20,
                    TimeUnit.MILLISECONDS.toNanos(ANSWER_MS));
            CompletableFuture<Void> ready = new CompletableFuture<>();
            link.whenReady(() -> ready.complete(null));
            ready.get(10, TimeUnit.SECONDS);

            List<CompletableFuture<RequestVoteReplyProto>> asked = new ArrayList<>();
            for (int i = 0; i < TURNS; i++) {
                asked.add(ask(link));
            }
            for (CompletableFuture<RequestVoteReplyProto> one : asked) {
                assertThatThrownBy(() -> one.get(10, TimeUnit.SECONDS)).hasMessageContaining("no answer");
            }
            CompletableFuture<RequestVoteReplyProto> more = ask(link);
            assertThat(more)
                    .as("those before took too long, and are unanswered all the same")
                    .isCompletedExceptionally();
            assertThatThrownBy(more::get).hasMessageContaining("has not answered those before");

            link.close();
        } finally {
            events.shutdownGracefully(0, 1, TimeUnit.SECONDS);
        }
    }

    private static CompletableFuture<RequestVoteReplyProto> ask(PeerLink link) throws InterruptedException {
        return link.sendInTurn(
                Frame.Kind.VOTE,
                RequestVoteRequestProto.getDefaultInstance(),
                RequestVoteReplyProto.parser(),
                ANSWER_MS);
    }
}
