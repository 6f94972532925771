package io.fusedax.tests.bench;

import java.io.IOException;
import java.nio.file.DirectoryStream;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.BitSet;
import java.util.Random;

/**
 * A directory of a million files: does creation slow down, does lookup, is the listing complete,
 * does memory grow.
 */
final class LargeDirectorySection implements Section {
    private static final String SECTION = "large directory";
    private static final int BATCHES = 10;
    private static final int CHUNKS = 20;
    private static final double CREATE_LIMIT = 1.3;
    private static final double LOOKUP_LIMIT = 1.3;
    private static final double MEMORY_LIMIT = 1.3;
    private static final int CACHED_INODES = 40_000;
    private static final long SEED = 20_240_229;

    private final BenchOptions options;
    private final Report report;
    private final Peers peers;
    private final Libc libc = Libc.load();
    private final int files;

    LargeDirectorySection(BenchOptions options, Report report, Peers peers) {
        this.options = options;
        this.report = report;
        this.peers = peers;
        this.files = options.scaled(1_000_000, 50_000);
    }

    @Override
    public void run() throws IOException, InterruptedException {
        report.heading(
                "One directory of "
                        + files
                        + " files, uncached (names drawn with seed "
                        + SEED
                        + ")");
        Path region = peers.newRegion("8G");
        try (Mounted mount = peers.mountRegion(region, Caching.NONE)) {
            grow(mount);
        }
        try (Mounted mount = peers.mountRegion(region, Caching.NONE)) {
            measureMemory(mount);
        }
    }

    private void grow(Mounted mount) throws IOException {
        Path big = Files.createDirectory(mount.directory().resolve("big"));
        try (NumberedFiles warmUp =
                        new NumberedFiles(
                                libc, Files.createDirectory(mount.directory().resolve("warm-up")));
                NumberedFiles numbered = new NumberedFiles(libc, big)) {
            warmUp.create(0, options.scaled(30_000, 5_000));
            warmUp.stat(
                    new Random(SEED), options.scaled(30_000, 5_000), options.scaled(30_000, 5_000));
            double[] micros = new double[BATCHES];
            double[] lookups = new double[BATCHES];
            for (int batch = 0; batch < BATCHES; batch++) {
                micros[batch] = createBatch(numbered, batch);
                lookups[batch] = lookup(numbered, (batch + 1) * (files / BATCHES));
                report.value(SECTION, "create, tenth " + (batch + 1), micros[batch], "us");
                report.value(SECTION, "lookup after it", lookups[batch], "us");
            }
            int last = BATCHES - 1;
            report.atMost(
                    SECTION,
                    "create, last tenth / first",
                    micros[last] / micros[0],
                    CREATE_LIMIT,
                    "");
            report.atMost(
                    SECTION, "lookup, last / first", lookups[last] / lookups[0], LOOKUP_LIMIT, "");
        }
        long start = System.nanoTime();
        boolean complete = isComplete(big);
        report.value(SECTION, "listing", (System.nanoTime() - start) / 1e9, "s");
        report.expect(SECTION, "listing shows every file once", complete);
    }

    /** Median over parts of a batch, so that one hiccup of the machine does not count. */
    private double createBatch(NumberedFiles numbered, int batch) {
        int batchFiles = files / BATCHES;
        int chunkFiles = batchFiles / CHUNKS;
        double[] micros = new double[CHUNKS];
        for (int chunk = 0; chunk < CHUNKS; chunk++) {
            long start = System.nanoTime();
            numbered.create(batch * batchFiles + chunk * chunkFiles, chunkFiles);
            micros[chunk] = (System.nanoTime() - start) / 1_000.0 / chunkFiles;
        }
        return Samples.quantile(micros, 0.5);
    }

    private double lookup(NumberedFiles numbered, int existing) {
        Random random = new Random(SEED);
        double[] micros = new double[CHUNKS];
        int calls = options.scaled(1_000, 200);
        for (int chunk = 0; chunk < CHUNKS; chunk++) {
            long start = System.nanoTime();
            numbered.stat(random, existing, calls);
            micros[chunk] = (System.nanoTime() - start) / 1_000.0 / calls;
        }
        return Samples.quantile(micros, 0.5);
    }

    private boolean isComplete(Path big) throws IOException {
        BitSet seen = new BitSet(files);
        int count = 0;
        try (DirectoryStream<Path> stream = Files.newDirectoryStream(big)) {
            for (Path file : stream) {
                seen.set(NumberedFiles.number(file.getFileName().toString()));
                count++;
            }
        }
        return count == files && seen.cardinality() == files;
    }

    private void measureMemory(Mounted mount) throws IOException, InterruptedException {
        DaemonMemory memory = new DaemonMemory(mount.daemonPid());
        int cached = Math.min(CACHED_INODES, files / 2);
        try (NumberedFiles numbered = new NumberedFiles(libc, mount.directory().resolve("big"))) {
            numbered.statRange(0, 100);
            long before = memory.liveHeapBytes();
            numbered.statRange(0, cached);
            double perInode = (double) (memory.liveHeapBytes() - before) / cached;
            report.value(
                    SECTION,
                    "live heap per inode, first " + cached + " looked up",
                    perInode,
                    "bytes");
            numbered.statRange(cached, files * 3 / 10 - cached);
            long heapAtThird = memory.liveHeapBytes();
            long residentAtThird = memory.residentBytes();
            numbered.statRange(0, files);
            long heap = memory.liveHeapBytes();
            report.value(
                    SECTION,
                    "live heap, " + files * 3 / 10 + " looked up",
                    heapAtThird / 1e6,
                    "MB");
            report.value(SECTION, "live heap, all looked up", heap / 1e6, "MB");
            report.value(
                    SECTION,
                    "private memory, " + files * 3 / 10 + " looked up",
                    residentAtThird / 1e6,
                    "MB");
            report.value(
                    SECTION, "private memory, all looked up", memory.residentBytes() / 1e6, "MB");
            double growth = (double) heap / heapAtThird;
            double limit = options.quick() ? Report.NO_TARGET : MEMORY_LIMIT; // all fit the cache
            report.atMost(SECTION, "live heap, all / three tenths", growth, limit, "");
            memory.histogram(12).forEach(line -> report.line("    %s", line));
        }
    }
}
