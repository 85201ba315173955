package io.holdfast.client;

import io.holdfast.v1.CreateGroupRequest;
import io.holdfast.v1.DeadLetter;
import io.holdfast.v1.DecideParkedRecordsRequest;
import io.holdfast.v1.DecideParkedResult;
import io.holdfast.v1.DeleteGroupRequest;
import io.holdfast.v1.DescribeGroupRequest;
import io.holdfast.v1.DescribeGroupResponse;
import io.holdfast.v1.ErrorReason;
import io.holdfast.v1.ExplainRecordRequest;
import io.holdfast.v1.ExplainRecordResponse;
import io.holdfast.v1.Group;
import io.holdfast.v1.GroupServiceGrpc;
import io.holdfast.v1.ListGroupsRequest;
import io.holdfast.v1.ListParkedRecordsRequest;
import io.holdfast.v1.ParkedDecision;
import io.holdfast.v1.ParkedPlace;
import io.holdfast.v1.ParkedRecord;
import io.holdfast.v1.QueueConfig;
import io.holdfast.v1.RedriveDeadLettersRequest;
import io.holdfast.v1.RedriveResult;
import io.holdfast.v1.SeekGroupRequest;
import io.holdfast.v1.SoughtPartition;
import io.holdfast.v1.TopicPartition;
import io.holdfast.v1.UpdateGroupRequest;
import java.util.List;

/** Queue groups. Calls block and throw {@link HoldfastException}. Thread-safe. */
public final class QueueAdmin {
    private final Admin admin;

    QueueAdmin(Admin admin) {
        this.admin = admin;
    }

    private static GroupServiceGrpc.GroupServiceBlockingStub stub(io.grpc.Channel channel) {
        return Admin.timed(GroupServiceGrpc.newBlockingStub(channel));
    }

    /** @param config what is not set takes its default */
    public Group create(String topic, String name, QueueConfig config) {
        CreateGroupRequest request = CreateGroupRequest.newBuilder()
                .setTopic(topic)
                .setName(name)
                .setConfig(config)
                .build();
        return admin.call(false, channel -> stub(channel).createGroup(request)).getGroup();
    }

    /** Replaces the configuration. */
    public Group update(String topic, String name, QueueConfig config) {
        UpdateGroupRequest request = UpdateGroupRequest.newBuilder()
                .setTopic(topic)
                .setName(name)
                .setConfig(config)
                .build();
        return admin.call(true, channel -> stub(channel).updateGroup(request)).getGroup();
    }

    /** @param topic empty for all */
    public List<Group> list(String topic) {
        ListGroupsRequest request =
                ListGroupsRequest.newBuilder().setTopic(topic).build();
        return admin.call(true, channel -> stub(channel).listGroups(request)).getGroupsList();
    }

    /** @throws HoldfastException GROUP_NOT_FOUND if there is none */
    public Group get(String topic, String name) {
        return list(topic).stream()
                .filter(group -> group.getName().equals(name))
                .findFirst()
                .orElseThrow(() -> HoldfastException.notApplied(
                        ErrorReason.ERROR_REASON_GROUP_NOT_FOUND,
                        "create group '" + name + "' of topic '" + topic + "' first: it does not exist"));
    }

    /** Where the group stands; asks the leader of each partition. */
    public DescribeGroupResponse describe(String topic, String name) {
        DescribeGroupRequest request =
                DescribeGroupRequest.newBuilder().setTopic(topic).setName(name).build();
        return admin.call(true, channel -> stub(channel).describeGroup(request));
    }

    /** Forgets the group and where it stands. */
    public void delete(String topic, String name) {
        DeleteGroupRequest request =
                DeleteGroupRequest.newBuilder().setTopic(topic).setName(name).build();
        admin.call(false, channel -> stub(channel).deleteGroup(request));
    }

    /**
     * Starts partitions anew at a position; leases end.
     *
     * @param partitions empty for all
     * @param planOnly only say where that would be
     */
    public List<SoughtPartition> seek(
            String topic, String name, List<Integer> partitions, Position to, boolean planOnly) {
        SeekGroupRequest request = SeekGroupRequest.newBuilder()
                .setTopic(topic)
                .setName(name)
                .addAllPartitions(partitions)
                .setTo(to.start())
                .setPlanOnly(planOnly)
                .build();
        return admin.call(planOnly, channel -> stub(channel).seekGroup(request)).getPartitionsList();
    }

    /** Where a record is for a group, why, and what will happen next. */
    public ExplainRecordResponse explain(String topic, int partition, long offset, String group) {
        ExplainRecordRequest request = ExplainRecordRequest.newBuilder()
                .setPartition(TopicPartition.newBuilder().setTopic(topic).setPartition(partition))
                .setOffset(offset)
                .setGroup(group)
                .build();
        return admin.call(true, channel -> stub(channel).explainRecord(request));
    }

    /** Records that a group has parked, of each partition the first so many. */
    public List<ParkedRecord> parked(String topic, String name, int mostPerPartition) {
        ListParkedRecordsRequest request = ListParkedRecordsRequest.newBuilder()
                .setTopic(topic)
                .setName(name)
                .setMaxRecords(mostPerPartition)
                .build();
        return admin.call(true, channel -> stub(channel).listParkedRecords(request))
                .getRecordsList();
    }

    /** Says what becomes of parked records; one result each, in order. */
    public List<DecideParkedResult> decide(
            String topic, String name, List<ParkedPlace> places, ParkedDecision decision) {
        DecideParkedRecordsRequest request = DecideParkedRecordsRequest.newBuilder()
                .setTopic(topic)
                .setName(name)
                .addAllPlaces(places)
                .setDecision(decision)
                .build();
        return admin.call(false, channel -> stub(channel).decideParkedRecords(request))
                .getResultsList();
    }

    /** Gives dead letters back to the group; one result each, in order. Asked twice, it gives them back once. */
    public List<RedriveResult> redrive(String topic, String name, List<DeadLetter> deadLetters) {
        RedriveDeadLettersRequest request = RedriveDeadLettersRequest.newBuilder()
                .setTopic(topic)
                .setName(name)
                .addAllDeadLetters(deadLetters)
                .build();
        return admin.call(true, channel -> stub(channel).redriveDeadLetters(request))
                .getResultsList();
    }
}
