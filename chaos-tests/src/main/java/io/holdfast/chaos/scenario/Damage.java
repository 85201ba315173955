package io.holdfast.chaos.scenario;

import java.io.IOException;
import java.io.RandomAccessFile;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Locale;
import java.util.Random;
import java.util.stream.Stream;

/** Ways in which files go bad. */
public enum Damage {
    /** One to three bits of a file become others. */
    FLIP_BITS {
        @Override
        void apply(RandomAccessFile file, Random random) throws IOException {
            for (int i = random.nextInt(3); i >= 0; i--) {
                long at = (long) (random.nextDouble() * file.length());
                file.seek(at);
                int before = file.read();
                file.seek(at);
                file.write(before ^ 1 << random.nextInt(8));
            }
        }
    },
    /** A file becomes shorter, mostly by little. */
    CUT_SHORT {
        @Override
        void apply(RandomAccessFile file, Random random) throws IOException {
            double share = Math.pow(random.nextDouble(), 3);
            file.setLength(file.length() - 1 - (long) (share * (file.length() - 1)));
        }
    },
    /** Garbage at the end of a file. */
    ADD_GARBAGE {
        @Override
        void apply(RandomAccessFile file, Random random) throws IOException {
            byte[] garbage = new byte[4096];
            random.nextBytes(garbage);
            file.seek(file.length());
            file.write(garbage);
        }
    },
    /** A stretch of a file becomes another stretch of it, as by a write that went to the wrong place. */
    MISDIRECT {
        @Override
        void apply(RandomAccessFile file, Random random) throws IOException {
            byte[] stretch = new byte[(int) Math.min(4096, file.length() / 3)];
            file.seek((long) (random.nextDouble() * (file.length() - stretch.length)));
            file.readFully(stretch);
            file.seek((long) (random.nextDouble() * (file.length() - stretch.length)));
            file.write(stretch);
        }
    };

    /** Which files of a node's data directory. */
    public enum Kind {
        /** Records. */
        SEGMENTS(".*/partitions/.*\\.batches"),
        /** Where which offset is. */
        INDEXES(".*/partitions/.*\\.index"),
        /** The Raft log. */
        RAFT_LOG(".*/current/log_.*"),
        /** Term and vote. */
        VOTES(".*/current/raft-meta"),
        /** The tables that hold checkpoints and metadata. */
        STATE_TABLES(".*/state/[^/]*\\.(sst|log)");

        private final String pattern;

        Kind(String pattern) {
            this.pattern = pattern;
        }

        String words() {
            return name().toLowerCase(Locale.ROOT).replace('_', ' ');
        }
    }

    private static final int FILES_MAX = 3;

    abstract void apply(RandomAccessFile file, Random random) throws IOException;

    String words() {
        return name().toLowerCase(Locale.ROOT).replace('_', ' ');
    }

    /**
     * Damages one to three files of a kind.
     *
     * @return which
     * @throws IOException also if there is none
     */
    List<Path> apply(Path data, Kind kind, Random random) throws IOException {
        List<Path> candidates;
        try (Stream<Path> all = Files.walk(data)) {
            candidates = new ArrayList<>(all.filter(file -> file.toString().matches(kind.pattern)
                            && !file.toString().contains("/damaged/"))
                    .filter(file -> file.toFile().isFile() && file.toFile().length() > 8)
                    .sorted()
                    .toList());
        }
        if (candidates.isEmpty()) {
            throw new IOException("no " + kind.words() + " in " + data);
        }
        java.util.Collections.shuffle(candidates, random);
        List<Path> chosen = candidates.subList(0, Math.min(candidates.size(), 1 + random.nextInt(FILES_MAX)));
        for (Path one : chosen) {
            try (RandomAccessFile file = new RandomAccessFile(one.toFile(), "rw")) {
                apply(file, random);
            }
        }
        return chosen;
    }
}
