package io.holdfast.bench;

/** A message system that has every topic, and lets a test say what else it can do. */
abstract class PartialTarget implements Target {
    @Override
    public final void createTopic(String topic, int partitions, int replicas) {}

    @Override
    public final void deleteTopic(String topic) {}

    @Override
    public Sink produce(LoadShape shape) {
        throw new UnsupportedOperationException();
    }

    @Override
    public Source consume(String topic, boolean fromStart) {
        throw new UnsupportedOperationException();
    }

    @Override
    public void close() {}
}
