"""Work off a queue with stock grpcio. Make the stubs first: see README.md beside this file."""
import sys
import grpc
from google.protobuf.duration_pb2 import Duration
from holdfast.v1 import queue_pb2, queue_pb2_grpc

address, topic, group = (sys.argv[1:] + ["127.0.0.1:7400", "jobs", "mail"][len(sys.argv) - 1:])[:3]
queue = queue_pb2_grpc.QueueServiceStub(grpc.insecure_channel(address))
while True:
    poll = queue.Poll(queue_pb2.PollRequest(topic=topic, group=group, member="python", max_records=10,
                                            wait=Duration(seconds=2), lease=Duration(seconds=30)), timeout=20)
    if not poll.deliveries:
        break  # a real worker goes on
    done = []
    for delivery in poll.deliveries:
        record = delivery.record
        good = record.record.value != b"bad"
        print("done" if good else "rejected", record.partition, record.offset, record.record.value.decode())
        done.append(queue_pb2.Settlement(partition=record.partition, offset=record.offset, lease_id=delivery.lease_id,
                                         outcome=queue_pb2.OUTCOME_ACCEPT if good else queue_pb2.OUTCOME_REJECT,
                                         reason="" if good else "cannot be done"))
    for result in queue.Settle(queue_pb2.SettleRequest(topic=topic, group=group, settlements=done), timeout=20).results:
        if result.reason:
            print("not accepted:", result.message, file=sys.stderr)
