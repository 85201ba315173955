// Work off a queue with stock grpc-js: npm install, then node worker.js [ADDRESS] [TOPIC] [GROUP]
const path = require('path');
const grpc = require('@grpc/grpc-js');
const { loadSync } = require('@grpc/proto-loader');

const [address = '127.0.0.1:7400', topic = 'jobs', group = 'mail'] = process.argv.slice(2);
const protos = path.join(__dirname, '../../proto/src/main/protobuf');
const definition = loadSync('holdfast/v1/queue.proto', { includeDirs: [protos], longs: String, enums: String, defaults: true });
const { QueueService } = grpc.loadPackageDefinition(definition).holdfast.v1;
const queue = new QueueService(address, grpc.credentials.createInsecure());
const call = (name, request) => new Promise((resolve, reject) => {
  queue[name](request, { deadline: Date.now() + 20000 }, (error, answer) => (error ? reject(error) : resolve(answer)));
});

(async () => {
  for (;;) {
    const poll = await call('poll', { topic, group, member: 'node', maxRecords: 10, wait: { seconds: 2 } });
    if (poll.deliveries.length === 0) break; // a real worker goes on
    const settlements = poll.deliveries.map(({ record, leaseId }) => {
      const good = record.record.value.toString() !== 'bad';
      console.log(good ? 'done' : 'rejected', record.partition, record.offset, record.record.value.toString());
      const outcome = good ? 'OUTCOME_ACCEPT' : 'OUTCOME_REJECT';
      return { partition: record.partition, offset: record.offset, leaseId, outcome, reason: good ? '' : 'cannot be done' };
    });
    const { results } = await call('settle', { topic, group, settlements });
    results.filter((result) => result.message).forEach((result) => console.error('not accepted:', result.message));
  }
  queue.close();
})();
