package io.holdfast.cli.quickstart;

import java.io.BufferedInputStream;
import java.io.IOException;
import java.io.InputStream;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.function.Predicate;

/**
 * Text that every machine with a JDK has: the runs of printable characters in its module image (names of classes,
 * methods, messages), as {@code strings} would print them.
 */
final class JdkText {
    private static final int LENGTH_MIN = 12;
    private static final int LENGTH_MAX = 2000;

    private JdkText() {}

    static Path file() {
        return Path.of(System.getProperty("java.home"), "lib", "modules");
    }

    /** Calls back with one run after the other until the callback has enough. */
    static void forEach(Predicate<String> wantsMore) throws IOException {
        try (InputStream in = new BufferedInputStream(Files.newInputStream(file()), 1 << 20)) {
            byte[] run = new byte[LENGTH_MAX];
            int length = 0;
            for (int b = in.read(); b >= 0; b = in.read()) {
                boolean printable = b >= 0x20 && b < 0x7F;
                if (printable && length < LENGTH_MAX) {
                    run[length++] = (byte) b;
                } else {
                    if (length >= LENGTH_MIN
                            && !wantsMore.test(new String(run, 0, length, StandardCharsets.US_ASCII))) {
                        return;
                    }
                    length = 0;
                }
            }
        }
    }
}
