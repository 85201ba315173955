package io.holdfast.client;

import static java.nio.charset.StandardCharsets.UTF_8;

import io.holdfast.record.HeaderNames;
import io.holdfast.record.RecordHeader;
import io.holdfast.v1.DeadLetter;
import io.holdfast.v1.RedriveResult;
import java.util.ArrayList;
import java.util.List;
import java.util.function.Function;

/** The dead letters of a queue group: what it has given up on. Calls block. Thread-safe. */
public final class DeadLetters {
    private final Admin admin;
    private final Function<ReaderSettings, Reader> readers;
    private final String topic;
    private final String group;

    DeadLetters(Admin admin, Function<ReaderSettings, Reader> readers, String topic, String group) {
        this.admin = admin;
        this.readers = readers;
        this.topic = topic;
        this.group = group;
    }

    /** A dead letter as it is in the dead-letter topic. */
    public record Letter(ReceivedRecord record) {
        /** What the header {@code holdfast-dlq-NAME} says: topic, partition, offset, reason and so on; empty if absent. */
        public String header(String name) {
            for (RecordHeader header : record.headers()) {
                byte[] value = header.value();
                if (header.name().equals(HeaderNames.DEAD_LETTER_PREFIX + name) && value != null) {
                    return new String(value, UTF_8);
                }
            }
            return "";
        }

        private DeadLetter place() {
            return DeadLetter.newBuilder()
                    .setPartition(Integer.parseInt(header("partition")))
                    .setOffset(Long.parseLong(header("offset")))
                    .setNumber(Long.parseLong(header("number")))
                    .build();
        }
    }

    /** Name of the topic that they are in. */
    public String topicName() {
        return topic + "." + group + ".dlq";
    }

    /** All there are, those that were redriven included; none if the topic has not been made yet. */
    public List<Letter> list() {
        if (!isThere()) {
            return List.of();
        }
        List<Letter> letters = new ArrayList<>();
        try (Reader reader = readers.apply(ReaderSettings.of(topicName()))) {
            reader.forEach(record -> letters.add(new Letter(record)));
        }
        return letters;
    }

    private boolean isThere() {
        return admin.listTopics(topicName()).stream().anyMatch(t -> t.getName().equals(topicName()));
    }

    /** Gives them back to the group; one result each, in order. For one death a record is given back once. */
    public List<RedriveResult> redrive(List<Letter> letters) {
        return new QueueAdmin(admin)
                .redrive(topic, group, letters.stream().map(Letter::place).toList());
    }

    /**
     * Deletes all there are now, those that were redriven included.
     *
     * @param planOnly only count them
     * @return how many there were
     */
    public long purge(boolean planOnly) {
        if (!isThere()) {
            return 0;
        }
        long end =
                admin.lookupOffsets(topicName(), 1, Position.latest().start()).get(0);
        long start =
                admin.lookupOffsets(topicName(), 1, Position.earliest().start()).get(0);
        if (!planOnly) {
            admin.trimTopic(topicName(), 0, end);
        }
        return end - start;
    }
}
