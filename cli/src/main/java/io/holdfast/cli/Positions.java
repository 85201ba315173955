package io.holdfast.cli;

import com.google.protobuf.util.Timestamps;
import io.holdfast.client.Position;
import io.holdfast.node.config.Units;
import io.holdfast.v1.Start;
import java.time.Instant;
import java.time.format.DateTimeParseException;
import java.util.Locale;
import picocli.CommandLine.ITypeConverter;
import picocli.CommandLine.TypeConversionException;

/** Reads positions: earliest, latest, @OFFSET, 1h (ago), 2026-01-31T12:00:00Z. */
public final class Positions implements ITypeConverter<Position> {
    public static final String FORMS =
            "earliest, latest, @OFFSET, an age such as 1h, or a time such as 2026-01-31T12:00:00Z";

    /** As it is read. */
    public static String text(Start start) {
        return switch (start.getAtCase()) {
            case OFFSET -> "@" + Long.toUnsignedString(start.getOffset());
            case TIME ->
                Instant.ofEpochMilli(Timestamps.toMillis(start.getTime())).toString();
            case LATEST -> "latest";
            case EARLIEST, AT_NOT_SET -> "earliest";
        };
    }

    @Override
    public Position convert(String text) {
        String value = text.trim().toLowerCase(Locale.ROOT);
        try {
            if (value.equals("earliest")) {
                return Position.earliest();
            }
            if (value.equals("latest")) {
                return Position.latest();
            }
            if (value.startsWith("@")) {
                return Position.offset(Long.parseLong(value.substring(1)));
            }
            if (value.indexOf('-') > 0) {
                return Position.time(Instant.parse(text.trim()));
            }
            return Position.time(Instant.now().minus(Units.duration(value)));
        } catch (IllegalArgumentException | DateTimeParseException e) {
            throw new TypeConversionException("'" + text + "' is not one of " + FORMS);
        }
    }
}
