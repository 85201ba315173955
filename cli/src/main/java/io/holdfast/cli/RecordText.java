package io.holdfast.cli;

import static java.nio.charset.StandardCharsets.UTF_8;

import com.fasterxml.jackson.databind.ObjectMapper;
import com.fasterxml.jackson.databind.node.ObjectNode;
import com.google.protobuf.ByteString;
import io.holdfast.client.ReceivedRecord;
import io.holdfast.record.RecordHeader;
import java.io.IOException;
import java.io.OutputStream;
import java.nio.ByteBuffer;
import java.nio.charset.CharacterCodingException;
import java.time.Instant;
import java.util.Base64;
import org.jspecify.annotations.Nullable;

/** Records as text. */
public final class RecordText {
    private static final ObjectMapper JSON = new ObjectMapper();

    private static final int BRIEF_CHARACTERS = 60;

    private RecordText() {}

    /** Writes a record and a newline: as a JSON object, or its value as it is. */
    static void print(ReceivedRecord record, boolean asJson, OutputStream out) throws IOException {
        if (asJson) {
            out.write(JSON.writeValueAsBytes(json(record)));
        } else {
            byte[] value = record.value();
            if (value != null) {
                out.write(value);
            }
        }
        out.write('\n');
    }

    /** A record as a JSON object; what is not UTF-8 in base64. */
    public static ObjectNode json(ReceivedRecord record) {
        ObjectNode object = JSON.createObjectNode();
        object.put("topic", record.topic());
        object.put("partition", record.partition());
        object.put("offset", record.offset());
        object.put("time", Instant.ofEpochMilli(record.timestampMs()).toString());
        object.put("append_time", Instant.ofEpochMilli(record.appendTimeMs()).toString());
        put(object, "key", record.key());
        put(object, "value", record.value());
        if (!record.headers().isEmpty()) {
            ObjectNode headers = object.putObject("headers");
            for (RecordHeader header : record.headers()) {
                put(headers, header.name(), header.value());
            }
        }
        return object;
    }

    /** The beginning of a key or value, for a table: on one line. */
    public static String brief(ByteString bytes) {
        String text = bytes.toStringUtf8().replaceAll("\\p{Cntrl}", " ");
        return text.length() <= BRIEF_CHARACTERS ? text : text.substring(0, BRIEF_CHARACTERS) + "...";
    }

    private static void put(ObjectNode object, String name, byte @Nullable [] bytes) {
        if (bytes == null) {
            object.putNull(name);
            return;
        }
        try {
            object.put(name, UTF_8.newDecoder().decode(ByteBuffer.wrap(bytes)).toString());
        } catch (CharacterCodingException e) {
            object.put(name + "_base64", Base64.getEncoder().encodeToString(bytes));
        }
    }
}
