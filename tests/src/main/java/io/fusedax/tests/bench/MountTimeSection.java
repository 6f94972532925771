package io.fusedax.tests.bench;

import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.channels.FileChannel;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardOpenOption;

/**
 * Mounts a sparse region of 1 TiB after a clean unmount and after kill -9, as a user does: in the
 * background.
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
        report.heading(
                "Mounting a sparse region of 1 TiB: until the command returns, with the start of"
                        + " the JVM");
        long start = System.nanoTime();
        Path region = peers.newRegion("1T");
        report.value(SECTION, "mkfs", seconds(start), "s");
        report.value(SECTION, "memory the region takes", allocatedMegabytes(region), "MiB");
        start = System.nanoTime();
        Processes.run(options.launcher(), "--version");
        report.value(SECTION, "the launcher alone (--version)", seconds(start), "s");

        Path mountPoint = peers.newMountPoint("terabyte");
        int rounds = options.scaled(7, 2);
        double[] clean = new double[rounds];
        double[] crashed = new double[rounds];
        for (int round = 0; round < rounds; round++) {
            clean[round] = mount(region, mountPoint);
            load(mountPoint.resolve("load-" + round));
            crash(region, mountPoint);
            crashed[round] = mount(region, mountPoint);
            unmount(region, mountPoint);
        }
        String after = "after a clean unmount, median";
        report.atMost(SECTION, after, Samples.quantile(clean, 0.5), LIMIT_SECONDS, "s");
        after = "after kill -9, median";
        report.atMost(SECTION, after, Samples.quantile(crashed, 0.5), LIMIT_SECONDS, "s");
    }

    private double mount(Path region, Path mountPoint) throws IOException, InterruptedException {
        long start = System.nanoTime();
        Processes.run(
                options.launcher(),
                "mount",
                "-o",
                "log=" + options.workDirectory().resolve("daemons.log"),
                region.toString(),
                mountPoint.toString());
        double elapsed = seconds(start);
        Files.readAttributes(mountPoint, "size");
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

    private static void crash(Path region, Path mountPoint)
            throws IOException, InterruptedException {
        long pid = Processes.holderOf(region);
        Processes.run("kill", "-KILL", Long.toString(pid));
        Processes.await("death of the daemon", () -> !Processes.isAlive(pid));
        Processes.run("umount", "-l", mountPoint.toString());
    }

    private static void unmount(Path region, Path mountPoint)
            throws IOException, InterruptedException {
        long pid = Processes.holderOf(region);
        Processes.run("umount", mountPoint.toString());
        Processes.await("end of the daemon", () -> !Processes.isAlive(pid));
    }

    private static double allocatedMegabytes(Path file) throws IOException, InterruptedException {
        String blocks = Processes.run("stat", "-c", "%b", file.toString()).strip();
        return Long.parseLong(blocks) / 2_048.0;
    }

    private static double seconds(long startNanos) {
        return (System.nanoTime() - startNanos) / 1e9;
    }
}
