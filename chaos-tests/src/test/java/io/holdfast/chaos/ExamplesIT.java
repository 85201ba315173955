package io.holdfast.chaos;

import static org.assertj.core.api.Assertions.assertThat;
import static org.junit.jupiter.api.Assumptions.assumeTrue;

import io.grpc.ManagedChannel;
import io.grpc.health.v1.HealthCheckRequest;
import io.grpc.health.v1.HealthCheckResponse.ServingStatus;
import io.grpc.health.v1.HealthGrpc;
import io.grpc.netty.NettyChannelBuilder;
import io.grpc.reflection.v1.ServerReflectionGrpc;
import io.grpc.reflection.v1.ServerReflectionRequest;
import io.grpc.reflection.v1.ServerReflectionResponse;
import io.grpc.stub.StreamObserver;
import io.holdfast.cli.Main;
import io.holdfast.client.HoldfastClient;
import io.holdfast.client.Producer;
import io.holdfast.client.ProducerRecord;
import java.io.ByteArrayOutputStream;
import java.io.IOException;
import java.io.PrintStream;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.List;
import java.util.concurrent.ArrayBlockingQueue;
import java.util.concurrent.BlockingQueue;
import java.util.concurrent.TimeUnit;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.io.TempDir;

/** What thin clients rely on: stock gRPC in another language, reflection, health. */
@Timeout(120)
class ExamplesIT {
    private static TestCluster cluster;

    @TempDir
    Path stubs;

    @BeforeAll
    static void start() throws Exception {
        cluster = TestCluster.start(1, List.of());
    }

    @AfterAll
    static void stop() {
        cluster.passed();
        cluster.close();
    }

    @Test
    void shouldProduceAndConsumeFromPython() throws Exception {
        String python = python();

        Output hello =
                run(List.of(python, example("python/hello.py"), cluster.node(1).address()), stubs.toString());

        assertThat(hello.code).as(hello.text).isZero();
        assertThat(hello.text.lines()).hasSize(10).first().isEqualTo("0 greeting hello 0");
    }

    @Test
    void shouldWorkOffAQueueFromPython() {
        String python = python();
        publishJobs("python-jobs");

        Output worker = run(
                List.of(python, example("python/worker.py"), cluster.node(1).address(), "python-jobs", "mail"),
                stubs.toString());

        checkWorker(worker, "python-jobs");
    }

    @Test
    void shouldWorkOffAQueueFromNode() {
        assumeTrue(
                Files.exists(Path.of(example("node/node_modules/@grpc/grpc-js")))
                        && run(List.of("node", "--version"), null).code == 0,
                "needs node, and npm install in examples/node");
        publishJobs("node-jobs");

        Output worker =
                run(List.of("node", example("node/worker.js"), cluster.node(1).address(), "node-jobs", "mail"), null);

        checkWorker(worker, "node-jobs");
    }

    private static String example(String name) {
        return Path.of("../examples", name).toAbsolutePath().normalize().toString();
    }

    /** A Python that has what it takes, with stubs made for it. */
    private String python() {
        String python = List.of("/usr/bin/python3", "python3").stream()
                .filter(p -> run(List.of(p, "-c", "import grpc, google.protobuf"), null).code == 0)
                .findFirst()
                .orElse("");
        boolean generators = run(
                                List.of(
                                        "sh",
                                        "-c",
                                        "command -v protoc && command -v grpc_python_plugin"
                                                + " && ls /usr/include/google/protobuf/duration.proto"),
                                null)
                        .code
                == 0;
        assumeTrue(
                !python.isEmpty() && generators,
                "needs python3 with grpcio, protoc with its own protos, and grpc_python_plugin");
        Output made = run(List.of(example("python/make-stubs.sh"), stubs.toString()), null);
        assertThat(made.code).as(made.text).isZero();
        return python;
    }

    @Test
    void shouldOwnPartitionsFromPython() {
        String python = python();
        publishJobs("python-events");

        Output worker = run(
                List.of(
                        python,
                        example("python/stream_worker.py"),
                        cluster.node(1).address(),
                        "python-events",
                        "audit"),
                stubs.toString());

        assertThat(worker.code).as(worker.text).isZero();
        assertThat(worker.text.lines()).containsExactly("0 0 one", "0 1 bad", "0 2 two");
        try (HoldfastClient client = cluster.connect()) {
            assertThat(client.streamGroups().describe("audit").getPartitions(0).getCommitted())
                    .isEqualTo(3);
        }
    }

    private static void publishJobs(String topic) {
        try (HoldfastClient client = cluster.connect()) {
            client.admin().createTopic(topic, 1, 1);
            try (Producer producer = client.newProducer()) {
                for (String job : List.of("one", "bad", "two")) {
                    producer.send(ProducerRecord.of(topic, null, job.getBytes(StandardCharsets.UTF_8)));
                }
            }
        }
    }

    private static void checkWorker(Output worker, String topic) {
        assertThat(worker.code).as(worker.text).isZero();
        assertThat(worker.text.lines()).containsExactly("done 0 0 one", "rejected 0 1 bad", "done 0 2 two");
        try (HoldfastClient client = cluster.connect()) {
            TestCluster.await(
                    "the dead letter",
                    Duration.ofSeconds(20),
                    () -> client.deadLetters(topic, "mail").list().size() == 1);
        }
    }

    /** Leases the next record from the command line; returns its lease as printed. */
    private static String pollByHand(String address) {
        String printed = printed("queue", "poll", "-a", address, "cli-jobs", "mail", "--lease", "10m");
        Matcher lease = Pattern.compile("\"lease\":\"(0@1:\\d+)\"").matcher(printed);
        assertThat(lease.find()).as(printed).isTrue();
        return lease.group(1);
    }

    /** What a command prints that succeeds. */
    private static String printed(String... command) {
        PrintStream before = System.out;
        ByteArrayOutputStream printed = new ByteArrayOutputStream();
        System.setOut(new PrintStream(printed, true, StandardCharsets.UTF_8));
        try {
            assertThat(Main.execute(command)).isZero();
        } finally {
            System.setOut(before);
        }
        return printed.toString(StandardCharsets.UTF_8);
    }

    @Test
    void shouldCommitWhatAStreamGroupsMemberPrintsAndNothingElse() {
        String address = cluster.node(1).address();
        publishJobs("cli-events");

        assertThat(printed("consume", "-a", address, "cli-events", "--stream-group", "cli", "-n", "2"))
                .isEqualTo("one\nbad\n");
        assertThat(printed("stream", "describe", "-a", address, "cli")).contains("cli-events  0          2");
        assertThat(printed("consume", "-a", address, "cli-events", "--stream-group", "cli"))
                .isEqualTo("two\n");
        assertThat(printed("stream", "seek", "-a", address, "cli", "--topic", "cli-events", "--to", "@1"))
                .contains("cli-events  0          3     1");
        assertThat(printed("consume", "-a", address, "cli-events", "--stream-group", "cli"))
                .isEqualTo("bad\ntwo\n");
        assertThat(Main.execute("consume", "-a", address, "cli-events", "--stream-group", "cli", "--until", "latest"))
                .as("wrong usage")
                .isEqualTo(2);
        assertThat(printed("stream", "delete", "-a", address, "cli")).contains("deleted");
        assertThat(Main.execute("stream", "describe", "-a", address, "cli")).isEqualTo(1);
    }

    @Test
    void shouldWorkOffAQueueFromTheCommandLine() {
        String address = cluster.node(1).address();
        publishJobs("cli-jobs");
        assertThat(Main.execute("group", "create", "-a", address, "cli-jobs", "mail", "--failures-max", "1"))
                .isZero();
        assertThat(Main.execute("consume", "-a", address, "cli-jobs", "--group", "mail", "-n", "1"))
                .isZero();
        String lease = pollByHand(address);
        assertThat(Main.execute("explain", "-a", address, "cli-jobs/0@1")).isZero();
        assertThat(Main.execute("queue", "nack", "-a", address, "cli-jobs", "mail", "0@1:999"))
                .as("not the lease")
                .isEqualTo(1);
        assertThat(Main.execute("queue", "nack", "-a", address, "cli-jobs", "mail", lease, "--reason", "why"))
                .isZero();
        try (HoldfastClient client = cluster.connect()) {
            TestCluster.await(
                    "the dead letter",
                    Duration.ofSeconds(20),
                    () -> client.deadLetters("cli-jobs", "mail").list().size() == 1);
        }
        assertThat(CommandLineRun.run(0, "doctor", "-a", address)).contains("cli-jobs/mail has 1 dead letters");
        for (String command : List.of("list", "show", "redrive", "purge")) {
            assertThat(Main.execute("dlq", command, "-a", address, "cli-jobs", "mail"))
                    .as(command)
                    .isZero();
        }
        assertThat(CommandLineRun.run(0, "doctor", "-a", address)).doesNotContain("dead letters");
        assertThat(Main.execute("group", "describe", "-a", address, "cli-jobs", "mail"))
                .isZero();
        assertThat(Main.execute("group", "seek", "-a", address, "cli-jobs", "mail", "--to", "latest", "--plan"))
                .isZero();
        assertThat(Main.execute("group", "pause", "-a", address, "cli-jobs", "mail"))
                .isZero();
        assertThat(Main.execute("queue", "poll", "-a", address, "cli-jobs", "mail"))
                .as("paused")
                .isEqualTo(1);
        assertThat(Main.execute("group", "delete", "-a", address, "cli-jobs", "mail"))
                .isZero();
        assertThat(Main.execute("group", "describe", "-a", address, "cli-jobs", "mail"))
                .isEqualTo(1);
    }

    @Test
    void shouldMeasureARunningClusterFromTheCommandLine() throws Exception {
        String address = cluster.node(1).address();
        Path json = stubs.resolve("e2e.json");
        Path plot = stubs.resolve("e2e.svg");
        int exit = Main.execute(
                "bench",
                "e2e",
                "-a",
                address,
                "-t",
                "measured",
                "--rate",
                "200",
                "--warm-up",
                "1",
                "-s",
                "2",
                "--json",
                json.toString(),
                "--plot",
                plot.toString());
        assertThat(exit).isZero();
        assertThat(Files.readString(json)).contains("\"records\" : 400").contains("\"endToEnd\"");
        assertThat(Files.readString(plot)).contains("<svg");

        assertThat(Main.execute("bench", "consume", "-a", address, "-t", "measured", "--warm-up", "0", "-s", "2"))
                .isZero();
        assertThat(Main.execute("bench", "produce", "-a", address, "--record-size", "4"))
                .as("too small a record")
                .isEqualTo(2);
    }

    @Test
    void shouldDescribeItselfThroughReflection() throws Exception {
        ManagedChannel channel = NettyChannelBuilder.forTarget(cluster.node(1).address())
                .usePlaintext()
                .build();
        try {
            BlockingQueue<ServerReflectionResponse> answers = new ArrayBlockingQueue<>(4);
            StreamObserver<ServerReflectionRequest> questions = ServerReflectionGrpc.newStub(channel)
                    .serverReflectionInfo(new StreamObserver<>() {
                        @Override
                        public void onNext(ServerReflectionResponse answer) {
                            answers.add(answer);
                        }

                        @Override
                        public void onError(Throwable t) {}

                        @Override
                        public void onCompleted() {}
                    });
            questions.onNext(
                    ServerReflectionRequest.newBuilder().setListServices("").build());
            ServerReflectionResponse services = answers.poll(20, TimeUnit.SECONDS);
            assertThat(services).isNotNull();
            assertThat(services.getListServicesResponse().getServiceList())
                    .extracting(service -> service.getName())
                    .contains(
                            "holdfast.v1.LogService",
                            "holdfast.v1.TopicService",
                            "holdfast.v1.RouteService",
                            "holdfast.v1.ClusterService",
                            "holdfast.v1.QueueService",
                            "holdfast.v1.GroupService",
                            "grpc.health.v1.Health");
            questions.onNext(ServerReflectionRequest.newBuilder()
                    .setFileContainingSymbol("holdfast.v1.LogService.Publish")
                    .build());
            ServerReflectionResponse file = answers.poll(20, TimeUnit.SECONDS);
            assertThat(file).isNotNull();
            assertThat(file.getFileDescriptorResponse().getFileDescriptorProtoCount())
                    .isPositive();

            for (String service : List.of("", "holdfast.v1.LogService")) {
                assertThat(HealthGrpc.newBlockingStub(channel)
                                .check(HealthCheckRequest.newBuilder()
                                        .setService(service)
                                        .build())
                                .getStatus())
                        .isEqualTo(ServingStatus.SERVING);
            }
        } finally {
            channel.shutdownNow();
        }
    }

    private record Output(int code, String text) {}

    private static Output run(List<String> command, String pythonPath) {
        try {
            ProcessBuilder builder = new ProcessBuilder(command).redirectErrorStream(true);
            if (pythonPath != null) {
                builder.environment().put("PYTHONPATH", pythonPath);
            }
            Process process = builder.start();
            String text = new String(process.getInputStream().readAllBytes(), StandardCharsets.UTF_8);
            return new Output(process.waitFor(), text);
        } catch (IOException e) {
            return new Output(127, e.getMessage());
        } catch (InterruptedException e) {
            Thread.currentThread().interrupt();
            throw new AssertionError(e);
        }
    }
}
