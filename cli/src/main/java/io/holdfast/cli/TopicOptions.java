package io.holdfast.cli;

import com.google.protobuf.util.Durations;
import io.holdfast.node.config.Units;
import io.holdfast.v1.Compaction;
import io.holdfast.v1.SettledRetention;
import io.holdfast.v1.TopicConfig;
import java.time.Duration;
import java.util.Locale;
import org.jspecify.annotations.Nullable;
import picocli.CommandLine.ITypeConverter;
import picocli.CommandLine.Option;
import picocli.CommandLine.TypeConversionException;

/** What a topic keeps and for how long, and what it knows again; what is not given stays as it is. */
final class TopicOptions {
    enum Settled {
        keep,
        interest,
        work_queue
    }

    static final class Sizes implements ITypeConverter<Long> {
        @Override
        public Long convert(String text) {
            try {
                return Units.bytes(text);
            } catch (IllegalArgumentException e) {
                throw new TypeConversionException(e.getMessage());
            }
        }
    }

    @Option(
            names = "--retain-for",
            converter = TimeSpans.class,
            paramLabel = "TIME",
            description = "Older records go. 0s for no bound. Default: no bound.")
    @Nullable
    Duration retainFor;

    @Option(
            names = "--retain-size",
            converter = Sizes.class,
            paramLabel = "SIZE",
            description = "The oldest records of a partition go when it is larger. 0 for no bound. Default: no bound.")
    @Nullable
    Long retainBytes;

    @Option(
            names = "--settled",
            description = {
                "What becomes of records that every queue group has settled. keep: they stay. interest: they go.",
                "work_queue: they go, and the topic has no more than one group. Default: keep."
            })
    @Nullable
    Settled settled;

    @Option(
            names = "--protect-unsettled",
            negatable = true,
            description = "No record goes that a queue group has not settled; a full partition refuses new ones then.")
    @Nullable
    Boolean protectUnsettled;

    @Option(
            names = "--reject-when-full",
            negatable = true,
            description = "At --retain-size refuse new records instead of dropping the oldest.")
    @Nullable
    Boolean rejectWhenFull;

    @Option(
            names = "--dedup-window",
            converter = TimeSpans.class,
            paramLabel = "TIME",
            description =
                    "A record with the message id of one that was stored so recently is not stored again. 0s for never.")
    @Nullable
    Duration dedupWindow;

    @Option(
            names = "--publish-rate",
            converter = Sizes.class,
            paramLabel = "SIZE",
            description =
                    "Each partition takes no more bytes of new records a second. 0 for no bound. Default: no bound.")
    @Nullable
    Long publishRate;

    @Option(
            names = "--compact",
            negatable = true,
            description = "Of the records of a key only the last is kept; records without a key all are.")
    @Nullable
    Boolean compact;

    @Option(
            names = "--compact-after",
            converter = TimeSpans.class,
            paramLabel = "TIME",
            description = "Compaction leaves younger records alone, and they supersede nothing. Default: 1m.")
    @Nullable
    Duration compactAfter;

    @Option(
            names = "--compact-within",
            converter = TimeSpans.class,
            paramLabel = "TIME",
            description =
                    "Superseded records go after so long in any case. Default: 10m, 1d in partitions of over 64 MiB.")
    @Nullable
    Duration compactWithin;

    @Option(
            names = "--keep-tombstones",
            converter = TimeSpans.class,
            paramLabel = "TIME",
            description =
                    "How long a record without a value stays when those that it superseded have gone. Default: 7d.")
    @Nullable
    Duration keepTombstones;

    TopicConfig applyTo(TopicConfig before) {
        TopicConfig.Builder config = before.toBuilder();
        if (retainFor != null) {
            if (retainFor.isZero()) {
                config.clearRetainFor();
            } else {
                config.setRetainFor(Durations.fromMillis(retainFor.toMillis()));
            }
        }
        if (retainBytes != null) {
            config.setRetainBytes(retainBytes);
        }
        if (settled != null) {
            config.setSettled(SettledRetention.valueOf(
                    "SETTLED_RETENTION_" + settled.name().toUpperCase(Locale.ROOT)));
        }
        if (protectUnsettled != null) {
            config.setProtectUnsettled(protectUnsettled);
        }
        if (rejectWhenFull != null) {
            config.setRejectWhenFull(rejectWhenFull);
        }
        if (dedupWindow != null) {
            if (dedupWindow.isZero()) {
                config.clearDedupWindow();
            } else {
                config.setDedupWindow(Durations.fromMillis(dedupWindow.toMillis()));
            }
        }
        if (publishRate != null) {
            config.setPublishBytesPerSecond(publishRate);
        }
        applyCompaction(config);
        return config.build();
    }

    private void applyCompaction(TopicConfig.Builder config) {
        boolean detailed = compactAfter != null || compactWithin != null || keepTombstones != null;
        if (Boolean.FALSE.equals(compact)) {
            config.clearCompaction();
        } else if (compact != null || detailed) {
            Compaction.Builder compaction = config.getCompactionBuilder();
            if (compactAfter != null) {
                compaction.setAfter(Durations.fromMillis(compactAfter.toMillis()));
            }
            if (compactWithin != null) {
                compaction.setWithin(Durations.fromMillis(compactWithin.toMillis()));
            }
            if (keepTombstones != null) {
                compaction.setKeepTombstones(Durations.fromMillis(keepTombstones.toMillis()));
            }
        }
    }

    /** What a topic does not keep, for people; empty if it keeps everything. */
    static String text(TopicConfig config) {
        StringBuilder text = new StringBuilder();
        if (config.hasRetainFor()) {
            text.append(", kept for ").append(TimeSpans.text(config.getRetainFor()));
        }
        if (config.getRetainBytes() > 0) {
            text.append(", at most ").append(config.getRetainBytes()).append(" bytes a partition");
        }
        if (config.getRejectWhenFull()) {
            text.append(", then refusing");
        }
        switch (config.getSettled()) {
            case SETTLED_RETENTION_INTEREST -> text.append(", until every group has settled them");
            case SETTLED_RETENTION_WORK_QUEUE -> text.append(", a work queue");
            default -> {}
        }
        if (config.getProtectUnsettled()) {
            text.append(", unsettled records protected");
        }
        if (config.hasDedupWindow()) {
            text.append(", message ids known for ").append(TimeSpans.text(config.getDedupWindow()));
        }
        if (config.getPublishBytesPerSecond() > 0) {
            text.append(", at most ").append(config.getPublishBytesPerSecond()).append(" bytes a second and partition");
        }
        if (config.hasCompaction()) {
            text.append(", only the last of each key");
        }
        return text.toString();
    }
}
