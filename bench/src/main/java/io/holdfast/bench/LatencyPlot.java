package io.holdfast.bench;

import io.holdfast.bench.LoadResult.Interval;
import io.holdfast.bench.LoadResult.Percentiles;
import java.io.IOException;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import org.jspecify.annotations.Nullable;
import org.knowm.xchart.VectorGraphicsEncoder;
import org.knowm.xchart.VectorGraphicsEncoder.VectorGraphicsFormat;
import org.knowm.xchart.XYChart;
import org.knowm.xchart.XYChartBuilder;
import org.knowm.xchart.style.markers.SeriesMarkers;

/** Draws a result: latency by percentile for a load at a given rate, else throughput by time. */
public final class LatencyPlot {
    private static final int WIDTH = 900;
    private static final int HEIGHT = 520;

    private LatencyPlot() {}

    /**
     * Writes an SVG file.
     *
     * @throws IOException also where the Java runtime cannot measure text
     */
    public static void write(LoadResult result, Path file) throws IOException {
        System.setProperty("java.awt.headless", "true");
        try {
            XYChart chart = result.shape().recordsPerSecond() > 0 ? latency(result) : throughput(result);
            chart.getStyler().setDefaultSeriesRenderStyle(org.knowm.xchart.XYSeries.XYSeriesRenderStyle.Line);
            VectorGraphicsEncoder.saveVectorGraphic(chart, file.toString(), VectorGraphicsFormat.SVG);
        } catch (LinkageError | InternalError e) {
            throw new IOException(
                    "install fontconfig and a font to draw plots: this Java runtime cannot measure text (" + e + ")",
                    e);
        }
    }

    private static XYChart throughput(LoadResult result) {
        XYChart chart = new XYChartBuilder()
                .width(WIDTH)
                .height(HEIGHT)
                .title(result.load() + ": " + Math.round(result.megabytesPerSecond()) + " MB/s")
                .xAxisTitle("seconds")
                .yAxisTitle("MB/s")
                .build();
        List<Double> at = new ArrayList<>();
        List<Double> rates = new ArrayList<>();
        for (Interval interval : result.intervals()) {
            at.add(interval.atSeconds());
            rates.add(interval.megabytesPerSecond());
        }
        if (at.isEmpty()) {
            at.add(result.seconds());
            rates.add(result.megabytesPerSecond());
        }
        chart.addSeries("MB/s", at, rates).setMarker(SeriesMarkers.NONE);
        chart.getStyler().setYAxisMin(0.0);
        return chart;
    }

    private static XYChart latency(LoadResult result) {
        XYChart chart = new XYChartBuilder()
                .width(WIDTH)
                .height(HEIGHT)
                .title(result.load() + " at " + result.shape().recordsPerSecond() + " records/s")
                .xAxisTitle("1 / (1 - percentile): 10 is p90, 100 is p99")
                .yAxisTitle("ms")
                .build();
        chart.getStyler().setXAxisLogarithmic(true).setYAxisLogarithmic(true);
        series(chart, "acknowledged", result.acknowledgement());
        series(chart, "end to end", result.endToEnd());
        return chart;
    }

    private static void series(XYChart chart, String name, @Nullable Percentiles percentiles) {
        if (percentiles == null) {
            return;
        }
        List<Double> x = new ArrayList<>();
        List<Double> y = new ArrayList<>();
        percentiles.curve().forEach((percentile, ms) -> {
            if (percentile < 100) {
                x.add(100 / (100 - percentile));
                y.add(Math.max(ms, 0.001));
            }
        });
        chart.addSeries(name, x, y).setMarker(SeriesMarkers.NONE);
    }
}
