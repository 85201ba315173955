package io.holdfast.client;

import io.holdfast.v1.CancelScheduledRequest;
import io.holdfast.v1.CancelScheduledResult;
import io.holdfast.v1.ListScheduledRequest;
import io.holdfast.v1.ListScheduledResponse;
import io.holdfast.v1.ScheduleServiceGrpc;
import java.util.List;

/** Records that topics keep for later. Calls block and throw {@link HoldfastException}. Thread-safe. */
public final class ScheduleAdmin {
    private final Admin admin;

    ScheduleAdmin(Admin admin) {
        this.admin = admin;
    }

    private static ScheduleServiceGrpc.ScheduleServiceBlockingStub stub(io.grpc.Channel channel) {
        return Admin.timed(ScheduleServiceGrpc.newBlockingStub(channel));
    }

    /**
     * The next records to come, by time, and how many there are in all.
     *
     * @param afterScheduleId list those after this one; empty to begin with the first
     * @param most at most 1,000; fewer come if they are large
     */
    public ListScheduledResponse list(String topic, String afterScheduleId, int most) {
        ListScheduledRequest request = ListScheduledRequest.newBuilder()
                .setTopic(topic)
                .setAfterScheduleId(afterScheduleId)
                .setMaxRecords(most)
                .build();
        return admin.call(true, channel -> stub(channel).listScheduled(request));
    }

    /** Cancels records, at most 10,000; says of each whether it was kept until now, and so will never come. */
    public List<CancelScheduledResult> cancel(String topic, List<String> scheduleIds) {
        CancelScheduledRequest request = CancelScheduledRequest.newBuilder()
                .setTopic(topic)
                .addAllScheduleIds(scheduleIds)
                .build();
        return admin.call(false, channel -> stub(channel).cancelScheduled(request))
                .getResultsList();
    }
}
