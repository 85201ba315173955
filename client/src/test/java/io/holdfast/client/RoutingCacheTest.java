package io.holdfast.client;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import io.grpc.Server;
import io.grpc.netty.NettyServerBuilder;
import io.grpc.stub.StreamObserver;
import io.holdfast.v1.ErrorReason;
import io.holdfast.v1.GetRoutesResponse;
import io.holdfast.v1.Node;
import io.holdfast.v1.ResponseHeader;
import io.holdfast.v1.Route;
import io.holdfast.v1.RouteServiceGrpc;
import io.holdfast.v1.TopicPartition;
import io.holdfast.v1.WatchRoutesRequest;
import io.holdfast.v1.WatchRoutesResponse;
import java.net.InetAddress;
import java.net.InetSocketAddress;
import java.time.Duration;
import java.util.List;
import java.util.Objects;
import java.util.Optional;
import java.util.concurrent.BlockingQueue;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.Executors;
import java.util.concurrent.LinkedBlockingQueue;
import java.util.concurrent.ScheduledExecutorService;
import java.util.concurrent.TimeUnit;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;

@Timeout(30)
class RoutingCacheTest {
    private static final Duration PATIENCE = Duration.ofSeconds(10);

    private final ScheduledExecutorService timer = Executors.newSingleThreadScheduledExecutor();
    private final Watched service = new Watched();
    private Server server;
    private Connections connections;

    private static final class Watched extends RouteServiceGrpc.RouteServiceImplBase {
        private final BlockingQueue<StreamObserver<WatchRoutesResponse>> watches = new LinkedBlockingQueue<>();

        @Override
        public void watchRoutes(WatchRoutesRequest request, StreamObserver<WatchRoutesResponse> to) {
            watches.add(to);
        }
    }

    @BeforeEach
    void start() throws Exception {
        server = NettyServerBuilder.forAddress(new InetSocketAddress(InetAddress.getLoopbackAddress(), 0))
                .addService(service)
                .build()
                .start();
        connections = new Connections(List.of("127.0.0.1:" + server.getPort()));
    }

    @AfterEach
    void stop() throws Exception {
        connections.close();
        server.shutdownNow().awaitTermination(5, TimeUnit.SECONDS);
        timer.shutdownNow();
    }

    private static GetRoutesResponse routes(String cluster, long version, String topic, int leader) {
        return GetRoutesResponse.newBuilder()
                .setHeader(ResponseHeader.newBuilder().setClusterId(cluster))
                .setMetadataVersion(version)
                .addNodes(Node.newBuilder().setNodeId(1).setAddress("one:1"))
                .addNodes(Node.newBuilder().setNodeId(2).setAddress("two:1"))
                .addRoutes(Route.newBuilder()
                        .setPartition(TopicPartition.newBuilder().setTopic(topic))
                        .setLeaderNode(leader))
                .build();
    }

    /** One that has been told this, by whichever node. */
    private RoutingCache told(GetRoutesResponse... answers) throws InterruptedException {
        RoutingCache cache = new RoutingCache(connections, timer);
        BlockingQueue<Boolean> changes = new LinkedBlockingQueue<>();
        cache.onChange(() -> changes.add(true));
        StreamObserver<WatchRoutesResponse> watch =
                Objects.requireNonNull(service.watches.poll(PATIENCE.toSeconds(), TimeUnit.SECONDS), "nobody asked");
        for (GetRoutesResponse answer : answers) {
            watch.onNext(WatchRoutesResponse.newBuilder().setRoutes(answer).build());
            assertThat(changes.poll(PATIENCE.toSeconds(), TimeUnit.SECONDS)).isTrue();
        }
        return cache;
    }

    @Test
    void shouldNotForgetATopicThatANodeDoesNotKnowYet() throws Exception {
        try (RoutingCache cache = told(routes("c", 7, "new", 1), routes("c", 6, "old", 2))) {
            assertThat(cache.partitions(
                            "new", Duration.ZERO, topic -> CompletableFuture.completedFuture(Optional.empty())))
                    .isOne();
            assertThat(cache.partitionsIfKnown("old")).isZero();
        }
    }

    @Test
    void shouldHearWhoLeadsFromANodeThatIsBehind() throws Exception {
        try (RoutingCache cache = told(routes("c", 7, "t", 1), routes("c", 6, "t", 2))) {
            assertThat(cache.leader("t", 0)).isEqualTo("two:1");
        }
    }

    @Test
    void shouldForgetATopicThatIsGone() throws Exception {
        try (RoutingCache cache = told(routes("c", 7, "gone", 1), routes("c", 8, "new", 1))) {
            assertThatThrownBy(() -> cache.partitions(
                            "gone", Duration.ZERO, topic -> CompletableFuture.completedFuture(Optional.empty())))
                    .hasMessageContaining("does not exist");
        }
    }

    /** Who mistypes a name need not wait for a topic that may be on its way. */
    @Test
    void shouldThrowAtOnceIfThereIsNoSuchTopic() throws Exception {
        CompletableFuture<Optional<HoldfastException>> denial = new CompletableFuture<>();
        BlockingQueue<String> asked = new LinkedBlockingQueue<>();
        try (RoutingCache cache = told(routes("c", 7, "old", 1))) {
            CompletableFuture<Integer> partitions =
                    CompletableFuture.supplyAsync(() -> cache.partitions("mistyped", Duration.ofHours(1), topic -> {
                        asked.add(topic);
                        return denial;
                    }));
            assertThat(asked.poll(PATIENCE.toSeconds(), TimeUnit.SECONDS)).isEqualTo("mistyped");
            assertThat(partitions).isNotDone();

            denial.complete(Optional.of(
                    HoldfastException.notApplied(ErrorReason.ERROR_REASON_TOPIC_NOT_FOUND, "check the name")));

            assertThat(partitions).failsWithin(PATIENCE).withThrowableThat().withMessageContaining("check the name");
            assertThat(asked).as("asked once").isEmpty();
        }
    }

    @Test
    void shouldWaitForATopicWhoeverCannotTell() throws Exception {
        BlockingQueue<String> asked = new LinkedBlockingQueue<>();
        try (RoutingCache cache = new RoutingCache(connections, timer)) {
            StreamObserver<WatchRoutesResponse> watch = Objects.requireNonNull(
                    service.watches.poll(PATIENCE.toSeconds(), TimeUnit.SECONDS), "nobody asked");
            CompletableFuture<Integer> partitions =
                    CompletableFuture.supplyAsync(() -> cache.partitions("new", Duration.ofHours(1), topic -> {
                        asked.add(topic);
                        return new CompletableFuture<>(); // a node that is paused
                    }));
            watch.onNext(WatchRoutesResponse.newBuilder()
                    .setRoutes(routes("c", 7, "old", 1))
                    .build());
            assertThat(asked.poll(PATIENCE.toSeconds(), TimeUnit.SECONDS)).isEqualTo("new");

            watch.onNext(WatchRoutesResponse.newBuilder()
                    .setRoutes(routes("c", 8, "new", 1))
                    .build());

            assertThat(partitions).succeedsWithin(PATIENCE).isEqualTo(1);
        }
    }

    @Test
    void shouldKnowWhoLeadsMoreThanHalfOfThePartitions() throws Exception {
        GetRoutesResponse.Builder three = routes("c", 7, "t", 1).toBuilder();
        for (int partition = 1; partition < 4; partition++) {
            three.addRoutes(Route.newBuilder()
                    .setPartition(TopicPartition.newBuilder().setTopic("t").setPartition(partition))
                    .setLeaderNode(partition == 1 ? 1 : 2));
        }
        try (RoutingCache cache = told(three.build())) {
            assertThat(cache.leaderOfMost("t", List.of())).as("two each").isNull();
            assertThat(cache.leaderOfMost("t", List.of(0, 1, 2))).isEqualTo("one:1");
            assertThat(cache.leaderOfMost("t", List.of(3))).isEqualTo("two:1");
            assertThat(cache.leaderOfMost("t", List.of(9)))
                    .as("nobody knows it")
                    .isNull();
            assertThat(cache.leaderOfMost("u", List.of())).isNull();

            assertThat(cache.knowsLeaders("t", List.of())).isTrue();
            assertThat(cache.knowsLeaders("t", List.of(3, 9))).isFalse();
            assertThat(cache.knowsLeaders("u", List.of())).as("nobody knows it").isFalse();
            cache.doubt("t", 2, "two:1");
            assertThat(cache.knowsLeaders("t", List.of())).isFalse();
        }
    }

    /** Its numbers begin anew. */
    @Test
    void shouldBelieveAnotherCluster() throws Exception {
        try (RoutingCache cache = told(routes("c", 7, "t", 1), routes("d", 3, "u", 1))) {
            assertThat(cache.partitionsIfKnown("u")).isOne();
        }
    }

    @Test
    void shouldGoOnWithNodesThatItWasToldOfWhenTheFirstOnesHaveGone() throws Exception {
        Watched joined = new Watched();
        Server other = NettyServerBuilder.forAddress(new InetSocketAddress(InetAddress.getLoopbackAddress(), 0))
                .addService(joined)
                .build()
                .start();
        String address = "127.0.0.1:" + other.getPort();
        GetRoutesResponse replaced = routes("a", 1, "t", 3).toBuilder()
                .clearNodes()
                .addNodes(Node.newBuilder().setNodeId(3).setAddress(address))
                .build();
        try (RoutingCache cache = told(replaced)) {
            server.shutdownNow();
            assertThat(joined.watches.poll(PATIENCE.toSeconds(), TimeUnit.SECONDS))
                    .isNotNull();
            assertThat(cache.leader("t", 0)).isEqualTo(address);
        } finally {
            other.shutdownNow().awaitTermination(5, TimeUnit.SECONDS);
        }
    }
}
