package io.holdfast.node.config;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.dataformat.yaml.YAMLMapper;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.List;
import java.util.Map;
import java.util.TreeMap;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

class ConfigSourceTest {
    @TempDir
    Path folder;

    @Test
    void shouldHaveEverySettingInTheAnnotatedFileWithItsDefault() throws Exception {
        Map<String, String> documented = new TreeMap<>();
        flatten("", new YAMLMapper().readTree(Path.of("../deploy/holdfast.yaml").toFile()), documented);
        Map<String, String> defaults = new TreeMap<>();
        for (Setting setting : Setting.values()) {
            defaults.put(setting.key(), setting.defaultValue());
        }
        assertThat(documented).isEqualTo(defaults);
    }

    @Test
    void shouldLetFlagsWinOverEnvironmentOverFileOverDefaults() throws Exception {
        Path file = write("node:\n  id: 7\n  rack: from-file\nlimits:\n  batch-size: 4MiB\n");
        Map<String, String> environment =
                Map.of("HOLDFAST_NODE_RACK", "from-environment", "HOLDFAST_NODE_HOST", "h", "PATH", "/bin");

        NodeConfig config = ConfigSource.load(file, environment, List.of("node.host=from-flag"));

        assertThat(config.nodeId()).isEqualTo(7);
        assertThat(config.rack()).isEqualTo("from-environment");
        assertThat(config.host()).isEqualTo("from-flag");
        assertThat(config.limits().batchBytesMax()).isEqualTo(4 << 20);
        assertThat(config.raft().electionTimeoutMin()).isEqualTo(Duration.ofMillis(1500));
    }

    @Test
    void shouldRefuseWhatItDoesNotKnow() throws Exception {
        Path file = write("node:\n  datadir: x\n");
        assertThatThrownBy(() -> ConfigSource.load(file, Map.of(), List.of()))
                .isInstanceOf(ConfigException.class)
                .hasMessageContaining("node.datadir")
                .hasMessageContaining("did you mean 'node.data-dir'?");
        assertThatThrownBy(() -> ConfigSource.load(null, Map.of("HOLDFAST_NODE_IDD", "1"), List.of()))
                .isInstanceOf(ConfigException.class)
                .hasMessageContaining("HOLDFAST_NODE_IDD");
        assertThatThrownBy(() -> ConfigSource.load(null, Map.of(), List.of("nonsense")))
                .isInstanceOf(ConfigException.class);
    }

    @Test
    void shouldSayWhichSettingIsWrongAndWhatWouldBeRight() {
        assertThatThrownBy(() -> load("raft.election-timeout-min=fast"))
                .hasMessageContaining("raft.election-timeout-min")
                .hasMessageContaining("200ms");
        assertThatThrownBy(() -> load("limits.batch-size=2 elephants")).hasMessageContaining("limits.batch-size");
        assertThatThrownBy(() -> load("node.id=0")).hasMessageContaining("node.id: must be 1 to");
        assertThatThrownBy(() -> load("listen.api-port=x")).hasMessageContaining("'x' is not a number");
        assertThatThrownBy(() -> load("cluster.initial-nodes=1@a:1,1@b:2")).hasMessageContaining("id@host:port");
        assertThatThrownBy(() -> load("limits.record-size=2MiB"))
                .hasMessageContaining("limits.record-size must be below");
    }

    private static NodeConfig load(String flag) {
        return ConfigSource.load(null, Map.of(), List.of(flag));
    }

    private Path write(String yaml) throws Exception {
        return Files.writeString(folder.resolve("holdfast.yaml"), yaml);
    }

    private static void flatten(String path, JsonNode node, Map<String, String> to) {
        if (node.isObject()) {
            node.properties()
                    .forEach(e -> flatten(path.isEmpty() ? e.getKey() : path + "." + e.getKey(), e.getValue(), to));
        } else {
            to.put(path, node.asText());
        }
    }
}
