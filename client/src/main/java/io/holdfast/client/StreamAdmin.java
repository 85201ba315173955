package io.holdfast.client;

import io.holdfast.v1.CreateStreamGroupRequest;
import io.holdfast.v1.DeleteStreamGroupRequest;
import io.holdfast.v1.DescribeStreamGroupRequest;
import io.holdfast.v1.DescribeStreamGroupResponse;
import io.holdfast.v1.ListStreamGroupsRequest;
import io.holdfast.v1.SeekStreamGroupRequest;
import io.holdfast.v1.SeekTarget;
import io.holdfast.v1.SoughtOffset;
import io.holdfast.v1.StreamConfig;
import io.holdfast.v1.StreamGroup;
import io.holdfast.v1.StreamGroupServiceGrpc;
import java.util.List;

/** Stream groups, for operators. Calls block, and throw {@link HoldfastException}. Thread-safe. */
public final class StreamAdmin {
    private final Admin admin;

    StreamAdmin(Admin admin) {
        this.admin = admin;
    }

    private static StreamGroupServiceGrpc.StreamGroupServiceBlockingStub stub(io.grpc.Channel channel) {
        return Admin.timed(StreamGroupServiceGrpc.newBlockingStub(channel));
    }

    /** @param config what is not set takes its default */
    public StreamGroup create(String name, StreamConfig config) {
        CreateStreamGroupRequest request = CreateStreamGroupRequest.newBuilder()
                .setName(name)
                .setConfig(config)
                .build();
        return admin.call(false, channel -> stub(channel).createStreamGroup(request))
                .getGroup();
    }

    /** By name. */
    public List<StreamGroup> list() {
        return admin.call(true, channel -> stub(channel).listStreamGroups(ListStreamGroupsRequest.getDefaultInstance()))
                .getGroupsList();
    }

    public DescribeStreamGroupResponse describe(String name) {
        DescribeStreamGroupRequest request =
                DescribeStreamGroupRequest.newBuilder().setName(name).build();
        return admin.call(true, channel -> stub(channel).describeStreamGroup(request));
    }

    /** Sets committed offsets; members go on from there. */
    public List<SoughtOffset> seek(String name, List<SeekTarget> targets, boolean planOnly) {
        SeekStreamGroupRequest request = SeekStreamGroupRequest.newBuilder()
                .setName(name)
                .addAllTargets(targets)
                .setPlanOnly(planOnly)
                .build();
        return admin.call(true, channel -> stub(channel).seekStreamGroup(request))
                .getPartitionsList();
    }

    /** Forgets a group that has no members, and its offsets. */
    public void delete(String name) {
        DeleteStreamGroupRequest request =
                DeleteStreamGroupRequest.newBuilder().setName(name).build();
        admin.call(false, channel -> stub(channel).deleteStreamGroup(request));
    }
}
