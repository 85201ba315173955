package io.holdfast.cli.backup;

import com.fasterxml.jackson.core.JsonProcessingException;
import com.fasterxml.jackson.databind.ObjectMapper;
import com.fasterxml.jackson.databind.SerializationFeature;
import io.holdfast.cli.backup.Snapshot.ScheduledPart;
import io.holdfast.node.config.ConfigException;
import io.holdfast.v1.ScheduledRecord;
import java.io.ByteArrayInputStream;
import java.io.ByteArrayOutputStream;
import java.io.IOException;
import java.io.InputStream;
import java.util.ArrayList;
import java.util.Comparator;
import java.util.List;
import java.util.Map;
import java.util.concurrent.ConcurrentHashMap;
import java.util.zip.CRC32C;

/**
 * A folder with backups of one cluster. Records are in {@code data/TOPIC-ID/PARTITION/}, shared by all backups; a backup
 * is there once its {@code backups/ID.json} is, which is written last.
 */
final class BackupFolder {
    private static final String FORMAT = "holdfast-backup 1";
    private static final String OWNER = "holdfast-backup.json";
    private static final String BACKUPS = "backups/";

    private final BackupStore store;
    private final Map<String, List<BatchFile>> listed = new ConcurrentHashMap<>();
    private final ObjectMapper json = new ObjectMapper().enable(SerializationFeature.INDENT_OUTPUT);

    /** What says whose backups these are. */
    record Owner(String format, String cluster) {}

    /** A backup's file. The checksum is of the backup as it is written on one line. */
    record Sealed(int crc32c, Snapshot backup) {}

    private BackupFolder(BackupStore store) {
        this.store = store;
    }

    /** @throws ConfigException if there are no backups */
    static BackupFolder open(BackupStore store) throws IOException {
        BackupFolder folder = new BackupFolder(store);
        if (!store.has(OWNER)) {
            throw new ConfigException(store + " has no backups in it");
        }
        folder.owner();
        return folder;
    }

    /** @throws ConfigException if it has backups of another cluster, or other things in it */
    static BackupFolder openFor(BackupStore store, String cluster) throws IOException {
        BackupFolder folder = new BackupFolder(store);
        if (!store.has(OWNER)) {
            if (!store.isEmpty()) {
                throw new ConfigException("name an empty folder: " + store + " has something else in it");
            }
            store.put(folder.json.writeValueAsBytes(new Owner(FORMAT, cluster)), OWNER);
        } else if (!folder.owner().cluster.equals(cluster)) {
            throw new ConfigException(
                    "name another folder: " + store + " has backups of cluster " + folder.owner().cluster);
        }
        return folder;
    }

    private Owner owner() throws IOException {
        Owner owner;
        try (InputStream in = store.open(OWNER)) {
            owner = json.readValue(in, Owner.class);
        }
        if (!owner.format.equals(FORMAT)) {
            throw new ConfigException(store + " was written by a later version: " + owner.format);
        }
        return owner;
    }

    /** Files with a partition's records, by offset; as they were when they were first asked for. Backups share them. */
    List<BatchFile> data(Snapshot.TopicPart topic, int partition) throws IOException {
        String folder = folder(topic, partition);
        List<BatchFile> files = listed.get(folder);
        if (files == null) {
            files = BatchFile.in(store, folder);
            listed.put(folder, files);
        }
        return files;
    }

    /** A new file of a partition's records, from this offset on. */
    BatchFile.Writer write(Snapshot.TopicPart topic, int partition, long first) throws IOException {
        return new BatchFile.Writer(store, folder(topic, partition), first);
    }

    private static String folder(Snapshot.TopicPart topic, int partition) {
        return "data/" + topic.folder() + "/" + partition + "/";
    }

    /** Oldest first. */
    List<Snapshot> list() throws IOException {
        List<Snapshot> all = new ArrayList<>();
        for (String name : store.list(BACKUPS)) {
            if (name.endsWith(".json")) {
                all.add(read(BACKUPS + name));
            }
        }
        all.sort(Comparator.comparing(Snapshot::instant));
        return all;
    }

    private Snapshot read(String name) throws IOException {
        Sealed sealed;
        try (InputStream in = store.open(name)) {
            sealed = json.readValue(in, Sealed.class);
        } catch (JsonProcessingException e) {
            throw new IOException(name + " is damaged: " + e.getOriginalMessage(), e);
        }
        if (sealed.backup == null || crc(sealed.backup) != sealed.crc32c) {
            throw new IOException(name + " is damaged: it does not match its checksum");
        }
        return sealed.backup;
    }

    private int crc(Snapshot snapshot) throws IOException {
        return crc(json.writer().without(SerializationFeature.INDENT_OUTPUT).writeValueAsBytes(snapshot));
    }

    private static int crc(byte[] bytes) {
        CRC32C crc = new CRC32C();
        crc.update(bytes);
        return (int) crc.getValue();
    }

    /** Adds a backup; there, whole and on disk, when this returns. */
    void add(Snapshot snapshot) throws IOException {
        store.put(json.writeValueAsBytes(new Sealed(crc(snapshot), snapshot)), BACKUPS + snapshot.id() + ".json");
    }

    private static String scheduledName(String id, String topic) {
        return BACKUPS + id + "." + topic + ".scheduled";
    }

    /** Stores records of a topic that wait for their time, for a backup that is yet to be added. */
    ScheduledPart storeScheduled(String id, String topic, List<ScheduledRecord> records) throws IOException {
        ByteArrayOutputStream bytes = new ByteArrayOutputStream();
        for (ScheduledRecord record : records) {
            record.writeDelimitedTo(bytes);
        }
        store.put(bytes.toByteArray(), scheduledName(id, topic));
        return new ScheduledPart(records.size(), crc(bytes.toByteArray()));
    }

    /** All of a topic. */
    List<ScheduledRecord> readScheduled(Snapshot snapshot, String topic) throws IOException {
        List<ScheduledRecord> records = new ArrayList<>();
        ScheduledPart part = snapshot.scheduled().get(topic);
        if (part == null) {
            return records;
        }
        String name = scheduledName(snapshot.id(), topic);
        byte[] bytes;
        try (InputStream file = store.open(name)) {
            bytes = file.readAllBytes();
        }
        if (crc(bytes) != part.crc32c()) {
            throw new IOException(name + " is damaged: it does not match its checksum");
        }
        ByteArrayInputStream in = new ByteArrayInputStream(bytes);
        for (int i = 0; i < part.records(); i++) {
            records.add(ScheduledRecord.parseDelimitedFrom(in));
        }
        return records;
    }
}
