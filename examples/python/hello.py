"""Produce and consume with stock grpcio. Make the stubs first: see README.md beside this file."""
import sys
import grpc
from holdfast.v1 import log_pb2, log_pb2_grpc, common_pb2, topic_pb2, topic_pb2_grpc

channel = grpc.insecure_channel(sys.argv[1] if len(sys.argv) > 1 else "127.0.0.1:7400")
topics, log = topic_pb2_grpc.TopicServiceStub(channel), log_pb2_grpc.LogServiceStub(channel)
try:
    topics.CreateTopic(topic_pb2.CreateTopicRequest(name="hello"), timeout=20)
except grpc.RpcError as e:
    if e.code() != grpc.StatusCode.ALREADY_EXISTS:
        raise
records = [common_pb2.Record(key=b"greeting", value=f"hello {i}".encode()) for i in range(10)]
stored = log.Publish(log_pb2.PublishRequest(topic="hello", records=records), timeout=20)
where = common_pb2.TopicPartition(topic="hello", partition=stored.results[0].partition)
start = common_pb2.Start(offset=stored.results[0].offset)
answer = log.Read(log_pb2.ReadRequest(partition=where, start=start), timeout=20)
for r in answer.records:
    print(r.offset, r.record.key.decode(), r.record.value.decode())
