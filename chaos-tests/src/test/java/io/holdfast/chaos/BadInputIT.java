package io.holdfast.chaos;

import static java.nio.charset.StandardCharsets.UTF_8;
import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;
import static org.assertj.core.api.Assertions.catchThrowableOfType;

import com.google.protobuf.Any;
import com.google.protobuf.ByteString;
import com.google.rpc.ErrorInfo;
import io.grpc.ManagedChannel;
import io.grpc.Status;
import io.grpc.StatusRuntimeException;
import io.grpc.netty.NettyChannelBuilder;
import io.grpc.protobuf.StatusProto;
import io.grpc.stub.ClientCallStreamObserver;
import io.grpc.stub.ClientResponseObserver;
import io.holdfast.client.HoldfastClient;
import io.holdfast.client.Producer;
import io.holdfast.client.ProducerRecord;
import io.holdfast.client.ReaderSettings;
import io.holdfast.record.Compression;
import io.holdfast.record.LogRecord;
import io.holdfast.record.RecordBatchBuilder;
import io.holdfast.v1.CreateTopicRequest;
import io.holdfast.v1.Credit;
import io.holdfast.v1.ErrorReason;
import io.holdfast.v1.ItemError;
import io.holdfast.v1.LogServiceGrpc;
import io.holdfast.v1.PublishRequest;
import io.holdfast.v1.PublishStreamRequest;
import io.holdfast.v1.PublishStreamResponse;
import io.holdfast.v1.ReadConsistency;
import io.holdfast.v1.ReadRequest;
import io.holdfast.v1.ReadStreamRequest;
import io.holdfast.v1.ReadStreamResponse;
import io.holdfast.v1.Record;
import io.holdfast.v1.Sequence;
import io.holdfast.v1.Start;
import io.holdfast.v1.TopicConfig;
import io.holdfast.v1.TopicPartition;
import io.holdfast.v1.TopicServiceGrpc;
import io.holdfast.v1.TrimTopicRequest;
import io.holdfast.v1.WriteOutcome;
import java.io.IOException;
import java.io.OutputStream;
import java.net.InetAddress;
import java.net.Socket;
import java.nio.ByteBuffer;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.Random;
import java.util.concurrent.ArrayBlockingQueue;
import java.util.concurrent.BlockingQueue;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.atomic.AtomicInteger;
import java.util.concurrent.atomic.AtomicLong;
import java.util.concurrent.locks.LockSupport;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;

/** What people and programs send by mistake or in bad faith: a typed answer, bounded cost, nobody else disturbed. */
@Timeout(120)
class BadInputIT {
    private static final String TOPIC = "bad-input";
    private static TestCluster cluster;
    private static HoldfastClient client;
    private static ManagedChannel channel;
    private static boolean failed;

    @BeforeAll
    static void start() throws Exception {
        cluster = TestCluster.start(1, List.of("limits:", "  connections: 500"));
        client = cluster.connect();
        client.admin().createTopic(TOPIC, 2, 1);
        channel = NettyChannelBuilder.forTarget(cluster.node(1).address())
                .usePlaintext()
                .maxInboundMessageSize(64 << 20)
                .build();
    }

    @AfterEach
    void nobodyElseIsDisturbed() {
        failed = true;
        try (Producer producer = client.newProducer()) {
            producer.send(ProducerRecord.of(TOPIC, 1, null, "still here".getBytes(UTF_8)))
                    .orTimeout(20, TimeUnit.SECONDS)
                    .join();
        }
        failed = false;
    }

    @AfterAll
    static void stop() {
        channel.shutdownNow();
        client.close();
        if (!failed) {
            cluster.passed();
        }
        cluster.close();
    }

    @Test
    void shouldNameUnknownTopicsPartitionsAndOffsets() {
        assertError(() -> publish("no-such-topic", 0, "x"), Status.Code.NOT_FOUND, "TOPIC_NOT_FOUND", "NOT_APPLIED");
        assertError(() -> publish(TOPIC, 7, "x"), Status.Code.NOT_FOUND, "PARTITION_NOT_FOUND", "NOT_APPLIED");
        assertError(
                () -> read(Start.newBuilder().setOffset(1_000_000).build()),
                Status.Code.OUT_OF_RANGE,
                "OFFSET_OUT_OF_RANGE",
                "NOT_APPLIED");
        assertError(
                () -> read(Start.newBuilder().setOffset(-1).build()),
                Status.Code.OUT_OF_RANGE,
                "OFFSET_OUT_OF_RANGE",
                "NOT_APPLIED");
        assertError(
                () -> TopicServiceGrpc.newBlockingStub(channel)
                        .trimTopic(TrimTopicRequest.newBuilder()
                                .setPartition(partition(0))
                                .setBeforeOffset(99_999)
                                .build()),
                Status.Code.OUT_OF_RANGE,
                "OFFSET_OUT_OF_RANGE",
                "NOT_APPLIED");
        assertError(
                () -> create("no spaces allowed", 1, 1),
                Status.Code.INVALID_ARGUMENT,
                "INVALID_REQUEST",
                "NOT_APPLIED");
        assertError(() -> create("ok", 1_000_000, 1), Status.Code.INVALID_ARGUMENT, "INVALID_REQUEST", "NOT_APPLIED");
        assertError(() -> create("ok", 1, 2), Status.Code.INVALID_ARGUMENT, "INVALID_REQUEST", "NOT_APPLIED");
        assertError(() -> create("ok", 1, 3), Status.Code.INVALID_ARGUMENT, "INVALID_REQUEST", "NOT_APPLIED");
        assertError(() -> create(TOPIC, 1, 1), Status.Code.ALREADY_EXISTS, "TOPIC_EXISTS", "NOT_APPLIED");
        assertError(
                () -> LogServiceGrpc.newBlockingStub(channel)
                        .publish(PublishRequest.newBuilder().setTopic(TOPIC).build()),
                Status.Code.INVALID_ARGUMENT,
                "INVALID_REQUEST",
                "NOT_APPLIED");
    }

    /** A producer and a reader wait for a topic that they have not heard of; not for one that there is not. */
    @Test
    void shouldSayAtOnceThatThereIsNoSuchTopic() {
        try (HoldfastClient own = cluster.connect();
                Producer producer = own.newProducer()) {
            long began = System.nanoTime();
            assertThatThrownBy(() -> producer.send(ProducerRecord.of("mistyped", null, new byte[1])))
                    .hasMessageContaining("create topic 'mistyped' first");
            assertThatThrownBy(() -> own.newReader(ReaderSettings.of("mistyped")))
                    .hasMessageContaining("create topic 'mistyped' first");
            assertThat(Duration.ofNanos(System.nanoTime() - began))
                    .as("each would wait ten seconds for it")
                    .isLessThan(Duration.ofSeconds(10));
        }
    }

    @Test
    void shouldRefuseWhatIsTooLarge() {
        assertError(
                () -> publish(TOPIC, 0, "x".repeat(1_100_000)),
                Status.Code.INVALID_ARGUMENT,
                "RECORD_TOO_LARGE",
                "NOT_APPLIED");
        ByteBuffer large = batch("y".repeat(2_100_000));
        assertThat(append(large, null).getReason()).isEqualTo(ErrorReason.ERROR_REASON_RECORD_TOO_LARGE);
        // More than the transport takes at all: refused by gRPC before it is in memory.
        StatusRuntimeException e =
                catchThrowableOfType(StatusRuntimeException.class, () -> publish(TOPIC, 0, "z".repeat(20 << 20)));
        assertThat(e.getStatus().getCode()).isEqualTo(Status.Code.RESOURCE_EXHAUSTED);
    }

    @Test
    void shouldRefuseDamagedAndTruncatedBatches() {
        byte[] good = batch("good").array();
        Random random = new Random(3);
        for (int i = 0; i < 50; i++) {
            byte[] bad = good.clone();
            bad[16 + random.nextInt(bad.length - 16)] ^= (byte) (1 << random.nextInt(8));
            ItemError error = append(ByteBuffer.wrap(bad), null);
            assertThat(error.getReason()).isEqualTo(ErrorReason.ERROR_REASON_INVALID_BATCH);
            assertThat(error.getOutcome()).isEqualTo(WriteOutcome.WRITE_OUTCOME_NOT_APPLIED);
        }
        for (int length = 0; length < good.length; length += 7) {
            assertThat(append(ByteBuffer.wrap(good, 0, length).slice(), null).getReason())
                    .isEqualTo(ErrorReason.ERROR_REASON_INVALID_BATCH);
        }
        Sequence lies =
                Sequence.newBuilder().setProducerId(5).setFirstSequence(3).build();
        ByteBuffer batch = batch("producer");
        io.holdfast.record.RecordBatch.assign(batch, 6, 0, 3);
        assertThat(append(batch, lies).getReason()).isEqualTo(ErrorReason.ERROR_REASON_INVALID_REQUEST);
        Sequence unknown = Sequence.newBuilder()
                .setProducerId(123_456)
                .setFirstSequence(10)
                .build();
        assertThat(append(batch("unknown"), unknown).getReason()).isEqualTo(ErrorReason.ERROR_REASON_UNKNOWN_PRODUCER);
    }

    @Test
    void shouldAppendOnlyWhereTheCallerExpectsTheEnd() {
        PublishRequest.Builder request = PublishRequest.newBuilder()
                .setTopic(TOPIC)
                .setPartition(0)
                .addRecords(Record.newBuilder().setValue(ByteString.copyFromUtf8("cas")));
        long end = LogServiceGrpc.newBlockingStub(channel)
                        .publish(request.build())
                        .getResults(0)
                        .getOffset()
                + 1;
        assertThat(LogServiceGrpc.newBlockingStub(channel)
                        .publish(request.setExpectedOffset(end).build())
                        .getResults(0)
                        .getOffset())
                .isEqualTo(end);
        assertError(
                () -> LogServiceGrpc.newBlockingStub(channel).publish(request.build()),
                Status.Code.ABORTED,
                "EXPECTED_OFFSET_MISMATCH",
                "NOT_APPLIED");
    }

    /** Whoever flushes may look at what the callbacks did: they have returned. */
    @Test
    void shouldTellEveryCallerBeforeAFlushEndsAlsoAfterOneThatFailed() {
        create("callbacks", 4, 1);
        int count = 5000;
        AtomicInteger told = new AtomicInteger();
        try (Producer producer = client.newProducer()) {
            for (int round = 1; round <= 3; round++) {
                for (int i = 0; i < count; i++) {
                    int record = i;
                    producer.send(
                            ProducerRecord.of("callbacks", i % 4, null, "v".getBytes(UTF_8)), (position, failure) -> {
                                assertThat(failure).isNull();
                                told.incrementAndGet();
                                if (record % 1000 == 0) {
                                    LockSupport.parkNanos(TimeUnit.MILLISECONDS.toNanos(20)); // the last lag behind
                                    throw new IllegalStateException("of the caller");
                                }
                            });
                }
                producer.flush();
                assertThat(told).hasValue(round * count);
            }
        }
    }

    @Test
    void shouldNotProposeWhatHasExpired() {
        StatusRuntimeException e = catchThrowableOfType(
                StatusRuntimeException.class,
                () -> LogServiceGrpc.newBlockingStub(channel)
                        .withDeadlineAfter(1, TimeUnit.NANOSECONDS)
                        .publish(PublishRequest.newBuilder()
                                .setTopic(TOPIC)
                                .addRecords(Record.getDefaultInstance())
                                .build()));
        assertThat(e.getStatus().getCode()).isEqualTo(Status.Code.DEADLINE_EXCEEDED);
    }

    @Test
    void shouldSurviveGarbageOnThePort() throws Exception {
        Random random = new Random(9);
        for (int i = 0; i < 50; i++) {
            try (Socket socket = connect()) {
                OutputStream out = socket.getOutputStream();
                byte[] garbage = new byte[1 + random.nextInt(5_000)];
                random.nextBytes(garbage);
                if (i % 3 == 0) {
                    out.write("GET / HTTP/1.1\r\nHost: x\r\n\r\n".getBytes(UTF_8));
                } else if (i % 3 == 1) {
                    out.write("PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n".getBytes(UTF_8));
                }
                out.write(garbage);
                out.flush();
            } catch (IOException reset) {
                assertThat(reset).isNotNull(); // closed on us: as it should
            }
        }
    }

    @Test
    void shouldRefuseConnectionsBeyondItsLimitAndKeepServingThoseItHas() throws Exception {
        List<Socket> sockets = new ArrayList<>();
        try {
            for (int i = 0; i < 10_000; i++) {
                try {
                    sockets.add(connect());
                } catch (IOException refused) {
                    break;
                }
            }
            // The client's own connections were there before, and still work.
            client.newProducer()
                    .send(ProducerRecord.of(TOPIC, 0, null, "under siege".getBytes(UTF_8)))
                    .get(20, TimeUnit.SECONDS);
            assertThat(cluster.metric(1, "holdfast_connections")).isLessThanOrEqualTo(500);
        } finally {
            for (Socket socket : sockets) {
                socket.close();
            }
        }
        TestCluster.await(
                "connections to be free again",
                Duration.ofSeconds(30),
                () -> cluster.metric(1, "holdfast_connections") < 100);
    }

    @Test
    void shouldSpendLittleOnAClientThatNeverReads() throws Exception {
        try (Producer producer = client.newProducer()) {
            for (int i = 0; i < 3_000; i++) {
                producer.send(ProducerRecord.of(TOPIC, 0, null, new byte[20_000]));
            }
        }
        long before = heap();
        List<ClientCallStreamObserver<ReadStreamRequest>> calls = new ArrayList<>();
        AtomicLong received = new AtomicLong();
        for (int i = 0; i < 30; i++) {
            LogServiceGrpc.newStub(channel)
                    .readStream(new ClientResponseObserver<ReadStreamRequest, ReadStreamResponse>() {
                        @Override
                        public void beforeStart(ClientCallStreamObserver<ReadStreamRequest> call) {
                            call.disableAutoRequestWithInitial(0); // takes nothing, ever
                            synchronized (calls) {
                                calls.add(call);
                            }
                        }

                        @Override
                        public void onNext(ReadStreamResponse response) {
                            received.incrementAndGet();
                        }

                        @Override
                        public void onError(Throwable t) {}

                        @Override
                        public void onCompleted() {}
                    });
        }
        for (ClientCallStreamObserver<ReadStreamRequest> call : calls) {
            call.onNext(ReadStreamRequest.newBuilder()
                    .setOpen(ReadRequest.newBuilder()
                            .setPartition(partition(0))
                            .setConsistency(ReadConsistency.newBuilder().setAny(true)))
                    .build());
            call.onNext(ReadStreamRequest.newBuilder()
                    .setCredit(Credit.newBuilder().setRecords(Integer.MAX_VALUE).setBytes(Long.MAX_VALUE))
                    .build());
        }
        Thread.sleep(3_000); // long enough to send it all, if nothing held it back
        assertThat(received).hasValue(0);
        assertThat(heap() - before)
                .as("bytes held for 30 readers of 60 MB each")
                .isLessThan(300L << 20);
        calls.forEach(call -> call.cancel("done", null));
    }

    @Test
    void shouldSpendLittleOnReadersThatWait() throws Exception {
        long before = (long) cluster.metric(1, "holdfast_read_waiting");
        for (int i = 0; i < 500; i++) {
            LogServiceGrpc.newFutureStub(channel)
                    .withDeadlineAfter(700, TimeUnit.MILLISECONDS)
                    .read(ReadRequest.newBuilder()
                            .setPartition(partition(1))
                            .setStart(Start.newBuilder().setLatest(true))
                            .setWait(com.google.protobuf.Duration.newBuilder().setSeconds(60))
                            .build());
        }
        TestCluster.await(
                "waiting reads to be dropped when their callers are gone",
                Duration.ofSeconds(20),
                () -> cluster.metric(1, "holdfast_read_waiting") <= before);
    }

    // ---- helpers

    private static Socket connect() throws IOException {
        String address = cluster.node(1).address();
        return new Socket(
                InetAddress.getLoopbackAddress(), Integer.parseInt(address.substring(address.indexOf(':') + 1)));
    }

    private static long heap() {
        return (long) cluster.metric(1, "jvm_memory_used_bytes");
    }

    private static TopicPartition partition(int number) {
        return TopicPartition.newBuilder().setTopic(TOPIC).setPartition(number).build();
    }

    private static void publish(String topic, int partition, String value) {
        LogServiceGrpc.newBlockingStub(channel)
                .publish(PublishRequest.newBuilder()
                        .setTopic(topic)
                        .setPartition(partition)
                        .addRecords(Record.newBuilder().setValue(ByteString.copyFromUtf8(value)))
                        .build());
    }

    private static void read(Start start) {
        LogServiceGrpc.newBlockingStub(channel)
                .read(ReadRequest.newBuilder()
                        .setPartition(partition(0))
                        .setStart(start)
                        .build());
    }

    private static void create(String topic, int partitions, int replicas) {
        TopicServiceGrpc.newBlockingStub(channel)
                .createTopic(CreateTopicRequest.newBuilder()
                        .setName(topic)
                        .setConfig(TopicConfig.newBuilder()
                                .setPartitions(partitions)
                                .setReplicas(replicas))
                        .build());
    }

    private static ByteBuffer batch(String value) {
        RecordBatchBuilder builder = new RecordBatchBuilder(Compression.NONE);
        builder.add(new LogRecord(1, null, value.getBytes(UTF_8)));
        return builder.build();
    }

    /** Sends one batch on a stream of its own; returns the error, which there must be. */
    private static ItemError append(ByteBuffer batch, Sequence sequence) {
        BlockingQueue<Object> answers = new ArrayBlockingQueue<>(2);
        var stream = LogServiceGrpc.newStub(channel)
                .publishStream(new io.grpc.stub.StreamObserver<PublishStreamResponse>() {
                    @Override
                    public void onNext(PublishStreamResponse response) {
                        answers.add(response);
                    }

                    @Override
                    public void onError(Throwable t) {
                        answers.add(t);
                    }

                    @Override
                    public void onCompleted() {}
                });
        PublishStreamRequest.Builder request = PublishStreamRequest.newBuilder()
                .setPartition(partition(0))
                .setBatch(ByteString.copyFrom(batch.duplicate()));
        if (sequence != null) {
            request.setSequence(sequence);
        }
        stream.onNext(request.build());
        stream.onCompleted();
        try {
            Object answer = answers.poll(20, TimeUnit.SECONDS);
            assertThat(answer).isInstanceOf(PublishStreamResponse.class);
            return ((PublishStreamResponse) answer).getError();
        } catch (InterruptedException e) {
            throw new AssertionError(e);
        }
    }

    private static void assertError(Runnable call, Status.Code code, String reason, String outcome) {
        assertThatThrownBy(call::run).isInstanceOfSatisfying(StatusRuntimeException.class, e -> {
            assertThat(e.getStatus().getCode()).isEqualTo(code);
            assertThat(e.getStatus().getDescription()).isNotBlank();
            ErrorInfo info = StatusProto.fromThrowable(e).getDetailsList().stream()
                    .filter(detail -> detail.is(ErrorInfo.class))
                    .map(BadInputIT::unpack)
                    .findFirst()
                    .orElseThrow();
            assertThat(info.getDomain()).isEqualTo("holdfast");
            assertThat(info.getReason()).isEqualTo(reason);
            assertThat(info.getMetadataMap()).containsEntry("outcome", outcome);
        });
    }

    private static ErrorInfo unpack(Any detail) {
        try {
            return detail.unpack(ErrorInfo.class);
        } catch (com.google.protobuf.InvalidProtocolBufferException e) {
            throw new AssertionError(e);
        }
    }
}
