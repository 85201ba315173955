package io.holdfast.node;

import java.util.ArrayDeque;
import java.util.Deque;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/** What has been started, so that it can be stopped in reverse. */
final class Steps {
    private static final Logger LOG = LoggerFactory.getLogger(Steps.class);

    private final Deque<Step> started = new ArrayDeque<>();

    private record Step(String name, AutoCloseable part) {}

    <T extends AutoCloseable> T started(String name, T part) {
        started.push(new Step(name, part));
        return part;
    }

    void stopAll() {
        while (!started.isEmpty()) {
            Step step = started.pop();
            try {
                step.part.close();
            } catch (Exception e) {
                LOG.warn("stopping {} failed", step.name, e);
            }
        }
    }
}
