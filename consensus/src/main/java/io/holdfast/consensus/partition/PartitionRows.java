package io.holdfast.consensus.partition;

import io.holdfast.internal.v1.PartitionCheckpoint;
import io.holdfast.internal.v1.ProducerEntry;
import io.holdfast.internal.v1.QueueRow;
import io.holdfast.internal.v1.StreamGroupRow;
import java.util.List;

/** All that a checkpoint of a partition holds besides its files. */
record PartitionRows(
        PartitionCheckpoint checkpoint,
        List<ProducerEntry> producers,
        List<QueueRow> queues,
        List<StreamGroupRow> streamGroups) {

    /** As it is to be kept here, with its files and rows apart from those that were here before. */
    PartitionRows adopted(String logFolder, long rowsGeneration) {
        PartitionCheckpoint own = checkpoint.toBuilder()
                .setLogFolder(logFolder)
                .setRowsGeneration(rowsGeneration)
                .build();
        return new PartitionRows(own, producers, queues, streamGroups);
    }
}
