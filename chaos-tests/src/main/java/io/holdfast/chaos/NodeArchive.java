package io.holdfast.chaos;

import static java.nio.charset.StandardCharsets.UTF_8;

import io.holdfast.cli.local.LocalCluster;
import io.holdfast.client.HoldfastClient;
import io.holdfast.client.Producer;
import io.holdfast.client.ProducerRecord;
import java.io.File;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.stream.Collectors;
import org.jspecify.annotations.Nullable;

/**
 * The classes of a node, loaded and verified once and shared by all nodes of the tests (the JVM's class data sharing).
 * A node is up with two thirds of the processor time that it takes without. Tests work without it as well.
 */
public final class NodeArchive {
    private static final Duration PATIENCE = Duration.ofSeconds(90);
    private static @Nullable List<String> options;

    private NodeArchive() {}

    /** The jars of the class path: with folders in it nothing can be shared. */
    public static String jars() {
        return Arrays.stream(System.getProperty("java.class.path").split(File.pathSeparator))
                .filter(entry -> entry.endsWith(".jar"))
                .collect(Collectors.joining(File.pathSeparator));
    }

    /** Options for a node's JVM; the first call of a process makes the archive, which takes some seconds. */
    public static synchronized List<String> options(List<String> jvmOptions) throws IOException {
        List<String> known = options;
        if (known == null) {
            Path archive = Files.createTempFile("holdfast-test-classes-", ".jsa");
            Files.delete(archive);
            archive.toFile().deleteOnExit();
            make(archive, jvmOptions);
            known = Files.exists(archive) ? List.of("-XX:SharedArchiveFile=" + archive) : List.of();
            options = known;
        }
        return known;
    }

    /** A node of one, that does a little of everything and stops. */
    private static void make(Path archive, List<String> jvmOptions) throws IOException {
        Path folder = Files.createTempDirectory("holdfast-test-");
        LocalCluster one = LocalCluster.createOnFreePorts(folder, 1, List.of());
        one.setClassPath(jars());
        List<String> all = new ArrayList<>(jvmOptions);
        all.add("-XX:ArchiveClassesAtExit=" + archive);
        one.setMoreJvmOptions(all);
        try {
            one.start(PATIENCE);
            try (HoldfastClient client = HoldfastClient.connect(one.addresses());
                    Producer producer = client.newProducer()) {
                client.admin().createTopic("t", 1, 1);
                producer.send(ProducerRecord.of("t", "k".getBytes(UTF_8), "v".getBytes(UTF_8)))
                        .join();
            }
            one.stop();
        } finally {
            one.kill();
            LocalCluster.deleteTree(folder);
        }
    }
}
