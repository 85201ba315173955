package io.holdfast.chaos;

import static org.assertj.core.api.Assertions.assertThat;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;
import com.fasterxml.jackson.dataformat.yaml.YAMLMapper;
import io.holdfast.node.config.ConfigSource;
import io.holdfast.node.config.NodeConfig;
import java.net.URI;
import java.net.http.HttpClient;
import java.net.http.HttpRequest;
import java.net.http.HttpResponse;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.TreeSet;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import java.util.stream.Collectors;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;

/** What is in deploy/ fits the node: settings that it knows, figures that it has. */
class DeployIT {
    private static final Path DEPLOY = Path.of("..", "deploy");
    private static final Pattern SETTING = Pattern.compile("HOLDFAST_[A-Z_]+");
    private static final Pattern FIGURE = Pattern.compile("holdfast_[a-z_]+");
    private static final Set<String> OF_THE_LAUNCHER = Set.of("HOLDFAST_JAVA_OPTS", "HOLDFAST_IMAGE");

    @Test
    void composeStartsThreeNodesThatFindEachOther() throws Exception {
        JsonNode services = new YAMLMapper()
                .readTree(DEPLOY.resolve("compose.yaml").toFile())
                .get("services");
        String initial = "";
        for (int id = 1; id <= 3; id++) {
            Map<String, String> environment = new HashMap<>();
            services.get("node-" + id).get("environment").properties().forEach(entry -> {
                JsonNode value = entry.getValue();
                if (entry.getKey().equals("<<")) {
                    value.properties()
                            .forEach(merged -> environment.put(
                                    merged.getKey(), merged.getValue().asText()));
                } else {
                    environment.put(entry.getKey(), value.asText());
                }
            });
            environment.putIfAbsent("HOLDFAST_CLUSTER_INITIAL_NODES", initialNodes());
            NodeConfig config = ConfigSource.load(null, environment, List.of());
            assertThat(config.nodeId()).isEqualTo(id);
            assertThat(config.initialNodes())
                    .containsEntry(id, config.apiAddress())
                    .hasSize(3);
            initial = initial.isEmpty() ? config.initialNodes().toString() : initial;
            assertThat(config.initialNodes().toString()).isEqualTo(initial);
        }
    }

    /** Anchors are not resolved by this reader. */
    private static String initialNodes() throws Exception {
        return new YAMLMapper()
                .readTree(DEPLOY.resolve("compose.yaml").toFile())
                .get("x-cluster")
                .get("HOLDFAST_CLUSTER_INITIAL_NODES")
                .asText();
    }

    @Test
    void imageAndChartNameSettingsThatThereAre() throws Exception {
        Set<String> known = ConfigSource.environmentNames();
        for (String file : List.of("docker/Dockerfile", "compose.yaml", "helm/holdfast/templates/statefulset.yaml")) {
            Matcher names = SETTING.matcher(Files.readString(DEPLOY.resolve(file)));
            while (names.find()) {
                if (!OF_THE_LAUNCHER.contains(names.group()) && !names.group().equals("HOLDFAST_")) {
                    assertThat(known).as("%s in %s", names.group(), file).contains(names.group());
                }
            }
        }
    }

    @Test
    @Timeout(120)
    void alertsAndDashboardAskForFiguresThatThereAre() throws Exception {
        Set<String> asked = new TreeSet<>();
        List<String> expressions = new ArrayList<>();
        JsonNode dashboard = new ObjectMapper()
                .readTree(DEPLOY.resolve("monitoring/dashboard.json").toFile());
        dashboard
                .get("panels")
                .forEach(panel -> panel.get("targets")
                        .forEach(target -> expressions.add(target.get("expr").asText())));
        JsonNode alerts = new YAMLMapper()
                .readTree(DEPLOY.resolve("monitoring/alerts.yaml").toFile());
        alerts.get("groups")
                .get(0)
                .get("rules")
                .forEach(rule -> expressions.add(rule.get("expr").asText()));
        for (String expression : expressions) {
            Matcher names = FIGURE.matcher(expression);
            while (names.find()) {
                asked.add(names.group());
            }
        }
        asked.remove("holdfast_refusals_"); // a pattern
        try (TestCluster cluster = TestCluster.start(1, List.of())) {
            String text = HttpClient.newHttpClient()
                    .send(
                            HttpRequest.newBuilder(URI.create(cluster.node(1).metricsUrl()))
                                    .build(),
                            HttpResponse.BodyHandlers.ofString())
                    .body();
            Set<String> there = text.lines()
                    .filter(line -> !line.startsWith("#"))
                    .map(line -> line.split("[{ ]", 2)[0])
                    .collect(Collectors.toSet());
            assertThat(asked).hasSizeGreaterThan(15);
            assertThat(there).containsAll(asked);
            cluster.passed();
        }
    }
}
