package io.holdfast.cli.backup;

import io.holdfast.cli.backup.Snapshot.TopicPart;
import io.holdfast.node.config.ConfigException;
import java.time.Instant;
import java.util.List;
import java.util.Map;
import org.jspecify.annotations.Nullable;

/**
 * What to restore.
 *
 * @param records the backup that has the records
 * @param positions the backup that says where groups stood; null for nowhere: they begin at the beginning
 * @param atMs no record that was appended later; null for all
 * @param topics names of the topics to restore, and what they shall be called
 * @param streamGroups also these
 * @param replicas of each partition; null for as many as there were
 */
record RestoreChoice(
        Snapshot records,
        @Nullable Snapshot positions,
        @Nullable Long atMs,
        Map<String, String> topics,
        boolean streamGroups,
        @Nullable Integer replicas) {
    RestoreChoice of(Map<String, String> names, @Nullable Integer copies) {
        return new RestoreChoice(records, positions, atMs, names, streamGroups, copies);
    }

    List<TopicPart> parts() {
        return records.topics().stream()
                .filter(topic -> topics.containsKey(topic.name()))
                .toList();
    }

    /** The backup that says which groups there are: where they stood, or else that they are there. */
    Snapshot groups() {
        return positions == null ? records : positions;
    }

    /**
     * The backups to restore from; no topics yet.
     *
     * @param all oldest first
     * @param at bring everything back as it was then; null for as it is in the last
     */
    static RestoreChoice choose(List<Snapshot> all, @Nullable Instant at, boolean streamGroups) {
        Snapshot last = all.get(all.size() - 1);
        if (at == null) {
            return new RestoreChoice(last, last, null, Map.of(), streamGroups, null);
        }
        Snapshot positions = null;
        Snapshot records = null;
        for (Snapshot one : all) {
            if (!one.instant().isAfter(at)) {
                positions = one;
            } else if (records == null) {
                records = one;
            }
        }
        if (records == null) {
            throw new ConfigException("name a time before " + last.time() + ": no backup is younger");
        }
        return new RestoreChoice(records, positions, at.toEpochMilli(), Map.of(), streamGroups, null);
    }
}
