package io.holdfast.chaos.history;

import com.fasterxml.jackson.core.JsonGenerator;
import com.fasterxml.jackson.databind.ObjectMapper;
import io.holdfast.chaos.history.Event.Type;
import java.io.BufferedWriter;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Map;
import org.jspecify.annotations.Nullable;

/**
 * Writes a history while it happens. An invocation is written before the request leaves, a completion after the answer
 * has come, so that the order of lines is an order in which things can have happened. Thread-safe.
 */
public final class History implements AutoCloseable {
    private static final ObjectMapper JSON = new ObjectMapper();

    private final Path file;
    private final BufferedWriter out;
    private final JsonGenerator json;
    private final long began;
    private long nextIndex;
    private long nextProcess;
    private boolean closed;

    /**
     * Begins a new file.
     *
     * @param beganNanos {@link System#nanoTime} at which its time is 0
     */
    public History(Path file, long beganNanos) throws IOException {
        this.file = file;
        this.began = beganNanos;
        out = Files.newBufferedWriter(file);
        json = JSON.createGenerator(out).setRootValueSeparator(null);
    }

    public Path file() {
        return file;
    }

    /** A number that no client has had. */
    public synchronized long newProcess() {
        return nextProcess++;
    }

    /** A request is about to leave. */
    public void invoke(long process, String f, @Nullable Object value) {
        write(Type.INVOKE, process, f, value, Map.of());
    }

    /** A request is about to leave, of which there is more to say. */
    public void invoke(long process, String f, @Nullable Object value, Map<String, ?> more) {
        write(Type.INVOKE, process, f, value, more);
    }

    /** An answer has come, or none. After {@link Type#INFO} the process must not be used again. */
    public void complete(long process, Type type, String f, @Nullable Object value) {
        write(type, process, f, value, Map.of());
    }

    /** An answer has come, of which there is more to say: from which {@code node}, whether it is {@code final}. */
    public void complete(long process, Type type, String f, @Nullable Object value, Map<String, ?> more) {
        write(type, process, f, value, more);
    }

    /** Something was done to the cluster. */
    public void fault(String f, @Nullable Object value) {
        write(Type.INFO, Event.NEMESIS, f, value, Map.of());
    }

    private synchronized void write(Type type, long process, String f, @Nullable Object value, Map<String, ?> more) {
        if (closed) {
            return; // a client that comes back after the end: nobody asks any more
        }
        try {
            json.writeStartObject();
            json.writeNumberField("index", nextIndex++);
            json.writeStringField("type", type.text());
            if (process == Event.NEMESIS) {
                json.writeStringField("process", "nemesis");
            } else {
                json.writeNumberField("process", process);
            }
            json.writeStringField("f", f);
            json.writeObjectField("value", value);
            json.writeNumberField("time", System.nanoTime() - began);
            for (Map.Entry<String, ?> one : more.entrySet()) {
                json.writeObjectField(one.getKey(), one.getValue());
            }
            json.writeEndObject();
            json.writeRaw('\n');
        } catch (IOException e) {
            throw new UncheckedIOException("history " + file, e);
        }
    }

    @Override
    public synchronized void close() throws IOException {
        closed = true;
        json.close();
        out.close();
    }
}
