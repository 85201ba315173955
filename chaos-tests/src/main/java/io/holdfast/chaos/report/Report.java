package io.holdfast.chaos.report;

import static com.google.common.html.HtmlEscapers.htmlEscaper;

import io.holdfast.chaos.check.Verdict;
import io.holdfast.chaos.scenario.Outcome;
import io.holdfast.chaos.scenario.Run.Fault;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Instant;
import java.time.temporal.ChronoUnit;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.TreeMap;

/** One HTML page for a run, that needs nothing else: verdicts, what was done when to whom, plots, where the logs are. */
public final class Report {
    private static final String STYLE = """
            body { font: 15px/1.45 system-ui, sans-serif; max-width: 1040px; margin: 2em auto; padding: 0 1em; color: #1c2430; }
            h1 { font-size: 1.5em; margin-bottom: 0; } h2 { font-size: 1.1em; margin-top: 2em; }
            .ok { color: #17713a; } .bad { color: #b3261e; } .dim { color: #667; }
            table { border-collapse: collapse; width: 100%; } td, th { text-align: left; padding: .25em .8em .25em 0;
              border-bottom: 1px solid #dde; vertical-align: top; font-variant-numeric: tabular-nums; }
            .lane { position: relative; height: 22px; background: #eef3ee; margin: 3px 0 3px 90px; }
            .lane > b { position: absolute; left: -90px; font-weight: normal; }
            .lane > i { position: absolute; top: 2px; bottom: 2px; min-width: 3px; background: #b3261e; opacity: .75;
              border-radius: 2px; } .lane > i.paused { background: #7a5cc0; } .lane > i.cut { background: #c77700; top: 7px; }
            .lane > i.note { background: #345; } svg { max-width: 100%; height: auto; }
            """;

    private final StringBuilder page = new StringBuilder();
    private final Outcome outcome;

    private Report(Outcome outcome) {
        this.outcome = outcome;
    }

    /** Writes {@code report.html} into the run's folder. */
    public static Path write(Outcome outcome) throws IOException {
        Report report = new Report(outcome);
        report.head();
        report.verdicts();
        report.timeline();
        report.plots();
        report.files();
        Path file = outcome.folder().resolve("report.html");
        Files.writeString(file, report.page.append("</body></html>\n"));
        return file;
    }

    private static String escape(Object text) {
        return htmlEscaper().escape(String.valueOf(text));
    }

    private void head() {
        String name = escape(outcome.scenario().name());
        page.append("<!doctype html><html lang=\"en\"><head><meta charset=\"utf-8\"><title>")
                .append(name)
                .append("</title><style>")
                .append(STYLE)
                .append("</style></head><body><h1>")
                .append(name)
                .append(outcome.isPassed() ? ": <span class=\"ok\">passed" : ": <span class=\"bad\">failed")
                .append("</span></h1><p>")
                .append(escape(outcome.scenario().about()))
                .append("</p><p class=\"dim\">")
                .append(escape(String.format(
                        Locale.ROOT,
                        "%d nodes in %s, %.0f s, %d operations, %d faults, longest time without an acknowledgement %.1f s; "
                                + "seed %d; %s",
                        outcome.nodes().size(),
                        outcome.arena(),
                        outcome.seconds(),
                        outcome.okCount(),
                        outcome.faults().size(),
                        outcome.longestGapSeconds(),
                        outcome.seed(),
                        Instant.now().truncatedTo(ChronoUnit.SECONDS))))
                .append("</p><p class=\"dim\">The same schedule again: <code>holdfast chaos run --scenario ")
                .append(name)
                .append(" --seed ")
                .append(outcome.seed())
                .append("</code></p>");
    }

    private void verdicts() {
        page.append("<h2>Verdicts</h2>");
        for (String problem : outcome.problems()) {
            page.append("<p class=\"bad\">").append(escape(problem)).append("</p>");
        }
        page.append("<table><tr><th>history<th>checked as<th>ok<th>failed<th>in doubt<th>found</tr>");
        outcome.verdicts().forEach((history, all) -> all.forEach(verdict -> verdict(history, verdict)));
        page.append("</table>");
    }

    private void verdict(String history, Verdict verdict) {
        page.append("<tr><td><a href=\"")
                .append(escape(history))
                .append(".jsonl\">")
                .append(escape(history))
                .append("</a><td>")
                .append(escape(verdict.checker()))
                .append("<td>")
                .append(verdict.ok())
                .append("<td>")
                .append(verdict.failed())
                .append("<td>")
                .append(verdict.doubtful())
                .append("<td>");
        if (verdict.isValid()) {
            page.append("<span class=\"ok\">nothing wrong</span>");
        } else {
            page.append("<span class=\"bad\">")
                    .append(escape(new TreeMap<>(verdict.anomalies())))
                    .append("</span>");
            verdict.examples().forEach(example -> page.append("<br>").append(escape(example)));
        }
        page.append("</tr>");
    }

    private void timeline() {
        page.append("<h2>What was done</h2>");
        Map<Integer, List<Fault>> byNode = new TreeMap<>();
        outcome.nodes().forEach(node -> byNode.put(node, List.of()));
        for (int node : outcome.nodes()) {
            byNode.put(
                    node,
                    outcome.faults().stream()
                            .filter(fault -> fault.node() == node)
                            .toList());
        }
        byNode.put(
                0, outcome.faults().stream().filter(fault -> fault.node() == 0).toList());
        byNode.forEach((node, faults) -> {
            if (node == 0 && faults.isEmpty()) {
                return;
            }
            page.append("<div class=\"lane\"><b>")
                    .append(node == 0 ? "all" : "node " + node)
                    .append("</b>");
            faults.forEach(this::bar);
            page.append("</div>");
        });
        page.append("<p class=\"dim\">0 to ")
                .append(Math.round(outcome.seconds()))
                .append(" s. Hover over a bar to see what it is.</p>");
    }

    private void bar(Fault fault) {
        double left = fault.fromNanos() / 1e7 / outcome.seconds();
        double width = (fault.untilNanos() - fault.fromNanos()) / 1e7 / outcome.seconds();
        String kind = fault.what().startsWith("cut")
                ? "cut"
                : fault.what().equals("paused") ? "paused" : width == 0 ? "note" : "down";
        page.append(String.format(
                Locale.ROOT,
                "<i class=\"%s\" style=\"left:%.2f%%;width:%.2f%%\" title=\"%s, %.1f to %.1f s\"></i>",
                kind,
                left,
                width,
                escape(fault.what()),
                fault.fromNanos() / 1e9,
                fault.untilNanos() / 1e9));
    }

    private void plots() throws IOException {
        page.append("<h2>What clients saw</h2>")
                .append(Charts.throughput(outcome))
                .append(Charts.latency(outcome));
    }

    private void files() {
        page.append("<h2>Logs</h2><ul>");
        for (int node : outcome.nodes()) {
            page.append("<li><a href=\"nodes/node-")
                    .append(node)
                    .append("/node.log\">node ")
                    .append(node)
                    .append("</a>");
        }
        page.append("</ul>");
    }
}
