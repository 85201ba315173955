package io.holdfast.cli;

import com.google.protobuf.util.Durations;
import io.holdfast.node.config.Units;
import java.time.Duration;
import java.util.Locale;
import picocli.CommandLine.ITypeConverter;
import picocli.CommandLine.TypeConversionException;

/** Reads and writes lengths of time: 200ms, 10s, 5m, 24h, 7d. */
public final class TimeSpans implements ITypeConverter<Duration> {
    @Override
    public Duration convert(String text) {
        try {
            return Units.duration(text);
        } catch (IllegalArgumentException e) {
            throw new TypeConversionException(e.getMessage());
        }
    }

    /** For people: 1m30s. */
    public static String text(com.google.protobuf.Duration duration) {
        return Duration.ofMillis(Durations.toMillis(duration))
                .toString()
                .substring(2)
                .toLowerCase(Locale.ROOT);
    }
}
