package io.holdfast.bench;

import com.fasterxml.jackson.annotation.JsonInclude;
import com.fasterxml.jackson.databind.ObjectMapper;
import com.fasterxml.jackson.databind.SerializationFeature;
import com.fasterxml.jackson.datatype.jsr310.JavaTimeModule;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.TreeMap;
import org.HdrHistogram.Histogram;
import org.HdrHistogram.HistogramIterationValue;
import org.jspecify.annotations.Nullable;

/**
 * What a load measured, without its warm-up.
 *
 * @param records acknowledged or read in the measured time
 * @param arrivals records that the consumer had in the measured time, of a load that has one
 * @param failed sends that failed, warm-up included
 * @param acknowledgement from when a record was due, so that a stall counts for all that it held up
 * @param endToEnd from when a record was due until the consumer had it
 * @param costs of the processes that were named, client included
 */
@JsonInclude(JsonInclude.Include.NON_NULL)
public record LoadResult(
        String load,
        LoadShape shape,
        double seconds,
        long records,
        double recordsPerSecond,
        double megabytesPerSecond,
        long arrivals,
        long failed,
        Map<String, Long> failures,
        @Nullable Percentiles acknowledgement,
        @Nullable Percentiles endToEnd,
        ProcessCosts.PerMegabyte costs,
        List<Interval> intervals) {

    /** A second or so of the measured time. */
    public record Interval(double atSeconds, double megabytesPerSecond, double p50Ms, double p99Ms, double maxMs) {}

    /**
     * @param curve latency in ms by percentile, as fine as a plot needs
     */
    public record Percentiles(
            double p50Ms, double p90Ms, double p99Ms, double p999Ms, double maxMs, Map<Double, Double> curve) {
        private static final int STEPS_PER_HALVING = 5;

        static @Nullable Percentiles of(Histogram micros) {
            if (micros.getTotalCount() == 0) {
                return null;
            }
            Map<Double, Double> curve = new TreeMap<>();
            for (HistogramIterationValue value : micros.percentiles(STEPS_PER_HALVING)) {
                curve.put(value.getPercentileLevelIteratedTo(), value.getValueIteratedTo() / 1e3);
            }
            return new Percentiles(
                    ms(micros, 50), ms(micros, 90), ms(micros, 99), ms(micros, 99.9), ms(micros, 100), curve);
        }

        static double ms(Histogram micros, double percentile) {
            return micros.getTotalCount() == 0 ? 0 : micros.getValueAtPercentile(percentile) / 1e3;
        }
    }

    public String toJson() {
        try {
            return new ObjectMapper()
                    .registerModule(new JavaTimeModule())
                    .enable(SerializationFeature.INDENT_OUTPUT)
                    .disable(SerializationFeature.WRITE_DURATIONS_AS_TIMESTAMPS)
                    .writeValueAsString(this);
        } catch (IOException e) {
            throw new UncheckedIOException(e);
        }
    }

    /** A few lines for people. */
    public List<String> summary() {
        List<String> lines = new ArrayList<>();
        lines.add(String.format(
                "%,d records in %.1f s: %,.0f records/s, %.1f MB/s%s",
                records, seconds, recordsPerSecond, megabytesPerSecond, failed == 0 ? "" : ", " + failed + " FAILED"));
        if (arrivals > 0) {
            lines.add(String.format("%,d arrived: %,.0f records/s", arrivals, arrivals / seconds));
        }
        failures.forEach((why, count) -> lines.add("failed: " + count + " with " + why));
        line(lines, "acknowledged", acknowledgement);
        line(lines, "end to end", endToEnd);
        costs.lines().forEach(lines::add);
        return lines;
    }

    private static void line(List<String> lines, String what, @Nullable Percentiles p) {
        if (p != null) {
            lines.add(String.format(
                    "%s: p50 %.2f ms, p90 %.2f, p99 %.2f, p99.9 %.2f, max %.1f",
                    what, p.p50Ms, p.p90Ms, p.p99Ms, p.p999Ms, p.maxMs));
        }
    }
}
