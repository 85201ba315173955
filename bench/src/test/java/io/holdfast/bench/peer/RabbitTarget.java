package io.holdfast.bench.peer;

import com.rabbitmq.client.AMQP;
import com.rabbitmq.client.Address;
import com.rabbitmq.client.Channel;
import com.rabbitmq.client.Connection;
import com.rabbitmq.client.ConnectionFactory;
import com.rabbitmq.client.DefaultConsumer;
import com.rabbitmq.client.Envelope;
import com.rabbitmq.client.MessageProperties;
import io.holdfast.bench.LoadShape;
import io.holdfast.bench.Target;
import java.io.IOException;
import java.time.Duration;
import java.util.Arrays;
import java.util.List;
import java.util.Map;
import java.util.concurrent.ConcurrentNavigableMap;
import java.util.concurrent.ConcurrentSkipListMap;
import java.util.concurrent.LinkedBlockingQueue;
import java.util.concurrent.TimeUnit;
import java.util.function.Consumer;
import org.jspecify.annotations.Nullable;

/** A RabbitMQ cluster: a quorum queue per partition, publisher confirms, a consumer that acknowledges each message. */
final class RabbitTarget implements Target {
    private final List<Address> addresses;
    private final int partitions;
    private final int prefetch;

    RabbitTarget(String servers, int partitions, int prefetch) {
        addresses = Arrays.stream(servers.split(",")).map(Address::parseAddress).toList();
        this.partitions = partitions;
        this.prefetch = prefetch;
    }

    private Connection connect() throws Exception {
        ConnectionFactory factory = new ConnectionFactory();
        return factory.newConnection(addresses);
    }

    private static String queue(String topic, int partition) {
        return topic + "." + partition;
    }

    @Override
    public void createTopic(String topic, int count, int replicas) throws Exception {
        try (Connection connection = connect();
                Channel channel = connection.createChannel()) {
            for (int p = 0; p < count; p++) {
                channel.queueDeclare(
                        queue(topic, p),
                        true,
                        false,
                        false,
                        Map.of("x-queue-type", "quorum", "x-quorum-initial-group-size", replicas));
            }
        }
    }

    @Override
    public void deleteTopic(String topic) throws Exception {
        try (Connection connection = connect();
                Channel channel = connection.createChannel()) {
            for (int p = 0; p < partitions; p++) {
                channel.queueDelete(queue(topic, p));
            }
        }
    }

    @Override
    public Sink produce(LoadShape shape) throws Exception {
        Connection connection = connect();
        Channel channel = connection.createChannel();
        channel.confirmSelect();
        ConcurrentNavigableMap<Long, Consumer<@Nullable Throwable>> waiting = new ConcurrentSkipListMap<>();
        channel.addConfirmListener(
                (number, multiple) -> confirmed(waiting, number, multiple, null),
                (number, multiple) -> confirmed(waiting, number, multiple, new IOException("not confirmed")));
        return new Sink() {
            @Override
            public void send(int partition, byte[] value, Consumer<@Nullable Throwable> acknowledged)
                    throws IOException {
                waiting.put(channel.getNextPublishSeqNo(), acknowledged);
                channel.basicPublish("", queue(shape.topic(), partition), MessageProperties.PERSISTENT_BASIC, value);
            }

            @Override
            public void flush() throws InterruptedException {
                while (!waiting.isEmpty()) {
                    Thread.sleep(1);
                }
            }

            @Override
            public void close() {
                connection.abort();
            }
        };
    }

    private static void confirmed(
            ConcurrentNavigableMap<Long, Consumer<@Nullable Throwable>> waiting,
            long number,
            boolean multiple,
            @Nullable Throwable failure) {
        if (!multiple) {
            Consumer<@Nullable Throwable> one = waiting.remove(number);
            if (one != null) {
                one.accept(failure);
            }
            return;
        }
        var upTo = waiting.headMap(number, true);
        upTo.values().forEach(one -> one.accept(failure));
        upTo.clear();
    }

    private record Arrival(long tag, byte[] body) {}

    @Override
    public Source consume(String topic, boolean fromStart) throws Exception {
        Connection connection = connect();
        Channel channel = connection.createChannel();
        channel.basicQos(Math.max(1, prefetch / partitions)); // of each queue: they have no common bound
        LinkedBlockingQueue<Arrival> arrivals = new LinkedBlockingQueue<>();
        for (int p = 0; p < partitions; p++) {
            channel.basicConsume(queue(topic, p), false, new DefaultConsumer(channel) {
                @Override
                public void handleDelivery(
                        String consumerTag, Envelope envelope, AMQP.BasicProperties properties, byte[] body) {
                    arrivals.add(new Arrival(envelope.getDeliveryTag(), body));
                }
            });
        }
        return new Source() {
            @Override
            public int poll(Duration patience, Consumer<byte[]> record) throws Exception {
                Arrival next = arrivals.poll(patience.toNanos(), TimeUnit.NANOSECONDS);
                int count = 0;
                while (next != null) {
                    record.accept(next.body);
                    channel.basicAck(next.tag, false);
                    count++;
                    next = arrivals.poll();
                }
                return count;
            }

            @Override
            public void close() {
                connection.abort();
            }
        };
    }

    @Override
    public void close() {}
}
