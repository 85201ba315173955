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

    /** What a partition has for a page. */
    private record Found(
            List<io.holdfast.consensus.schedule.ScheduledRecord> records,
            boolean more,
            long totalRecords,
            long totalBytes) {}

    /** The page of one partition. */
    static ListScheduledResponse of(PartitionReplica replica, @Nullable ScheduleId after, int most) {
        int partition = replica.group().group().partition();
        Found found = find(replica, from(partition, after), most);
        ListScheduledResponse.Builder page = ListScheduledResponse.newBuilder()
                .setMore(found.more)
                .setTotalRecords(found.totalRecords)
                .setTotalBytes(found.totalBytes);
        for (var record : found.records) {
            page.addRecords(ScheduledRecord.newBuilder()
                    .setScheduleId(new ScheduleId(partition, record.position()).toString())
                    .setPartition(partition)
                    .setDeliverAt(Headers.timestamp(record.position().dueMs()))
                    .setRecord(Records.toApi(
                            Records.decode(new RecordBatch(record.batch())).get(0))));
        }
        return page.build();
    }

    /** Only this holds up the partition: records are decoded afterwards. */
    private static Found find(PartitionReplica replica, SchedulePosition from, int most) {
        return replica.schedule().ask(table -> {
            var records = table.list(from, most, PARTITION_BYTES_MAX);
            boolean more = !records.isEmpty()
                    && !table.list(records.get(records.size() - 1).position().next(), 1, 1)
                            .isEmpty();
            return new Found(records, more, table.records(), table.bytes());
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
