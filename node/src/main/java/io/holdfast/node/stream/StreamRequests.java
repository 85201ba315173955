package io.holdfast.node.stream;

import com.google.protobuf.util.Durations;
import io.holdfast.consensus.Refusal;
import io.holdfast.node.service.Bounds;
import io.holdfast.v1.CommitOffsetsRequest;
import io.holdfast.v1.HeartbeatRequest;
import io.holdfast.v1.SeekStreamGroupRequest;
import io.holdfast.v1.SeekTarget;
import io.holdfast.v1.Start;
import io.holdfast.v1.StreamConfig;
import java.util.regex.Pattern;

/** What requests about stream groups may say, and what is meant if they say nothing. */
final class StreamRequests {
    private static final Pattern GROUP = Pattern.compile("[a-zA-Z0-9._-]{1,100}");
    private static final Pattern TOPIC = Pattern.compile("[a-zA-Z0-9._-]{0,249}\\*?");
    private static final int NAME_LENGTH_MAX = 100;
    private static final int TOPICS_MAX = 100;
    private static final int PARTITIONS_MAX = 100_000;
    private static final long SESSION_MS_DEFAULT = 10_000;
    private static final long REBALANCE_MS_DEFAULT = 60_000;
    private static final long WAIT_MS_MAX = 5_000;

    private StreamRequests() {}

    static void checkGroup(String name) {
        if (!GROUP.matcher(name).matches()) {
            throw Refusal.invalid(
                    "name the stream group with 1 to 100 of a-z A-Z 0-9 . _ - : '" + name + "' does not do");
        }
    }

    static void check(HeartbeatRequest request) {
        checkGroup(request.getGroup());
        checkMember(request.getMemberId());
        if (request.getTopicsCount() < 1 || request.getTopicsCount() > TOPICS_MAX) {
            throw Refusal.invalid("subscribe to 1 to " + TOPICS_MAX + " topics or prefixes");
        }
        for (String topic : request.getTopicsList()) {
            if (topic.isEmpty() || !TOPIC.matcher(topic).matches()) {
                throw Refusal.invalid(
                        "subscribe to topics by name, or by prefix with a * at the end: '" + topic + "' is neither");
            }
        }
        if (request.getInstanceId().length() > NAME_LENGTH_MAX
                || request.getRack().length() > NAME_LENGTH_MAX) {
            throw Refusal.invalid("choose an instance id and a rack of at most " + NAME_LENGTH_MAX + " characters");
        }
        if (request.getOwnedCount() > PARTITIONS_MAX) {
            throw Refusal.invalid("own at most " + PARTITIONS_MAX + " partitions");
        }
    }

    static void checkMember(String id) {
        if (id.isEmpty() || id.length() > NAME_LENGTH_MAX) {
            throw Refusal.invalid("choose a member id of 1 to " + NAME_LENGTH_MAX + " characters, at random");
        }
    }

    static void check(CommitOffsetsRequest request) {
        checkGroup(request.getGroup());
        checkMember(request.getMemberId());
        if (request.getOffsetsCount() > PARTITIONS_MAX) {
            throw Refusal.invalid("commit at most " + PARTITIONS_MAX + " offsets at once");
        }
        if (request.getOffsetsList().stream().anyMatch(commit -> commit.getOffset() < 0)) {
            throw Refusal.invalid("commit offsets of records");
        }
    }

    static void check(SeekStreamGroupRequest request) {
        for (SeekTarget target : request.getTargetsList()) {
            if (target.getTo().getAtCase() == Start.AtCase.AT_NOT_SET) {
                throw Refusal.invalid("say where to go: an offset, a time, earliest or latest");
            }
        }
    }

    static long waitMs(HeartbeatRequest request) {
        return Bounds.millis("wait", request.getWait(), 0, WAIT_MS_MAX);
    }

    /** Checks a configuration and fills in the defaults. */
    static StreamConfig complete(StreamConfig config) {
        if (config.getStart().hasOffset()) {
            throw Refusal.invalid(
                    "start a stream group at earliest, latest or a time: an offset is about one partition,"
                            + " seek to it");
        }
        StreamConfig.Builder full = config.toBuilder();
        if (config.getStart().getAtCase() == Start.AtCase.AT_NOT_SET) {
            full.setStart(Start.newBuilder().setEarliest(true));
        }
        full.setSessionTimeout(Durations.fromMillis(
                config.hasSessionTimeout()
                        ? Bounds.millis("session_timeout", config.getSessionTimeout(), 1_000, 600_000)
                        : SESSION_MS_DEFAULT));
        full.setRebalanceTimeout(Durations.fromMillis(
                config.hasRebalanceTimeout()
                        ? Bounds.millis("rebalance_timeout", config.getRebalanceTimeout(), 1_000, 3_600_000)
                        : REBALANCE_MS_DEFAULT));
        return full.build();
    }
}
