package io.holdfast.node.config;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.dataformat.yaml.YAMLFactory;
import com.fasterxml.jackson.dataformat.yaml.YAMLMapper;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.stream.Collectors;
import org.jspecify.annotations.Nullable;

/** Gathers settings: defaults, then the file, then the environment, then flags; later ones win. Unknown keys are refused. */
public final class ConfigSource {
    private static final String ENVIRONMENT_PREFIX = "HOLDFAST_";
    /** Read by the launcher, not by the node. */
    private static final Set<String> LAUNCHER_NAMES = Set.of("HOLDFAST_JAVA_OPTS", "HOLDFAST_HOME", "HOLDFAST_ADDRESS");

    private ConfigSource() {}

    /**
     * @param file YAML, or null for none
     * @param flags each {@code key=value}
     */
    public static NodeConfig load(@Nullable Path file, Map<String, String> environment, List<String> flags) {
        Map<Setting, String> values = Setting.defaults();
        if (file != null) {
            addFile(values, file);
        }
        addEnvironment(values, environment);
        for (String flag : flags) {
            int equals = flag.indexOf('=');
            if (equals < 1) {
                throw new ConfigException("write --set key=value, not --set " + flag);
            }
            put(values, flag.substring(0, equals), flag.substring(equals + 1), "--set");
        }
        return NodeConfig.of(values);
    }

    /** Names of all settings in the environment. */
    public static Set<String> environmentNames() {
        return Arrays.stream(Setting.values()).map(Setting::environmentName).collect(Collectors.toSet());
    }

    private static void addFile(Map<Setting, String> values, Path file) {
        if (!Files.isReadable(file)) {
            throw new ConfigException("cannot read the configuration file " + file);
        }
        try {
            JsonNode root = new YAMLMapper(new YAMLFactory()).readTree(file.toFile());
            if (root != null && !root.isMissingNode() && !root.isNull()) {
                flatten(values, "", root, file.toString());
            }
        } catch (IOException e) {
            throw new ConfigException(file + " is not valid YAML: " + e.getMessage());
        }
    }

    private static void flatten(Map<Setting, String> values, String path, JsonNode node, String where) {
        if (node.isObject()) {
            node.properties()
                    .forEach(entry -> flatten(
                            values,
                            path.isEmpty() ? entry.getKey() : path + "." + entry.getKey(),
                            entry.getValue(),
                            where));
        } else if (node.isArray()) {
            List<String> items = new ArrayList<>();
            node.forEach(item -> items.add(item.asText()));
            put(values, path, String.join(",", items), where);
        } else {
            put(values, path, node.isNull() ? "" : node.asText(), where);
        }
    }

    private static void addEnvironment(Map<Setting, String> values, Map<String, String> environment) {
        environment.forEach((name, value) -> {
            if (!name.startsWith(ENVIRONMENT_PREFIX) || LAUNCHER_NAMES.contains(name)) {
                return;
            }
            for (Setting setting : Setting.values()) {
                if (setting.environmentName().equals(name)) {
                    values.put(setting, value);
                    return;
                }
            }
            throw new ConfigException("unknown setting " + name + " in the environment");
        });
    }

    private static void put(Map<Setting, String> values, String key, String value, String where) {
        Setting setting = Setting.ofKey(key);
        if (setting == null) {
            throw new ConfigException("unknown setting '" + key + "' in " + where + closest(key));
        }
        values.put(setting, value);
    }

    private static String closest(String key) {
        String last = key.substring(key.lastIndexOf('.') + 1);
        for (Setting setting : Setting.values()) {
            if (setting.key().endsWith("." + last)
                    || setting.key()
                            .replace("-", "")
                            .equals(key.replace("-", "").replace("_", ""))) {
                return "; did you mean '" + setting.key() + "'?";
            }
        }
        return "";
    }
}
