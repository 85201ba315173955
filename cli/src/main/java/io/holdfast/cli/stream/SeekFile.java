package io.holdfast.cli.stream;

import io.holdfast.client.Position;
import io.holdfast.v1.SeekTarget;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;

/** Offsets in a file: lines of TOPIC PARTITION OFFSET. Empty lines, and those that begin with #, are passed over. */
final class SeekFile {
    private SeekFile() {}

    /** @throws IOException also if a line is not like that */
    static List<SeekTarget> read(Path file) throws IOException {
        List<SeekTarget> targets = new ArrayList<>();
        List<String> lines = Files.readAllLines(file);
        for (int i = 0; i < lines.size(); i++) {
            String line = lines.get(i).trim();
            if (line.isEmpty() || line.startsWith("#")) {
                continue;
            }
            String[] words = line.split("\\s+");
            try {
                if (words.length != 3) {
                    throw new NumberFormatException("3 words");
                }
                targets.add(SeekTarget.newBuilder()
                        .setTopic(words[0])
                        .setPartition(Integer.parseUnsignedInt(words[1]))
                        .setTo(Position.offset(Long.parseUnsignedLong(words[2])).start())
                        .build());
            } catch (NumberFormatException e) {
                throw new IOException(
                        "line " + (i + 1) + " of " + file + " should be TOPIC PARTITION OFFSET: " + line, e);
            }
        }
        return targets;
    }
}
