package io.holdfast.node.service;

import io.holdfast.internal.v1.AllocateProducerIdsCommand;
import io.holdfast.internal.v1.MetadataCommand;
import io.holdfast.internal.v1.OpenNamedProducerCommand;
import io.holdfast.node.cluster.MetadataClient;
import java.time.Duration;
import java.util.ArrayDeque;
import java.util.Deque;
import java.util.concurrent.CompletableFuture;

/** Hands out producer ids from blocks of the metadata group, so that opening a producer is rarely a Raft round trip. */
final class ProducerIds {
    private static final int BLOCK = 1000;
    private static final Duration TIMEOUT = Duration.ofSeconds(10);

    private final MetadataClient metadata;
    private final Deque<CompletableFuture<Producer>> waiting = new ArrayDeque<>();
    private long next;
    private long end;
    private boolean fetching;

    record Producer(long id, int epoch) {}

    ProducerIds(MetadataClient metadata) {
        this.metadata = metadata;
    }

    /** @param name empty for a fresh id */
    CompletableFuture<Producer> open(String name) {
        if (!name.isEmpty()) {
            MetadataCommand command = MetadataCommand.newBuilder()
                    .setOpenNamedProducer(OpenNamedProducerCommand.newBuilder().setName(name))
                    .build();
            return metadata.submit(command, TIMEOUT)
                    .thenApply(reply -> new Producer(reply.getFirstProducerId(), reply.getProducerEpoch()));
        }
        synchronized (this) {
            if (next < end) {
                return CompletableFuture.completedFuture(new Producer(next++, 0));
            }
            CompletableFuture<Producer> result = new CompletableFuture<>();
            waiting.add(result);
            if (!fetching) {
                fetching = true;
                fetch();
            }
            return result;
        }
    }

    private void fetch() {
        MetadataCommand command = MetadataCommand.newBuilder()
                .setAllocateProducerIds(AllocateProducerIdsCommand.newBuilder().setCount(BLOCK))
                .build();
        metadata.submit(command, TIMEOUT).whenComplete((reply, failure) -> {
            Deque<CompletableFuture<Producer>> served;
            synchronized (this) {
                fetching = false;
                served = new ArrayDeque<>(waiting);
                waiting.clear();
                if (failure == null) {
                    next = reply.getFirstProducerId();
                    end = next + BLOCK;
                }
            }
            for (CompletableFuture<Producer> one : served) {
                if (failure == null) {
                    open("").whenComplete((producer, e) -> {
                        if (e == null) {
                            one.complete(producer);
                        } else {
                            one.completeExceptionally(e);
                        }
                    });
                } else {
                    one.completeExceptionally(failure);
                }
            }
        });
    }
}
