package io.holdfast.node.service;

import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.Map;
import java.util.TreeMap;
import java.util.concurrent.CompletableFuture;
import java.util.function.BiFunction;
import java.util.function.Function;
import java.util.function.ToIntFunction;

/** Asks each partition about its items, and puts the answers into the order of the items. */
public final class ByPartition {
    private ByPartition() {}

    /**
     * @param call answers the items of a partition, one each, in order
     * @param failed the answer for each item of a partition whose call failed
     * @return never fails
     */
    public static <T, R> CompletableFuture<List<R>> ask(
            List<T> items,
            ToIntFunction<T> partitionOf,
            BiFunction<Integer, List<T>, CompletableFuture<List<R>>> call,
            Function<Throwable, R> failed) {
        Map<Integer, List<Integer>> positions = new TreeMap<>();
        for (int i = 0; i < items.size(); i++) {
            positions
                    .computeIfAbsent(partitionOf.applyAsInt(items.get(i)), p -> new ArrayList<>())
                    .add(i);
        }
        Object[] answers = new Object[items.size()];
        List<CompletableFuture<?>> parts = new ArrayList<>();
        positions.forEach((partition, at) ->
                parts.add(call.apply(partition, at.stream().map(items::get).toList())
                        .handle((results, failure) -> {
                            for (int i = 0; i < at.size(); i++) {
                                answers[at.get(i)] = failure == null ? results.get(i) : failed.apply(failure);
                            }
                            return null;
                        })));
        return CompletableFuture.allOf(parts.toArray(CompletableFuture[]::new)).thenApply(ok -> {
            @SuppressWarnings("unchecked") // each is an answer, of call or of failed
            List<R> inOrder = (List<R>) Arrays.asList(answers);
            return inOrder;
        });
    }
}
