package io.fusedax.tests.bench;

import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.channels.FileChannel;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardOpenOption;

/**
 * Mounts a sparse region of 1 TiB after a clean unmount and after kill -9, until the mount answers,
 * the start of the JVM included. The limit is for {@code mount -f}, whose daemon keeps this
 * session's priority; the usual way, in the background, is timed beside it.
 */
final class MountTimeSection implements Section {
    private static final String SECTION = "mount time";
    private static final double LIMIT_SECONDS = 1.0;
    private static final int FILES = 2_000;

    private final BenchOptions options;
    private final Report report;
    private final Peers peers;

    MountTimeSection(BenchOptions options, Report report, Peers peers) {
        this.options = options;
        this.report = report;
        this.peers = peers;
    }

    @Override
    public void run() throws IOException, InterruptedException {
        report.heading("Mounting a sparse region of 1 TiB, with the start of the JVM");
        long start = System.nanoTime();
        Path region = peers.newRegion("1T");
        report.value(SECTION, "mkfs", seconds(start), "s");
        report.value(SECTION, "memory the region takes", allocatedMegabytes(region), "MiB");
        start = System.nanoTime();
        Processes.run(options.launcher(), "--version");
        report.value(SECTION, "the launcher alone (--version)", seconds(start), "s");

        int rounds = options.scaled(9, 3);
        double[] clean = new double[rounds];
        double[] crashed = new double[rounds];
        double[] background = new double[rounds];
        for (int round = 0; round < rounds; round++) {
            start = System.nanoTime();
            Mounted mount = peers.mountRegion(region, Caching.OWN_DEFAULTS);
            clean[round] = seconds(start);
            load(mount.directory().resolve("load-" + round));
            mount.kill();
            start = System.nanoTime();
            mount = peers.mountRegion(region, Caching.OWN_DEFAULTS);
            crashed[round] = seconds(start);
            mount.close();
            background[round] = mountInBackground(region);
        }
        judge("after a clean unmount, median", clean, LIMIT_SECONDS);
        judge("after kill -9, median", crashed, LIMIT_SECONDS);
        judge("in the background, until the command returns", background, Report.NO_TARGET);
    }

    private void judge(String name, double[] seconds, double limit) {
        report.atMost(SECTION, name, Samples.quantile(seconds, 0.5), limit, "s");
    }

    private double mountInBackground(Path region) throws IOException, InterruptedException {
        Path mountPoint = peers.newMountPoint("background");
        long start = System.nanoTime();
        Processes.run(
                options.launcher(),
                "mount",
                "-o",
                "log=" + options.workDirectory().resolve("daemons.log"),
                region.toString(),
                mountPoint.toString());
        double elapsed = seconds(start);
        long pid = Processes.holderOf(region);
        Processes.run("umount", mountPoint.toString());
        Processes.await("end of the daemon", () -> !Processes.isAlive(pid));
        return elapsed;
    }

    /** Leaves work in the journal: files, half of them synced. */
    private static void load(Path directory) throws IOException {
        Files.createDirectory(directory);
        for (int i = 0; i < FILES; i++) {
            try (FileChannel file =
                    FileChannel.open(
                            directory.resolve("f" + i),
                            StandardOpenOption.CREATE_NEW,
                            StandardOpenOption.WRITE)) {
                file.write(ByteBuffer.allocate(1_000));
                if (i % 2 == 0) {
                    file.force(false);
                }
            }
        }
    }

    private static double allocatedMegabytes(Path file) throws IOException, InterruptedException {
        String blocks = Processes.run("stat", "-c", "%b", file.toString()).strip();
        return Long.parseLong(blocks) / 2_048.0;
    }

    private static double seconds(long startNanos) {
        return (System.nanoTime() - startNanos) / 1e9;
    }
}
