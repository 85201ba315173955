package io.holdfast.cli.backup;

import com.fasterxml.jackson.core.JsonProcessingException;
import com.fasterxml.jackson.databind.ObjectMapper;
import com.fasterxml.jackson.databind.SerializationFeature;
import io.holdfast.cli.backup.Snapshot.ScheduledPart;
import io.holdfast.node.config.ConfigException;
import io.holdfast.storage.log.DurableDirectory;
import io.holdfast.v1.ScheduledRecord;
import java.io.ByteArrayInputStream;
import java.io.ByteArrayOutputStream;
import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.channels.FileChannel;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardCopyOption;
import java.nio.file.StandardOpenOption;
import java.util.ArrayList;
import java.util.Comparator;
import java.util.List;
import java.util.stream.Stream;
import java.util.zip.CRC32C;

/**
 * A folder with backups of one cluster. Records are in {@code data/TOPIC-ID/PARTITION/}, shared by all backups; a backup
 * is there once its {@code backups/ID.json} is, which is written last.
 */
final class BackupFolder {
    private static final String FORMAT = "holdfast-backup 1";
    private static final String OWNER = "holdfast-backup.json";

    private final Path root;
    private final ObjectMapper json = new ObjectMapper().enable(SerializationFeature.INDENT_OUTPUT);

    /** What says whose backups these are. */
    record Owner(String format, String cluster) {}

    /** A backup's file. The checksum is of the backup as it is written on one line. */
    record Sealed(int crc32c, Snapshot backup) {}

    private BackupFolder(Path root) {
        this.root = root;
    }

    /** @throws ConfigException if there are no backups */
    static BackupFolder open(Path root) throws IOException {
        BackupFolder folder = new BackupFolder(root);
        if (!Files.isRegularFile(folder.ownerFile())) {
            throw new ConfigException(root + " has no backups in it");
        }
        folder.owner();
        return folder;
    }

    /** @throws ConfigException if it has backups of another cluster, or other things in it */
    static BackupFolder openFor(Path root, String cluster) throws IOException {
        BackupFolder folder = new BackupFolder(root);
        DurableDirectory.create(root);
        if (!Files.isRegularFile(folder.ownerFile())) {
            try (Stream<Path> files = Files.list(root)) {
                if (files.findAny().isPresent()) {
                    throw new ConfigException("name an empty folder: " + root + " has something else in it");
                }
            }
            folder.store(root, OWNER, folder.json.writeValueAsBytes(new Owner(FORMAT, cluster)));
        } else if (!folder.owner().cluster.equals(cluster)) {
            throw new ConfigException(
                    "name another folder: " + root + " has backups of cluster " + folder.owner().cluster);
        }
        DurableDirectory.create(folder.backups());
        return folder;
    }

    /** Held while a backup is made. Throws {@link ConfigException} if another process makes one. */
    FileChannel lock() throws IOException {
        FileChannel channel =
                FileChannel.open(root.resolve("lock"), StandardOpenOption.CREATE, StandardOpenOption.WRITE);
        if (channel.tryLock() == null) {
            channel.close();
            throw new ConfigException("wait: another backup is being made in " + root);
        }
        return channel;
    }

    private Owner owner() throws IOException {
        Owner owner = json.readValue(ownerFile().toFile(), Owner.class);
        if (!owner.format.equals(FORMAT)) {
            throw new ConfigException(root + " was written by a later version: " + owner.format);
        }
        return owner;
    }

    private Path ownerFile() {
        return root.resolve(OWNER);
    }

    private Path backups() {
        return root.resolve("backups");
    }

    /** Where a partition's records are; may not be there. */
    Path data(Snapshot.TopicPart topic, int partition) {
        return root.resolve("data").resolve(topic.folder()).resolve(String.valueOf(partition));
    }

    /** Oldest first. */
    List<Snapshot> list() throws IOException {
        List<Snapshot> all = new ArrayList<>();
        if (Files.isDirectory(backups())) {
            try (Stream<Path> files = Files.list(backups())) {
                for (Path file :
                        files.filter(one -> one.toString().endsWith(".json")).toList()) {
                    all.add(read(file));
                }
            }
        }
        all.sort(Comparator.comparing(Snapshot::instant));
        return all;
    }

    private Snapshot read(Path file) throws IOException {
        Sealed sealed;
        try {
            sealed = json.readValue(file.toFile(), Sealed.class);
        } catch (JsonProcessingException e) {
            throw new IOException(file + " is damaged: " + e.getOriginalMessage(), e);
        }
        if (sealed.backup == null || crc(sealed.backup) != sealed.crc32c) {
            throw new IOException(file + " is damaged: it does not match its checksum");
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
        store(backups(), snapshot.id() + ".json", json.writeValueAsBytes(new Sealed(crc(snapshot), snapshot)));
    }

    private void store(Path parent, String name, byte[] bytes) throws IOException {
        Path temporary = parent.resolve(name + ".tmp");
        try (FileChannel channel = FileChannel.open(
                temporary, StandardOpenOption.CREATE, StandardOpenOption.TRUNCATE_EXISTING, StandardOpenOption.WRITE)) {
            ByteBuffer left = ByteBuffer.wrap(bytes);
            while (left.hasRemaining()) {
                channel.write(left);
            }
            channel.force(true);
        }
        Files.move(temporary, parent.resolve(name), StandardCopyOption.ATOMIC_MOVE);
        DurableDirectory.force(parent);
    }

    private static String scheduledName(String id, String topic) {
        return id + "." + topic + ".scheduled";
    }

    /** Stores records of a topic that wait for their time, for a backup that is yet to be added. */
    ScheduledPart storeScheduled(String id, String topic, List<ScheduledRecord> records) throws IOException {
        ByteArrayOutputStream bytes = new ByteArrayOutputStream();
        for (ScheduledRecord record : records) {
            record.writeDelimitedTo(bytes);
        }
        store(backups(), scheduledName(id, topic), bytes.toByteArray());
        return new ScheduledPart(records.size(), crc(bytes.toByteArray()));
    }

    /** All of a topic. */
    List<ScheduledRecord> readScheduled(Snapshot snapshot, String topic) throws IOException {
        List<ScheduledRecord> records = new ArrayList<>();
        ScheduledPart part = snapshot.scheduled().get(topic);
        if (part == null) {
            return records;
        }
        Path file = backups().resolve(scheduledName(snapshot.id(), topic));
        byte[] bytes = Files.readAllBytes(file);
        if (crc(bytes) != part.crc32c()) {
            throw new IOException(file + " is damaged: it does not match its checksum");
        }
        ByteArrayInputStream in = new ByteArrayInputStream(bytes);
        for (int i = 0; i < part.records(); i++) {
            records.add(ScheduledRecord.parseDelimitedFrom(in));
        }
        return records;
    }
}
