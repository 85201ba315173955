package io.holdfast.chaos;

import io.holdfast.client.HoldfastClient;
import java.io.IOException;
import java.util.List;
import org.junit.jupiter.api.AfterAll;

/** Tests of a class that have one cluster of three among them, and a client. */
abstract class SharedCluster {
    static TestCluster cluster;
    static HoldfastClient client;

    /** To be called before all tests of the class. */
    static void share(List<String> extraYaml) throws IOException {
        cluster = TestCluster.start(3, extraYaml);
        client = cluster.connect();
    }

    @AfterAll
    static void stop() {
        client.close();
        cluster.passed();
        cluster.close();
    }
}
