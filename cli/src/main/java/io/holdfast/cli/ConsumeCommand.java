package io.holdfast.cli;

import static java.nio.charset.StandardCharsets.UTF_8;

import com.fasterxml.jackson.databind.ObjectMapper;
import com.fasterxml.jackson.databind.node.ObjectNode;
import io.holdfast.client.HoldfastClient;
import io.holdfast.client.Position;
import io.holdfast.client.ReadMode;
import io.holdfast.client.Reader;
import io.holdfast.client.ReaderSettings;
import io.holdfast.client.ReceivedRecord;
import io.holdfast.record.RecordHeader;
import java.io.BufferedOutputStream;
import java.io.IOException;
import java.io.OutputStream;
import java.nio.ByteBuffer;
import java.nio.charset.CharacterCodingException;
import java.time.Duration;
import java.time.Instant;
import java.util.Base64;
import java.util.concurrent.Callable;
import org.jspecify.annotations.Nullable;
import picocli.CommandLine.Command;
import picocli.CommandLine.Mixin;
import picocli.CommandLine.Option;
import picocli.CommandLine.Parameters;

/** Prints records. */
@Command(
        name = "consume",
        mixinStandardHelpOptions = true,
        description = {
            "Prints the records of a topic: those of a partition in order, those of different partitions as they come.",
            "",
            "By default from the beginning to what is there now; --follow goes on."
        })
final class ConsumeCommand implements Callable<Integer> {
    enum Output {
        raw,
        json
    }

    @Mixin
    ConnectOptions connect = new ConnectOptions();

    @Parameters(paramLabel = "TOPIC")
    String topic = "";

    @Option(
            names = {"-p", "--partition"},
            description = "Only this partition. Default: all.")
    @Nullable
    Integer partition;

    @Option(
            names = "--from",
            defaultValue = "earliest",
            converter = Positions.class,
            paramLabel = "POSITION",
            description = Positions.FORMS + ". Default: ${DEFAULT-VALUE}.")
    Position from = Position.earliest();

    @Option(
            names = "--until",
            converter = Positions.class,
            paramLabel = "POSITION",
            description = "Stop before this position.")
    @Nullable
    Position until;

    @Option(
            names = {"-n", "--count"},
            description = "Stop after so many records.")
    long count = Long.MAX_VALUE;

    @Option(
            names = {"-f", "--follow"},
            description = "Go on at the end, until Ctrl-C.")
    boolean follow;

    @Option(
            names = {"-o", "--output"},
            defaultValue = "raw",
            description =
                    "raw: the value and a newline. json: an object per line; what is not UTF-8 as base64. Default: ${DEFAULT-VALUE}.")
    Output output = Output.raw;

    @Option(names = "--any-replica", description = "Read from any replica, also one that lags behind.")
    boolean anyReplica;

    private final ObjectMapper json = new ObjectMapper();

    @Override
    public Integer call() throws IOException {
        ReaderSettings settings = ReaderSettings.of(topic).withFrom(from).withFollow(follow);
        if (partition != null) {
            settings = settings.withPartition(partition);
        }
        if (until != null) {
            settings = settings.withUntil(until);
        }
        if (anyReplica) {
            settings = settings.withMode(ReadMode.any());
        }
        try (HoldfastClient client = connect.connect();
                Reader reader = client.newReader(settings);
                OutputStream out = new BufferedOutputStream(System.out, 1 << 16)) {
            long printed = 0;
            while (printed < count) {
                ReceivedRecord record = reader.poll(Duration.ofMillis(50));
                if (record != null) {
                    print(record, out);
                    printed++;
                } else if (reader.isFinished()) {
                    break;
                } else {
                    out.flush(); // nothing more for the moment: show what there is
                }
            }
        }
        return 0;
    }

    private void print(ReceivedRecord record, OutputStream out) throws IOException {
        if (output == Output.json) {
            ObjectNode object = json.createObjectNode();
            object.put("topic", record.topic());
            object.put("partition", record.partition());
            object.put("offset", record.offset());
            object.put("time", Instant.ofEpochMilli(record.timestampMs()).toString());
            object.put(
                    "append_time", Instant.ofEpochMilli(record.appendTimeMs()).toString());
            put(object, "key", record.key());
            put(object, "value", record.value());
            if (!record.headers().isEmpty()) {
                ObjectNode headers = object.putObject("headers");
                for (RecordHeader header : record.headers()) {
                    put(headers, header.name(), header.value());
                }
            }
            out.write(json.writeValueAsBytes(object));
        } else {
            byte[] value = record.value();
            if (value != null) {
                out.write(value);
            }
        }
        out.write('\n');
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
