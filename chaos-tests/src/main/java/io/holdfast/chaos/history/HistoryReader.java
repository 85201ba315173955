package io.holdfast.chaos.history;

import com.fasterxml.jackson.core.JsonProcessingException;
import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;
import com.fasterxml.jackson.databind.ObjectReader;
import com.fasterxml.jackson.databind.node.NullNode;
import io.holdfast.chaos.history.Event.Type;
import java.io.BufferedReader;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.HashMap;
import java.util.HashSet;
import java.util.Map;
import java.util.Set;
import java.util.function.Consumer;

/** Reads a history line by line, whoever wrote it, and refuses one that breaks the rules of the format. */
public final class HistoryReader {
    private static final ObjectReader JSON = new ObjectMapper().readerFor(JsonNode.class);

    private final Path file;
    private final Map<Long, String> outstanding = new HashMap<>();
    private final Set<Long> gone = new HashSet<>();
    private long lineNumber;
    private long expectedIndex;
    private long lastTime;

    private HistoryReader(Path file) {
        this.file = file;
    }

    /**
     * Hands each event of a file to a consumer, in order.
     *
     * @throws IOException if it cannot be read, or is not a history; says in which line and why
     */
    public static void read(Path file, Consumer<Event> consumer) throws IOException {
        HistoryReader reader = new HistoryReader(file);
        try (BufferedReader lines = Files.newBufferedReader(file)) {
            for (String line = lines.readLine(); line != null; line = lines.readLine()) {
                consumer.accept(reader.parse(line));
            }
        }
    }

    private Event parse(String line) throws IOException {
        lineNumber++;
        JsonNode json;
        try {
            json = JSON.readValue(line);
        } catch (JsonProcessingException e) {
            throw broken("is not JSON: " + e.getOriginalMessage());
        }
        for (String field : new String[] {"index", "type", "process", "f", "time"}) {
            if (!json.has(field)) {
                throw broken("has no " + field);
            }
        }
        Type type;
        try {
            type = Type.of(json.get("type").asText());
        } catch (IllegalArgumentException e) {
            throw broken("has the type " + json.get("type"));
        }
        JsonNode process = json.get("process");
        if (!process.isIntegralNumber() && !"nemesis".equals(process.asText())) {
            throw broken("has the process " + process);
        }
        Event event = new Event(
                json.get("index").asLong(),
                type,
                process.isIntegralNumber() ? process.asLong() : Event.NEMESIS,
                json.get("f").asText(),
                json.has("value") ? json.get("value") : NullNode.getInstance(),
                json.get("time").asLong(),
                json.has("node") ? json.get("node").asText() : null,
                json.path("final").asBoolean());
        check(event);
        return event;
    }

    private void check(Event event) throws IOException {
        if (event.index() != expectedIndex) {
            throw broken("has index " + event.index());
        }
        if (event.time() < lastTime) {
            throw broken("goes back in time");
        }
        lastTime = event.time();
        expectedIndex++;
        if (event.isNemesis()) {
            return;
        }
        if (event.type() == Type.INVOKE) {
            if (gone.contains(event.process())) {
                throw broken("invokes as process " + event.process() + ", which ended in doubt before");
            }
            if (outstanding.put(event.process(), event.f()) != null) {
                throw broken("invokes although process " + event.process() + " waits for an answer");
            }
            return;
        }
        String asked = outstanding.remove(event.process());
        if (!event.f().equals(asked)) {
            throw broken("completes " + event.f() + ", but process " + event.process()
                    + (asked == null ? " asked nothing" : " asked " + asked));
        }
        if (event.type() == Type.INFO) {
            gone.add(event.process());
        }
    }

    private IOException broken(String why) {
        return new IOException(file + ", line " + lineNumber + " " + why);
    }
}
