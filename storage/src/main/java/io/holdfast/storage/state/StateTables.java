package io.holdfast.storage.state;

import java.io.Closeable;
import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.EnumMap;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.concurrent.locks.ReadWriteLock;
import java.util.concurrent.locks.ReentrantReadWriteLock;
import java.util.function.BiConsumer;
import org.jspecify.annotations.Nullable;
import org.rocksdb.BlockBasedTableConfig;
import org.rocksdb.BloomFilter;
import org.rocksdb.ColumnFamilyDescriptor;
import org.rocksdb.ColumnFamilyHandle;
import org.rocksdb.ColumnFamilyOptions;
import org.rocksdb.DBOptions;
import org.rocksdb.InfoLogLevel;
import org.rocksdb.NativeLibraryLoader;
import org.rocksdb.ReadOptions;
import org.rocksdb.RocksDB;
import org.rocksdb.RocksDBException;
import org.rocksdb.RocksIterator;
import org.rocksdb.RocksObject;
import org.rocksdb.Snapshot;
import org.rocksdb.WriteBatch;
import org.rocksdb.WriteOptions;

/**
 * Rows that belong to the node's replicas, in one RocksDB per node; keys start with the replica's group id.
 *
 * <p>Hot state lives in memory and comes here at checkpoints only, all rows of a checkpoint in one atomic, synced
 * {@link Update}. Between checkpoints the Raft log is the write-ahead log. What is too large for memory is written ahead
 * of the checkpoint that makes it count. Any thread may call; nothing is cached.
 */
public final class StateTables implements Closeable {
    /** A column family each. */
    public enum Table {
        /** The node itself: identity, formation. */
        NODE,
        /** Replicas that this node has: who their first Raft peers were. */
        REPLICAS,
        /** Group id to the checkpoint of the replica. */
        CHECKPOINTS,
        /** Group id and producer id to the producer's row. */
        PRODUCERS,
        /** Group id and queue group id to where that group stands. */
        QUEUES,
        /** Group id and name of a stream group to where that group stands. */
        STREAM_GROUPS,
        /** Group id, due time and number to a record that is kept for later. */
        SCHEDULED,
        /** Group id and number, or hash and number, of a message id that is known. */
        MESSAGE_IDS;

        private byte[] columnFamily() {
            return name().toLowerCase(Locale.ROOT).getBytes(StandardCharsets.UTF_8);
        }
    }

    private static final long WRITE_BUFFER_BYTES = 4L << 20;
    /** Of tables whose rows are written by every entry, not at checkpoints only. */
    private static final long LARGE_WRITE_BUFFER_BYTES = 16L << 20;

    private static final long TOTAL_WAL_BYTES = 64L << 20;
    private static final double BLOOM_BITS_PER_KEY = 10;

    /** Native; the database uses them until it is closed. */
    private final List<RocksObject> options;

    private final WriteOptions synced;
    private final WriteOptions unsynced;
    private final RocksDB db;
    private final Map<Table, ColumnFamilyHandle> families = new EnumMap<>(Table.class);
    private final List<ColumnFamilyHandle> handles;
    /** Closing frees native memory: nobody may be inside then. */
    private final ReadWriteLock open = new ReentrantReadWriteLock();

    private boolean closed;

    private StateTables(List<RocksObject> options, RocksDB db, List<ColumnFamilyHandle> handles) {
        this.options = options;
        this.db = db;
        this.handles = handles;
        this.synced = new WriteOptions().setSync(true);
        this.unsynced = new WriteOptions();
        // Handle 0 is RocksDB's default family, unused.
        for (Table table : Table.values()) {
            families.put(table, handles.get(table.ordinal() + 1));
        }
    }

    /**
     * Opens the tables in a directory, which is created if need be.
     *
     * @param nativeDirectory where RocksDB's library is unpacked; the same at each start, so that killed processes
     *     leave one copy and not many
     */
    public static StateTables open(Path directory, Path nativeDirectory) throws IOException {
        Files.createDirectories(directory);
        Files.createDirectories(nativeDirectory);
        NativeLibraryLoader.getInstance().loadLibrary(nativeDirectory.toString());
        RocksDB.loadLibrary();
        DBOptions options = new DBOptions()
                .setCreateIfMissing(true)
                .setCreateMissingColumnFamilies(true)
                .setParanoidChecks(true)
                .setInfoLogLevel(InfoLogLevel.WARN_LEVEL)
                .setKeepLogFileNum(2)
                .setMaxBackgroundJobs(2)
                .setMaxOpenFiles(64)
                .setMaxTotalWalSize(TOTAL_WAL_BYTES);
        ColumnFamilyOptions familyOptions = new ColumnFamilyOptions().setWriteBufferSize(WRITE_BUFFER_BYTES);
        BloomFilter filter = new BloomFilter(BLOOM_BITS_PER_KEY);
        ColumnFamilyOptions largeOptions = new ColumnFamilyOptions()
                .setWriteBufferSize(LARGE_WRITE_BUFFER_BYTES)
                .setTableFormatConfig(new BlockBasedTableConfig().setFilterPolicy(filter));
        List<ColumnFamilyDescriptor> descriptors = new ArrayList<>();
        descriptors.add(new ColumnFamilyDescriptor(RocksDB.DEFAULT_COLUMN_FAMILY, familyOptions));
        for (Table table : Table.values()) {
            boolean large = table == Table.SCHEDULED || table == Table.MESSAGE_IDS;
            descriptors.add(new ColumnFamilyDescriptor(table.columnFamily(), large ? largeOptions : familyOptions));
        }
        List<ColumnFamilyHandle> handles = new ArrayList<>();
        try {
            RocksDB db = RocksDB.open(options, directory.toString(), descriptors, handles);
            return new StateTables(List.of(familyOptions, largeOptions, filter, options), db, handles);
        } catch (RocksDBException e) {
            largeOptions.close();
            familyOptions.close();
            filter.close();
            options.close();
            throw new IOException("cannot open the state tables in " + directory + ": " + e.getMessage(), e);
        }
    }

    public byte @Nullable [] get(Table table, byte[] key) throws IOException {
        open.readLock().lock();
        try {
            checkOpen();
            return db.get(family(table), key);
        } catch (RocksDBException e) {
            throw failed("read", table, e);
        } finally {
            open.readLock().unlock();
        }
    }

    /** Calls back with every row whose key starts with the prefix, in key order. */
    public void scan(Table table, byte[] prefix, BiConsumer<byte[], byte[]> row) throws IOException {
        scan(table, prefix, prefix, (key, value) -> {
            row.accept(key, value);
            return true;
        });
    }

    /** Takes rows one by one. */
    public interface Visitor {
        /** Takes a row; false for no more. */
        boolean visit(byte[] key, byte[] value) throws IOException;
    }

    /** Calls back with the rows whose keys start with the prefix, in key order, the first one not before {@code from}. */
    public void scan(Table table, byte[] prefix, byte[] from, Visitor visitor) throws IOException {
        try (ReadOptions now = new ReadOptions()) {
            scan(table, prefix, from, now, visitor);
        }
    }

    private void scan(Table table, byte[] prefix, byte[] from, ReadOptions how, Visitor visitor) throws IOException {
        open.readLock().lock();
        try {
            checkOpen();
            try (RocksIterator rows = db.newIterator(family(table), how)) {
                rows.seek(from);
                while (rows.isValid() && startsWith(rows.key(), prefix) && visitor.visit(rows.key(), rows.value())) {
                    rows.next();
                }
                rows.status();
            }
        } catch (RocksDBException e) {
            throw failed("scan", table, e);
        } finally {
            open.readLock().unlock();
        }
    }

    /** The tables as they are now. */
    public View view() throws IOException {
        open.readLock().lock();
        try {
            checkOpen();
            return new View(db.getSnapshot());
        } finally {
            open.readLock().unlock();
        }
    }

    /** The tables as they were at one time; keeps disk space from being freed until it is closed. */
    public final class View implements Closeable {
        private final Snapshot snapshot;

        private View(Snapshot snapshot) {
            this.snapshot = snapshot;
        }

        /** Calls back with the rows whose keys start with the prefix, in key order. */
        public void scan(Table table, byte[] prefix, Visitor visitor) throws IOException {
            try (ReadOptions then = new ReadOptions().setSnapshot(snapshot)) {
                StateTables.this.scan(table, prefix, prefix, then, visitor);
            }
        }

        @Override
        public void close() {
            open.readLock().lock();
            try {
                if (!closed) {
                    db.releaseSnapshot(snapshot);
                }
            } finally {
                open.readLock().unlock();
            }
        }
    }

    /** Changes that take effect together or not at all. Not thread-safe. */
    public static final class Update {
        private interface Step {
            void addTo(WriteBatch batch, StateTables tables) throws RocksDBException;
        }

        private final List<Step> steps = new ArrayList<>();

        public Update put(Table table, byte[] key, byte[] value) {
            steps.add((batch, tables) -> batch.put(tables.family(table), key, value));
            return this;
        }

        public Update delete(Table table, byte[] key) {
            steps.add((batch, tables) -> batch.delete(tables.family(table), key));
            return this;
        }

        /** Deletes every row whose key starts with the prefix, which must not be all 0xFF. */
        public Update deletePrefix(Table table, byte[] prefix) {
            byte[] end = prefix.clone();
            int last = end.length - 1;
            while (end[last] == (byte) 0xFF) {
                end[last--] = 0;
            }
            end[last]++;
            steps.add((batch, tables) -> batch.deleteRange(tables.family(table), prefix, end));
            return this;
        }
    }

    /** Applies the update; it is on disk on return. */
    public void write(Update update) throws IOException {
        write(update, synced);
    }

    /** Applies the update; it is on disk when a later {@link #write} has returned. A crash before may undo it. */
    public void writeAhead(Update update) throws IOException {
        write(update, unsynced);
    }

    private void write(Update update, WriteOptions how) throws IOException {
        open.readLock().lock();
        try (WriteBatch batch = new WriteBatch()) {
            checkOpen();
            for (Update.Step step : update.steps) {
                step.addTo(batch, this);
            }
            db.write(how, batch);
        } catch (RocksDBException e) {
            throw new IOException("cannot write the state tables: " + e.getMessage(), e);
        } finally {
            open.readLock().unlock();
        }
    }

    private ColumnFamilyHandle family(Table table) {
        ColumnFamilyHandle handle = families.get(table);
        if (handle == null) {
            throw new IllegalStateException("no column family for " + table);
        }
        return handle;
    }

    private void checkOpen() throws IOException {
        if (closed) {
            throw new IOException("the state tables are closed");
        }
    }

    private static IOException failed(String what, Table table, RocksDBException e) {
        return new IOException("cannot " + what + " state table " + table + ": " + e.getMessage(), e);
    }

    private static boolean startsWith(byte[] key, byte[] prefix) {
        return key.length >= prefix.length && Arrays.equals(key, 0, prefix.length, prefix, 0, prefix.length);
    }

    @Override
    public void close() {
        open.writeLock().lock();
        try {
            if (closed) {
                return;
            }
            closed = true;
            handles.forEach(ColumnFamilyHandle::close);
            db.close();
            synced.close();
            unsynced.close();
            options.forEach(RocksObject::close);
        } finally {
            open.writeLock().unlock();
        }
    }
}
