package io.holdfast.consensus.stream;

import io.holdfast.internal.v1.StreamMemberRow;
import java.util.List;

/** A member of a stream group, as replicated. */
final class Member {
    private final String id;
    private final String instance;
    private String rack;
    private List<String> topics;
    private boolean away;
    private long viewVersion;

    Member(String id, String instance, String rack, List<String> topics) {
        this.id = id;
        this.instance = instance;
        this.rack = rack;
        this.topics = List.copyOf(topics);
    }

    static Member of(StreamMemberRow row) {
        Member member = new Member(row.getId(), row.getInstance(), row.getRack(), row.getTopicsList());
        member.away = row.getAway();
        member.viewVersion = row.getViewVersion();
        return member;
    }

    StreamMemberRow row() {
        return StreamMemberRow.newBuilder()
                .setId(id)
                .setInstance(instance)
                .setRack(rack)
                .addAllTopics(topics)
                .setAway(away)
                .setViewVersion(viewVersion)
                .build();
    }

    String id() {
        return id;
    }

    /** Empty if it has no name of its own. */
    String instance() {
        return instance;
    }

    String rack() {
        return rack;
    }

    /** Names, or prefixes that end with '*'. */
    List<String> topics() {
        return topics;
    }

    boolean subscribes(String topic) {
        for (String wanted : topics) {
            if (wanted.endsWith("*")
                    ? topic.startsWith(wanted.substring(0, wanted.length() - 1))
                    : topic.equals(wanted)) {
                return true;
            }
        }
        return false;
    }

    boolean differs(String otherRack, List<String> otherTopics) {
        return !rack.equals(otherRack) || !topics.equals(otherTopics);
    }

    void update(String newRack, List<String> newTopics) {
        rack = newRack;
        topics = List.copyOf(newTopics);
    }

    /** It has left, and its share is kept for it. */
    boolean isAway() {
        return away;
    }

    void leaveForAWhile() {
        away = true;
    }

    /** Version at which what it owns changed last. */
    long viewVersion() {
        return viewVersion;
    }

    void viewChanged(long version) {
        viewVersion = version;
    }
}
