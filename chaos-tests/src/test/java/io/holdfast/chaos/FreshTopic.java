package io.holdfast.chaos;

import java.io.IOException;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;

/** Tests that kill nodes of their cluster, and make a topic of the same name each. */
abstract class FreshTopic extends SharedCluster {
    static final String TOPIC = "fresh";

    @BeforeEach
    void startAll() throws IOException {
        cluster.startAll();
    }

    @AfterEach
    void deleteTopic() {
        if (!client.admin().listTopics(TOPIC).isEmpty()) {
            client.admin().deleteTopic(TOPIC);
        }
    }
}
