package io.fusedax.tests.bench;

import java.io.IOException;
import java.nio.file.DirectoryStream;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.BitSet;
import java.util.List;
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
        try (Mounted mount = peers.mountRegion(region, Caching.NONE, "cache=1M")) {
            measureInode(mount);
        }
        try (Mounted mount = peers.mountRegion(region, Caching.NONE)) {
            measureGrowth(mount);
        }
    }

    private void grow(Mounted mount) throws IOException, InterruptedException {
        Path small = Files.createDirectory(mount.directory().resolve("warm-up"));
        Path big = Files.createDirectory(mount.directory().resolve("big"));
        try (NumberedFiles warmUp = new NumberedFiles(libc, small);
                NumberedFiles numbered = new NumberedFiles(libc, big)) {
            int warmUpFiles = options.scaled(100_000, 10_000);
            warmUp.create(0, warmUpFiles);
            warmUp.stat(new Random(SEED), warmUpFiles, warmUpFiles);
            try (Pinning pinning = new Pinning(options.pinned(), List.of(mount))) {
                createAndLookUp(numbered);
            }
        }
        long start = System.nanoTime();
        boolean complete = isComplete(big);
        report.value(SECTION, "listing", (System.nanoTime() - start) / 1e9, "s");
        report.expect(SECTION, "listing shows every file once", complete);
    }

    private void createAndLookUp(NumberedFiles numbered) {
        double[] micros = new double[BATCHES];
        double[] lookups = new double[BATCHES];
        for (int batch = 0; batch < BATCHES; batch++) {
            micros[batch] = createBatch(numbered, batch);
            lookups[batch] = lookup(numbered, (batch + 1) * (files / BATCHES));
            report.value(SECTION, "create, tenth " + (batch + 1), micros[batch], "us");
            report.value(SECTION, "lookup after it", lookups[batch], "us");
        }
        int last = BATCHES - 1;
        double growth = micros[last] / micros[0];
        report.atMost(SECTION, "create, last tenth / first", growth, CREATE_LIMIT, "");
        growth = lookups[last] / lookups[0];
        report.atMost(SECTION, "lookup, last / first", growth, LOOKUP_LIMIT, "");
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

    /** With hardly any metadata cached, heap grows by cached inodes alone. */
    private void measureInode(Mounted mount) throws IOException, InterruptedException {
        DaemonMemory memory = new DaemonMemory(mount.daemonPid());
        Path big = mount.directory().resolve("big");
        int cached = Math.min(CACHED_INODES, files / 2);
        try (NumberedFiles numbered = new NumberedFiles(libc, big)) {
            numbered.statRange(0, cached / 10);
            long before = memory.liveHeapBytes();
            numbered.statRange(0, cached);
            double perInode = (memory.liveHeapBytes() - before) / (cached * 0.9);
            report.value(SECTION, "live heap per cached inode", perInode, "bytes");
        }
    }

    private void measureGrowth(Mounted mount) throws IOException, InterruptedException {
        DaemonMemory memory = new DaemonMemory(mount.daemonPid());
        Path big = mount.directory().resolve("big");
        int some = files * 3 / 10;
        try (NumberedFiles numbered = new NumberedFiles(libc, big)) {
            numbered.statRange(0, some);
            long heapBefore = memory.liveHeapBytes();
            String when = some + " looked up";
            report.value(SECTION, "live heap, " + when, heapBefore / 1e6, "MB");
            report.value(SECTION, "private memory, " + when, memory.residentBytes() / 1e6, "MB");
            numbered.statRange(0, files);
            long heap = memory.liveHeapBytes();
            report.value(SECTION, "live heap, all looked up", heap / 1e6, "MB");
            report.value(
                    SECTION, "private memory, all looked up", memory.residentBytes() / 1e6, "MB");
            double growth = (double) heap / heapBefore;
            double limit = options.quick() ? Report.NO_TARGET : MEMORY_LIMIT; // all fit the cache
            report.atMost(SECTION, "live heap, all / three tenths", growth, limit, "");
            memory.histogram(12).forEach(line -> report.line("    %s", line));
        }
    }
}
