package io.holdfast.node.schedule;

import io.holdfast.consensus.partition.PartitionReplica;
import io.holdfast.consensus.schedule.SchedulePosition;
import io.holdfast.node.service.Headers;
import io.holdfast.node.service.Records;
import io.holdfast.node.service.ScheduleId;
import io.holdfast.record.RecordBatch;
import io.holdfast.v1.ListScheduledResponse;
import io.holdfast.v1.ScheduledRecord;
import java.util.ArrayList;
import java.util.Comparator;
import java.util.List;
import org.jspecify.annotations.Nullable;

/** Pages of a list of scheduled records: one partition's, and one made of several. */
final class SchedulePages {
    private static final int RECORDS_DEFAULT = 100;
    private static final int RECORDS_MAX = 1_000;
    private static final long PARTITION_BYTES_MAX = 1 << 20;
    private static final long BYTES_MAX = 2 << 20;

    private SchedulePages() {}

    static int most(int asked) {
        return asked == 0 ? RECORDS_DEFAULT : Math.min(RECORDS_MAX, Math.max(1, asked));
    }

    /** The page of one partition. */
    static ListScheduledResponse of(PartitionReplica replica, @Nullable ScheduleId after, int most) {
        int partition = replica.group().group().partition();
        SchedulePosition from = from(partition, after);
        return replica.schedule().ask(table -> {
            List<io.holdfast.consensus.schedule.ScheduledRecord> found =
                    table.list(from, most + 1, PARTITION_BYTES_MAX);
            ListScheduledResponse.Builder page = ListScheduledResponse.newBuilder()
                    .setTotalRecords(table.records())
                    .setTotalBytes(table.bytes());
            for (var record : found.subList(0, Math.min(most, found.size()))) {
                page.addRecords(ScheduledRecord.newBuilder()
                        .setScheduleId(new ScheduleId(partition, record.position()).toString())
                        .setPartition(partition)
                        .setDeliverAt(Headers.timestamp(record.position().dueMs()))
                        .setRecord(Records.toApi(
                                Records.decode(new RecordBatch(record.batch())).get(0))));
            }
            boolean more = !found.isEmpty()
                    && !table.list(
                                    found.get(page.getRecordsCount() - 1)
                                            .position()
                                            .next(),
                                    1,
                                    1)
                            .isEmpty();
            return page.setMore(more).build();
        });
    }

    /** Where a partition goes on: the whole list is by time, then by partition, then by number. */
    private static SchedulePosition from(int partition, @Nullable ScheduleId after) {
        if (after == null) {
            return SchedulePosition.FIRST;
        }
        if (partition == after.partition()) {
            return after.position().next();
        }
        long dueMs = after.position().dueMs();
        return new SchedulePosition(partition < after.partition() ? dueMs + 1 : dueMs, 0);
    }

    /** One page of the pages of several partitions: as far as all of them go. */
    static ListScheduledResponse.Builder merge(List<ListScheduledResponse> pages, int most) {
        ListScheduledResponse.Builder merged = ListScheduledResponse.newBuilder();
        List<ScheduledRecord> all = new ArrayList<>();
        @Nullable ScheduleId end = null;
        for (ListScheduledResponse page : pages) {
            merged.setTotalRecords(merged.getTotalRecords() + page.getTotalRecords())
                    .setTotalBytes(merged.getTotalBytes() + page.getTotalBytes());
            all.addAll(page.getRecordsList());
            if (page.getMore()) {
                ScheduleId last = id(page.getRecords(page.getRecordsCount() - 1));
                end = end == null || last.compareTo(end) < 0 ? last : end;
            }
        }
        all.sort(Comparator.comparing(SchedulePages::id));
        long room = BYTES_MAX;
        for (ScheduledRecord record : all) {
            room -= record.getSerializedSize();
            boolean fits = merged.getRecordsCount() == 0 || (merged.getRecordsCount() < most && room >= 0);
            if (!fits || (end != null && id(record).compareTo(end) > 0)) {
                break;
            }
            merged.addRecords(record);
        }
        return merged.setMore(end != null || merged.getRecordsCount() < all.size());
    }

    private static ScheduleId id(ScheduledRecord record) {
        return ScheduleId.parse(record.getScheduleId());
    }
}
