package io.holdfast.client;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import com.google.protobuf.Any;
import com.google.rpc.Code;
import com.google.rpc.ErrorInfo;
import io.grpc.Server;
import io.grpc.netty.NettyServerBuilder;
import io.grpc.protobuf.StatusProto;
import io.grpc.stub.StreamObserver;
import io.holdfast.v1.Delivery;
import io.holdfast.v1.ErrorReason;
import io.holdfast.v1.GetRoutesResponse;
import io.holdfast.v1.ItemError;
import io.holdfast.v1.Node;
import io.holdfast.v1.Outcome;
import io.holdfast.v1.PollRequest;
import io.holdfast.v1.PollResponse;
import io.holdfast.v1.QueueServiceGrpc;
import io.holdfast.v1.Route;
import io.holdfast.v1.RouteServiceGrpc;
import io.holdfast.v1.SettleRequest;
import io.holdfast.v1.SettleResponse;
import io.holdfast.v1.StoredRecord;
import io.holdfast.v1.TopicPartition;
import io.holdfast.v1.WatchRoutesRequest;
import io.holdfast.v1.WatchRoutesResponse;
import io.holdfast.v1.WriteOutcome;
import java.net.InetAddress;
import java.net.InetSocketAddress;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.Executors;
import java.util.concurrent.LinkedBlockingQueue;
import java.util.concurrent.ScheduledExecutorService;
import java.util.concurrent.TimeUnit;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;

/** Two nodes that only note what they are asked: the first leads partitions 0 and 2 of topic t, the second partition 1. */
@Timeout(30)
class QueueLeasesTest {
    private static final Duration WAIT = Duration.ofSeconds(3);

    private final List<FakeNode> nodes = List.of(new FakeNode(), new FakeNode());
    private final ScheduledExecutorService timer = Executors.newSingleThreadScheduledExecutor();
    private Connections connections;
    private RoutingCache routes;
    private QueueLeases queue;

    private static final class FakeNode extends QueueServiceGrpc.QueueServiceImplBase {
        private final LinkedBlockingQueue<PollRequest> polls = new LinkedBlockingQueue<>();
        private final LinkedBlockingQueue<SettleRequest> settlements = new LinkedBlockingQueue<>();
        private volatile int records = 1;
        private volatile ItemError settled = ItemError.getDefaultInstance();
        private volatile boolean knowsPartitions = true;
        private Server server;

        @Override
        public void poll(PollRequest request, StreamObserver<PollResponse> to) {
            polls.add(request);
            if (!knowsPartitions && request.getPartitionsCount() > 0) {
                to.onError(StatusProto.toStatusRuntimeException(com.google.rpc.Status.newBuilder()
                        .setCode(Code.NOT_FOUND_VALUE)
                        .addDetails(Any.pack(ErrorInfo.newBuilder()
                                .setReason("PARTITION_NOT_FOUND")
                                .putMetadata("outcome", "NOT_APPLIED")
                                .build()))
                        .build()));
                return;
            }
            PollResponse.Builder response = PollResponse.newBuilder();
            for (int i = 0; i < records; i++) {
                response.addDeliveries(Delivery.newBuilder().setRecord(StoredRecord.newBuilder()));
            }
            to.onNext(response.build());
            to.onCompleted();
        }

        @Override
        public void settle(SettleRequest request, StreamObserver<SettleResponse> to) {
            settlements.add(request);
            to.onNext(SettleResponse.newBuilder().addResults(settled).build());
            to.onCompleted();
        }

        String address() {
            return "127.0.0.1:" + server.getPort();
        }
    }

    @BeforeEach
    void start() throws Exception {
        for (FakeNode node : nodes) {
            node.server = NettyServerBuilder.forAddress(new InetSocketAddress(InetAddress.getLoopbackAddress(), 0))
                    .addService(node)
                    .addService(new RouteServiceGrpc.RouteServiceImplBase() {
                        @Override
                        public void watchRoutes(WatchRoutesRequest request, StreamObserver<WatchRoutesResponse> to) {
                            to.onNext(WatchRoutesResponse.newBuilder()
                                    .setRoutes(routes())
                                    .build());
                        }
                    })
                    .build()
                    .start();
        }
        connections = new Connections(nodes.stream().map(FakeNode::address).toList());
        routes = new RoutingCache(connections, timer);
        CountDownLatch known = new CountDownLatch(1);
        routes.onChange(known::countDown);
        assertThat(known.await(10, TimeUnit.SECONDS)).isTrue();
        queue = new QueueLeases(new Admin(connections), routes, "t", "g", "m");
    }

    @AfterEach
    void stop() throws Exception {
        routes.close();
        connections.close();
        for (FakeNode node : nodes) {
            node.server.shutdownNow().awaitTermination(5, TimeUnit.SECONDS);
        }
        timer.shutdownNow();
    }

    private GetRoutesResponse routes() {
        GetRoutesResponse.Builder all = GetRoutesResponse.newBuilder();
        for (int i = 0; i < 2; i++) {
            all.addNodes(
                    Node.newBuilder().setNodeId(i + 1).setAddress(nodes.get(i).address()));
        }
        for (int partition = 0; partition < 3; partition++) {
            all.addRoutes(Route.newBuilder()
                    .setPartition(TopicPartition.newBuilder().setTopic("t").setPartition(partition))
                    .setLeaderNode(1 + partition % 2));
        }
        return all.build();
    }

    private String accept(int partition) {
        return queue.settle(partition, 7, 9, Outcome.OUTCOME_ACCEPT, null, "");
    }

    @Test
    void shouldSettleAtTheLeader() {
        for (int partition : List.of(1, 0, 2, 1)) {
            assertThat(accept(partition)).isNull();
        }
        assertThat(nodes.get(0).settlements).hasSize(2);
        assertThat(nodes.get(1).settlements).hasSize(2);
    }

    @Test
    void shouldSettleElsewhereWhenTheLeaderIsGone() {
        nodes.get(1).server.shutdownNow();

        assertThat(accept(1)).isNull();
        assertThat(nodes.get(0).settlements).hasSize(1);
    }

    @Test
    void shouldSettleElsewhereNextTimeWhenTheLeaderCannot() {
        nodes.get(1).settled = unknown(ErrorReason.ERROR_REASON_UNAVAILABLE);

        assertThatThrownBy(() -> accept(1)).isInstanceOf(HoldfastException.class);
        assertThat(accept(1)).isNull();
        assertThat(nodes.get(0).settlements).hasSize(1);
    }

    @Test
    void shouldStayWithALeaderThatHasTooMuchToDo() {
        nodes.get(1).settled = unknown(ErrorReason.ERROR_REASON_OVERLOADED);
        assertThatThrownBy(() -> accept(1)).isInstanceOf(HoldfastException.class);

        nodes.get(1).settled = ItemError.getDefaultInstance();
        assertThat(accept(1)).isNull();
        assertThat(nodes.get(1).settlements).hasSize(2);
        assertThat(nodes.get(0).settlements).isEmpty();
    }

    private static ItemError unknown(ErrorReason reason) {
        return ItemError.newBuilder()
                .setReason(reason)
                .setOutcome(WriteOutcome.WRITE_OUTCOME_UNKNOWN)
                .build();
    }

    @Test
    void shouldPollOneLeaderAfterTheOtherWhileThereIsPlenty() {
        queue.poll(1, WAIT, null);
        List<PollRequest> whole = taken();
        assertThat(whole).hasSize(1);
        assertThat(whole.get(0).getPartitionsList()).isEmpty();
        assertThat(whole.get(0).hasWait()).isTrue();

        for (int i = 0; i < 6; i++) {
            assertThat(queue.poll(1, WAIT, null)).hasSize(1);
        }
        assertThat(nodes.get(0).polls).hasSize(4).allSatisfy(poll -> {
            assertThat(poll.getPartitionsList()).containsExactly(0, 2);
            assertThat(poll.hasWait()).isFalse();
        });
        assertThat(nodes.get(1).polls)
                .hasSize(2)
                .allSatisfy(poll -> assertThat(poll.getPartitionsList()).containsExactly(1));
    }

    @Test
    void shouldAskForAllPartitionsWhenALeaderHasNothing() {
        queue.poll(1, WAIT, null);
        taken();
        nodes.forEach(node -> node.records = 0);

        assertThat(queue.poll(1, WAIT, null)).isEmpty();
        List<PollRequest> asked = taken();
        assertThat(asked).hasSize(2).filteredOn(PollRequest::hasWait).hasSize(1);
        assertThat(queue.poll(1, WAIT, null)).isEmpty();
        assertThat(taken()).as("nothing was left").hasSize(1).allMatch(PollRequest::hasWait);

        queue.poll(0, WAIT, null);
        queue.poll(0, WAIT, null);
        assertThat(taken()).hasSize(2).allMatch(PollRequest::hasWait);
    }

    @Test
    void shouldAskForAllPartitionsWhenALeaderDoesNotKnowThose() {
        queue.poll(1, WAIT, null);
        taken();
        nodes.forEach(node -> node.knowsPartitions = false);

        assertThat(queue.poll(1, WAIT, null)).hasSize(1);
        assertThat(taken()).hasSize(2);
    }

    private List<PollRequest> taken() {
        List<PollRequest> polls = new ArrayList<>();
        nodes.forEach(node -> node.polls.drainTo(polls));
        return polls;
    }
}
