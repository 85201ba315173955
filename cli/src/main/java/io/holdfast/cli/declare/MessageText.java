package io.holdfast.cli.declare;

import com.fasterxml.jackson.databind.JsonNode;
import com.google.protobuf.Descriptors.Descriptor;
import com.google.protobuf.Descriptors.EnumValueDescriptor;
import com.google.protobuf.Descriptors.FieldDescriptor;
import com.google.protobuf.Duration;
import com.google.protobuf.Message;
import com.google.protobuf.util.Durations;
import io.holdfast.cli.Positions;
import io.holdfast.node.config.ConfigException;
import io.holdfast.node.config.Units;
import io.holdfast.v1.Start;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.concurrent.TimeUnit;
import java.util.stream.Collectors;
import org.jspecify.annotations.Nullable;
import picocli.CommandLine.TypeConversionException;

/**
 * Configuration messages of the API as people write them: names with hyphens, 7d, 10GiB, keyed. It goes by the messages'
 * own fields, so that whatever is added to the API can be written at once.
 */
public final class MessageText {
    private static final String NONE = "none";

    private MessageText() {}

    /**
     * Sets what the mapping says; the rest stays as it is.
     *
     * @param where for messages: the thing that is configured
     * @throws ConfigException for names and values that are not known
     */
    public static void merge(JsonNode mapping, Message.Builder into, String where) {
        if (!mapping.isObject()) {
            throw new ConfigException(where + ": write settings as NAME: VALUE, one per line");
        }
        mapping.properties().forEach(setting -> {
            FieldDescriptor field = field(into.getDescriptorForType(), setting.getKey(), where);
            String place = where + ": " + setting.getKey();
            Object value = isNested(field) && setting.getValue().isObject()
                    ? nested(field, setting.getValue(), into, place)
                    : value(field, setting.getValue(), place);
            if (value == null) {
                into.clearField(field);
            } else {
                into.setField(field, value);
            }
        });
    }

    private static FieldDescriptor field(Descriptor message, String name, String where) {
        FieldDescriptor field = message.findFieldByName(name.replace('-', '_'));
        if (field == null || name.indexOf('_') >= 0) {
            throw new ConfigException(where + ": there is no setting '" + name + "'; there are "
                    + message.getFields().stream().map(MessageText::name).collect(Collectors.joining(", ")));
        }
        return field;
    }

    /** Settings of their own, one level down. */
    private static boolean isNested(FieldDescriptor field) {
        return field.getJavaType() == FieldDescriptor.JavaType.MESSAGE
                && !field.getMessageType().equals(Duration.getDescriptor())
                && !field.getMessageType().equals(Start.getDescriptor());
    }

    private static Message nested(FieldDescriptor field, JsonNode mapping, Message.Builder into, String place) {
        Message.Builder builder = ((Message) into.getField(field)).toBuilder();
        merge(mapping, builder, place);
        return builder.build();
    }

    private static @Nullable Object value(FieldDescriptor field, JsonNode node, String place) {
        if (!node.isValueNode()) {
            throw new ConfigException(place + ": one value is wanted");
        }
        String text = node.asText().trim();
        try {
            return switch (field.getJavaType()) {
                case BOOLEAN -> bool(text);
                case INT -> Integer.parseUnsignedInt(text);
                case LONG -> isSize(field) ? size(text) : Long.parseUnsignedLong(text);
                case STRING -> text;
                case ENUM -> choice(field, text);
                case MESSAGE -> message(field, text);
                case FLOAT, DOUBLE, BYTE_STRING -> throw new ConfigException(place + ": cannot be written in a file");
            };
        } catch (NumberFormatException e) {
            throw new ConfigException(place + ": '" + text + "' is not a whole number");
        } catch (IllegalArgumentException | TypeConversionException e) {
            throw new ConfigException(place + ": " + e.getMessage());
        }
    }

    private static boolean bool(String text) {
        if (!text.equals("true") && !text.equals("false")) {
            throw new IllegalArgumentException("'" + text + "' is neither true nor false");
        }
        return text.equals("true");
    }

    private static long size(String text) {
        return text.equals(NONE) ? 0 : Units.bytes(text);
    }

    private static boolean isSize(FieldDescriptor field) {
        return field.getName().endsWith("_bytes") || field.getName().endsWith("_bytes_per_second");
    }

    private static EnumValueDescriptor choice(FieldDescriptor field, String text) {
        List<String> known = new ArrayList<>();
        for (EnumValueDescriptor value : field.getEnumType().getValues()) {
            if (value.getNumber() != 0) {
                if (name(value).equals(text)) {
                    return value;
                }
                known.add(name(value));
            }
        }
        throw new IllegalArgumentException("'" + text + "' is none of " + String.join(", ", known));
    }

    private static @Nullable Message message(FieldDescriptor field, String text) {
        if (field.getMessageType().equals(Duration.getDescriptor())) {
            return text.equals(NONE)
                    ? null
                    : Durations.fromMillis(Units.duration(text).toMillis());
        }
        if (field.getMessageType().equals(Start.getDescriptor())) {
            return new Positions().convert(text).start();
        }
        if (text.equals(NONE)) {
            return null;
        }
        throw new IllegalArgumentException("write its settings below it, or none");
    }

    /** What is set, by name; reading it with {@link #merge} gives the same message. */
    public static Map<String, Object> text(Message message) {
        Map<String, Object> settings = new LinkedHashMap<>();
        for (FieldDescriptor field : message.getDescriptorForType().getFields()) {
            Object value = message.getField(field);
            if (field.hasPresence() ? message.hasField(field) : !value.equals(field.getDefaultValue())) {
                settings.put(name(field), text(field, value));
            }
        }
        return settings;
    }

    private static Object text(FieldDescriptor field, Object value) {
        if (value instanceof EnumValueDescriptor choice) {
            return name(choice);
        }
        if (value instanceof Duration duration) {
            return text(Durations.toMillis(duration));
        }
        if (value instanceof Start start) {
            return Positions.text(start);
        }
        if (value instanceof Message nested) {
            return text(nested);
        }
        return isSize(field) ? sizeText((Long) value) : value;
    }

    private static String text(long millis) {
        for (TimeUnit unit : List.of(TimeUnit.DAYS, TimeUnit.HOURS, TimeUnit.MINUTES, TimeUnit.SECONDS)) {
            if (millis > 0 && millis % unit.toMillis(1) == 0) {
                return millis / unit.toMillis(1) + unit.name().substring(0, 1).toLowerCase(Locale.ROOT);
            }
        }
        return millis + "ms";
    }

    private static Object sizeText(long bytes) {
        String[] units = {"GiB", "MiB", "KiB"};
        for (int i = 0; i < units.length; i++) {
            long unit = 1L << (30 - 10 * i);
            if (bytes > 0 && bytes % unit == 0) {
                return bytes / unit + units[i];
            }
        }
        return bytes;
    }

    static String name(FieldDescriptor field) {
        return field.getName().replace('_', '-');
    }

    /** QUEUE_ORDER_KEYED is keyed. */
    private static String name(EnumValueDescriptor value) {
        String none = value.getType().getValues().get(0).getName();
        String prefix = none.substring(0, none.length() - "UNSPECIFIED".length());
        return value.getName().substring(prefix.length()).toLowerCase(Locale.ROOT);
    }
}
