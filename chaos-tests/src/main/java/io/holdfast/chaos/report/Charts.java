package io.holdfast.chaos.report;

import io.holdfast.chaos.scenario.Outcome;
import io.holdfast.chaos.workload.Workload.Sample;
import java.io.ByteArrayOutputStream;
import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.function.ToDoubleBiFunction;
import org.knowm.xchart.VectorGraphicsEncoder;
import org.knowm.xchart.VectorGraphicsEncoder.VectorGraphicsFormat;
import org.knowm.xchart.XYChart;
import org.knowm.xchart.XYChartBuilder;
import org.knowm.xchart.style.Styler.LegendPosition;
import org.knowm.xchart.style.markers.SeriesMarkers;

/** Plots over the time of a run, a point for each second. */
final class Charts {
    private static final int WIDTH = 1000;
    private static final int HEIGHT = 260;
    private static final double LATENCY_FLOOR_MS = 0.1;

    private Charts() {}

    /** Acknowledged operations a second, by workload, as SVG. */
    static String throughput(Outcome outcome) throws IOException {
        return draw(outcome, "acknowledged a second", false, (latencies, seconds) -> latencies.length);
    }

    /** The longest of each second; seconds without any have no point. */
    static String latency(Outcome outcome) throws IOException {
        return draw(
                outcome,
                "longest wait, ms",
                true,
                (latencies, seconds) -> Arrays.stream(latencies).max().orElse(Double.NaN));
    }

    private static String draw(
            Outcome outcome, String title, boolean isLogarithmic, ToDoubleBiFunction<double[], Integer> point)
            throws IOException {
        System.setProperty("java.awt.headless", "true");
        try {
            XYChart chart = new XYChartBuilder()
                    .width(WIDTH)
                    .height(HEIGHT)
                    .xAxisTitle("seconds")
                    .yAxisTitle(title)
                    .build();
            chart.getStyler().setYAxisLogarithmic(isLogarithmic);
            chart.getStyler().setLegendPosition(LegendPosition.OutsideE);
            chart.getStyler().setXAxisMin(0.0);
            chart.getStyler().setXAxisMax(outcome.seconds());
            outcome.samples().forEach((workload, samples) -> addSeries(chart, outcome, workload, samples, point));
            ByteArrayOutputStream svg = new ByteArrayOutputStream();
            VectorGraphicsEncoder.saveVectorGraphic(chart, svg, VectorGraphicsFormat.SVG);
            String text = svg.toString(StandardCharsets.UTF_8);
            return text.substring(text.indexOf("<svg"));
        } catch (LinkageError | InternalError e) {
            return "<p>No plot: this Java runtime cannot measure text; install fontconfig and a font.</p>";
        }
    }

    private static void addSeries(
            XYChart chart,
            Outcome outcome,
            String workload,
            List<Sample> samples,
            ToDoubleBiFunction<double[], Integer> point) {
        List<List<Double>> bySecond = new ArrayList<>();
        for (int second = 0; second <= (int) outcome.seconds(); second++) {
            bySecond.add(new ArrayList<>());
        }
        for (Sample sample : samples) {
            int second = (int) ((sample.endedNanos() - outcome.beganNanos()) / 1_000_000_000L);
            if (second >= 0 && second < bySecond.size()) {
                bySecond.get(second).add(Math.max(LATENCY_FLOOR_MS, (sample.endedNanos() - sample.beganNanos()) / 1e6));
            }
        }
        List<Double> x = new ArrayList<>();
        List<Double> y = new ArrayList<>();
        for (int second = 0; second < bySecond.size(); second++) {
            double value = point.applyAsDouble(
                    bySecond.get(second).stream()
                            .mapToDouble(Double::doubleValue)
                            .toArray(),
                    second);
            if (!Double.isNaN(value)) {
                x.add((double) second);
                y.add(value);
            }
        }
        if (!x.isEmpty()) {
            chart.addSeries(workload, x, y).setMarker(SeriesMarkers.NONE);
        }
    }
}
