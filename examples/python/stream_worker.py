"""A member of a stream group with stock grpcio: owns partitions, reads them in order, commits. Stubs: see README.md."""
import sys
import time
import uuid
import grpc
from google.protobuf.duration_pb2 import Duration
from holdfast.v1 import common_pb2, log_pb2, log_pb2_grpc, stream_group_pb2 as api, stream_group_pb2_grpc

address, topic, group = (sys.argv[1:] + ["127.0.0.1:7400", "events", "audit"][len(sys.argv) - 1:])[:3]
channel = grpc.insecure_channel(address)
groups, log = stream_group_pb2_grpc.StreamGroupServiceStub(channel), log_pb2_grpc.LogServiceStub(channel)
member, seen, mine = str(uuid.uuid4()), 0, {}  # mine: place -> [ownership, where to read next]
idle = time.monotonic()
while time.monotonic() - idle < 5:  # a real member goes on
    sent = time.monotonic()
    beat = groups.Heartbeat(api.HeartbeatRequest(
        group=group, member_id=member, join=seen == 0, topics=[topic], seen_version=seen,
        owned=[ownership for ownership, _ in mine.values()], wait=Duration(nanos=200_000_000)), timeout=10)
    seen, session = beat.version, beat.session_timeout.seconds
    before, mine = mine, {}
    for one in beat.assigned:  # what is not named any more is somebody else's
        place = (one.ownership.partition.topic, one.ownership.partition.partition, one.ownership.ownership_epoch)
        mine[place] = before.get(place, [one.ownership, one.start])
    for ownership, start in mine.values():
        if time.monotonic() - sent > session / 2:
            break  # say that we are alive before the session is over
        found = log.Read(log_pb2.ReadRequest(partition=ownership.partition, start=start, max_records=100), timeout=10)
        for record in found.records:
            print(record.partition, record.offset, record.record.value.decode())
        commit = api.OffsetCommit(ownership=ownership, offset=found.next_offset)
        result = groups.CommitOffsets(api.CommitOffsetsRequest(group=group, member_id=member, offsets=[commit]),
                                      timeout=10).results[0]
        if result.reason:
            print("not committed:", result.message, file=sys.stderr)
            continue
        mine[(ownership.partition.topic, ownership.partition.partition, ownership.ownership_epoch)][1] = (
            common_pb2.Start(offset=found.next_offset))
        if found.records:
            idle = time.monotonic()
groups.LeaveStreamGroup(api.LeaveStreamGroupRequest(group=group, member_id=member), timeout=10)
