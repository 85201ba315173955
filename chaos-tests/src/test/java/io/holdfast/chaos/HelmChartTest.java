package io.holdfast.chaos;

import static org.assertj.core.api.Assertions.assertThat;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.dataformat.yaml.YAMLMapper;
import com.marcnuri.helm.Helm;
import com.marcnuri.helm.LintResult;
import com.marcnuri.helm.TemplateCommand;
import io.holdfast.node.config.ConfigSource;
import io.holdfast.node.config.NodeConfig;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.stream.StreamSupport;
import org.junit.jupiter.api.Test;

/** The chart, linted and rendered by Helm itself. */
class HelmChartTest {
    private static final Path CHART =
            Path.of("..", "deploy", "helm", "holdfast").toAbsolutePath();

    private static List<JsonNode> render(Map<String, Object> values) throws Exception {
        TemplateCommand template = new Helm(CHART).template().withName("log").withNamespace("prod");
        values.forEach(template::set);
        List<JsonNode> all = new ArrayList<>();
        try (var documents = new YAMLMapper().readerFor(JsonNode.class).<JsonNode>readValues(template.call())) {
            documents.forEachRemaining(all::add);
        }
        all.removeIf(JsonNode::isNull);
        return all;
    }

    private static JsonNode only(List<JsonNode> all, String kind, String name) {
        List<JsonNode> found = all.stream()
                .filter(one -> one.get("kind").asText().equals(kind)
                        && one.at("/metadata/name").asText().equals(name))
                .toList();
        assertThat(found).as("%s %s", kind, name).hasSize(1);
        return found.get(0);
    }

    private static JsonNode container(List<JsonNode> all) {
        return only(all, "StatefulSet", "log").at("/spec/template/spec/containers/0");
    }

    /** What the kubelet and the container's shell make of the environment for one pod. */
    private static NodeConfig configOf(JsonNode container, int pod) {
        Map<String, String> environment = new HashMap<>();
        for (JsonNode one : container.get("env")) {
            if (one.has("value")) {
                environment.put(one.get("name").asText(), one.get("value").asText());
            }
        }
        environment.put("HOLDFAST_NODE_ID", Integer.toString(pod + 1));
        environment.put("HOLDFAST_NODE_HOST", "log-" + pod + ".log-nodes.prod.svc");
        return ConfigSource.load(null, environment, List.of());
    }

    @Test
    void lintHasNothingToSay() {
        LintResult result = new Helm(CHART).lint().strict().call();
        assertThat(result.isFailed()).as("%s", result.getMessages()).isFalse();
        assertThat(result.getMessages()).noneMatch(message -> message.contains("WARNING"));
    }

    @Test
    void eachPodIsANodeThatTheOthersFind() throws Exception {
        JsonNode container = container(render(Map.of()));
        assertThat(container.at("/args/0").asText())
                .contains("export HOLDFAST_NODE_ID=$(( ${POD_NAME##*-} + 1 ))")
                .contains("export HOLDFAST_NODE_HOST=$POD_NAME.log-nodes.prod.svc");
        for (int pod = 0; pod < 3; pod++) {
            NodeConfig config = configOf(container, pod);
            assertThat(config.nodeId()).isEqualTo(pod + 1);
            assertThat(config.initialNodes()).hasSize(3).containsEntry(pod + 1, config.apiAddress());
        }
    }

    /** A node that comes later names the ones that the cluster began with, not itself. */
    @Test
    void morePodsThanTheClusterBeganWithJoin() throws Exception {
        List<JsonNode> all = render(Map.of("replicas", 5));
        assertThat(only(all, "StatefulSet", "log").at("/spec/replicas").asInt()).isEqualTo(5);
        NodeConfig fifth = configOf(container(all), 4);
        assertThat(fifth.nodeId()).isEqualTo(5);
        assertThat(fifth.initialNodes()).hasSize(3).doesNotContainKey(5);
    }

    @Test
    void onlyOneNodeIsTakenAwayAtATime() throws Exception {
        List<JsonNode> all = render(Map.of());
        JsonNode budget = only(all, "PodDisruptionBudget", "log");
        JsonNode labels = only(all, "StatefulSet", "log").at("/spec/template/metadata/labels");
        assertThat(budget.at("/spec/maxUnavailable").asInt()).isEqualTo(1);
        assertThat(budget.at("/spec/selector/matchLabels")).isEqualTo(labels);
        for (String service : List.of("log", "log-nodes")) {
            assertThat(only(all, "Service", service).at("/spec/selector")).isEqualTo(labels);
        }
        assertThat(only(all, "Service", "log-nodes")
                        .at("/spec/publishNotReadyAddresses")
                        .asBoolean())
                .as("nodes find each other before they are ready")
                .isTrue();
    }

    @Test
    void nodesKeepOffEachOther() throws Exception {
        String affinity = "/spec/template/spec/affinity/podAntiAffinity";
        JsonNode required = only(render(Map.of()), "StatefulSet", "log").at(affinity);
        assertThat(required.has("requiredDuringSchedulingIgnoredDuringExecution"))
                .isTrue();
        JsonNode preferred = only(render(Map.of("antiAffinity", "preferred")), "StatefulSet", "log")
                .at(affinity);
        assertThat(preferred.fieldNames().next()).isEqualTo("preferredDuringSchedulingIgnoredDuringExecution");
    }

    /** Health is asked where the node answers, and a node that is asked to end has time to hand over. */
    @Test
    void probesAndEndFitTheNode() throws Exception {
        List<JsonNode> all = render(Map.of());
        JsonNode container = container(all);
        NodeConfig config = configOf(container, 0);
        Map<String, Integer> ports = new HashMap<>();
        container
                .get("ports")
                .forEach(port -> ports.put(
                        port.get("name").asText(), port.get("containerPort").asInt()));
        assertThat(ports).containsEntry("http", config.httpPort()).containsEntry("api", config.apiPort());
        assertThat(container.at("/startupProbe/httpGet/path").asText()).isEqualTo("/health/live");
        assertThat(container.at("/livenessProbe/httpGet/path").asText()).isEqualTo("/health/live");
        assertThat(container.at("/readinessProbe/httpGet/path").asText()).isEqualTo("/health/ready");
        assertThat(only(all, "StatefulSet", "log")
                        .at("/spec/template/spec/terminationGracePeriodSeconds")
                        .asInt())
                .isGreaterThanOrEqualTo(30);
    }

    @Test
    void settingsAndStorageAreTheUsers() throws Exception {
        List<JsonNode> all = render(Map.of(
                "settings.HOLDFAST_RAFT_ELECTION_TIMEOUT_MIN", "3s",
                "settings.HOLDFAST_RAFT_ELECTION_TIMEOUT_MAX", "5s",
                "storage.className", "fast",
                "storage.size", "100Gi"));
        assertThat(StreamSupport.stream(container(all).get("env").spliterator(), false)
                        .filter(one -> one.get("name").asText().endsWith("TIMEOUT_MIN"))
                        .map(one -> one.get("value").asText()))
                .containsExactly("3s");
        JsonNode claim = only(all, "StatefulSet", "log").at("/spec/volumeClaimTemplates/0/spec");
        assertThat(claim.get("storageClassName").asText()).isEqualTo("fast");
        assertThat(claim.at("/resources/requests/storage").asText()).isEqualTo("100Gi");
    }
}
