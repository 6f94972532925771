package io.fusedax.tests.bench;

import com.fasterxml.jackson.databind.ObjectMapper;
import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.channels.FileChannel;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardOpenOption;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.HashMap;
import java.util.List;
import java.util.Map;

/**
 * Direct mappings: what the first store to a page costs, bandwidth once it is granted, making pages
 * durable beside msync(2) on ext4, fio's libpmem engine beside tmpfs, and taking a range back.
 * tests/src/main/c/mapbench.c does the timing.
 */
final class MappingSection implements Section {
    private static final String SECTION = "mapping";
    private static final int MEGABYTES = 64;

    // Times the first touch of a page of a plain mapping of tmpfs, or of a raw one.
    private static final double FIRST_STORE_LIMIT = 20;
    private static final double HOLE_LIMIT = 1.5;
    private static final double AROUND_LIMIT_MICROS = 4;
    private static final double BANDWIDTH_LIMIT = 1 / 0.97;
    private static final double DURABLE_LIMIT = 1 / 20.0;
    private static final double FIO_LIMIT = 1 / 0.95;
    private static final double REVOKE_LIMIT_MICROS = 100;

    private final BenchOptions options;
    private final Report report;
    private final Peers peers;
    private final int rounds;

    MappingSection(BenchOptions options, Report report, Peers peers) {
        this.options = options;
        this.report = report;
        this.peers = peers;
        this.rounds = options.scaled(5, 1);
    }

    @Override
    public void run() throws IOException, InterruptedException {
        report.heading("Direct mappings");
        Path raw = options.workDirectory().resolve("raw");
        write(raw);
        try (Mounted exact = mount("fault=exact");
                Mounted around = mount("fault=around:64k");
                Mounted ext4 = peers.mount(PeerKind.EXT4, Caching.OWN_DEFAULTS);
                Pinning pinning = new Pinning(options.pinned(), List.of(exact, around))) {
            firstStores(raw, exact.directory(), around.directory());
            bandwidth(raw, exact.directory());
            durable(exact.directory(), ext4.directory());
            fio(exact.directory());
            revocation(exact.directory());
        }
        Files.delete(raw);
    }

    private Mounted mount(String faults) throws IOException, InterruptedException {
        return peers.mountRegion(peers.newRegion("2G"), Caching.OWN_DEFAULTS, "dax=always", faults);
    }

    private void firstStores(Path raw, Path exact, Path around)
            throws IOException, InterruptedException {
        double[] touch = new double[rounds];
        double[] written = new double[rounds];
        double[] lazy = new double[rounds];
        double[] unwritten = new double[rounds];
        double[] hole = new double[rounds];
        double[] aroundHole = new double[rounds];
        double[] aroundUnwritten = new double[rounds];
        double[] aroundWritten = new double[rounds];
        for (int i = 0; i < rounds; i++) {
            touch[i] = measure(false, "first", raw, "plain").get("median");
            Path file = write(exact.resolve("written"));
            written[i] = measure(true, "first", file, "sync").get("median");
            lazy[i] = measure(true, "first", file, "plain").get("median");
            unwritten[i] = measure(true, "first", preallocate(exact), "sync").get("median");
            hole[i] = measure(true, "first", hole(exact), "sync").get("median");
            aroundHole[i] = measure(true, "first", hole(around), "sync").get("mean");
            aroundUnwritten[i] = measure(true, "first", preallocate(around), "sync").get("mean");
            aroundWritten[i] =
                    measure(true, "first", write(around.resolve("written")), "sync").get("mean");
        }
        micros("first touch of a 4 KiB page, tmpfs itself", touch, Report.NO_TARGET);
        micros("first store, written, MAP_SYNC", written, Report.NO_TARGET);
        micros("first store, written, MAP_SHARED", lazy, Report.NO_TARGET);
        micros("first store, unwritten, MAP_SYNC", unwritten, Report.NO_TARGET);
        micros("first store, hole, MAP_SYNC", hole, Report.NO_TARGET);
        ratio("first store, written, MAP_SYNC / first touch", written, touch, FIRST_STORE_LIMIT);
        ratio("first store, hole / written", hole, written, HOLE_LIMIT);
        micros("around:64k, hole, mean of all pages", aroundHole, AROUND_LIMIT_MICROS);
        micros("around:64k, unwritten, mean of all pages", aroundUnwritten, AROUND_LIMIT_MICROS);
        micros("around:64k, written, mean of all pages", aroundWritten, AROUND_LIMIT_MICROS);
    }

    private void bandwidth(Path raw, Path exact) throws IOException, InterruptedException {
        Path file = write(exact.resolve("written"));
        for (int block : new int[] {4 << 10, 2 << 20}) {
            Map<String, double[]> ours = new HashMap<>();
            Map<String, double[]> theirs = new HashMap<>();
            for (int i = 0; i < rounds; i++) {
                put(ours, i, measure(true, "bandwidth", file, Integer.toString(block)));
                put(theirs, i, measure(false, "bandwidth", raw, Integer.toString(block)));
            }
            for (String what : List.of("stores", "loads")) {
                double megabytesPerSecond = MEGABYTES / Samples.quantile(ours.get(what), 0.5) * 1e9;
                String name = what + " in blocks of " + (block >> 10) + " KiB";
                report.value(SECTION, name, megabytesPerSecond, "MiB/s");
                ratio(name + ", time / raw", ours.get(what), theirs.get(what), BANDWIDTH_LIMIT);
            }
        }
    }

    private void put(Map<String, double[]> samples, int round, Map<String, Double> measured) {
        measured.forEach(
                (name, value) ->
                        samples.computeIfAbsent(name, unused -> new double[rounds])[round] = value);
    }

    private void durable(Path exact, Path ext4) throws IOException, InterruptedException {
        Path ours = write(exact.resolve("written"));
        Path theirs = write(ext4.resolve("written"));
        double[] flush = new double[rounds];
        double[] msync = new double[rounds];
        for (int i = 0; i < rounds; i++) {
            flush[i] = measure(true, "durable", ours, "flush").get("median");
            msync[i] = measure(false, "durable", theirs, "msync").get("median");
        }
        micros("64 bytes durable: store and flush, ours", flush, Report.NO_TARGET);
        micros("64 bytes durable: store and msync, ext4 on loop", msync, Report.NO_TARGET);
        ratio("ours / ext4", flush, msync, DURABLE_LIMIT);
    }

    private void fio(Path exact) throws IOException, InterruptedException {
        double[] ours = new double[rounds];
        double[] tmpfs = new double[rounds];
        for (int i = 0; i < rounds; i++) {
            ours[i] = fioNanosPerWrite(exact, List.of(options.launcher(), "run", "--"));
            tmpfs[i] =
                    fioNanosPerWrite(
                            options.workDirectory(), List.of("env", "PMEM_IS_PMEM_FORCE=1"));
        }
        report.value(SECTION, "fio libpmem randwrite 4k, ours", perSecond(ours), "1/s");
        report.value(SECTION, "the same, tmpfs and FORCE", perSecond(tmpfs), "1/s");
        ratio("fio libpmem, time / tmpfs", ours, tmpfs, FIO_LIMIT);
    }

    private static double perSecond(double[] nanos) {
        return 1e9 / Samples.quantile(nanos, 0.5);
    }

    private double fioNanosPerWrite(Path directory, List<String> prefix)
            throws IOException, InterruptedException {
        Path file = directory.resolve("fio.dat");
        Files.deleteIfExists(file);
        Processes.run("fallocate", "-l", MEGABYTES + "M", file.toString());
        List<String> command = new ArrayList<>(prefix);
        command.addAll(
                List.of(
                        "fio",
                        "--name=libpmem",
                        "--filename=" + file,
                        "--rw=randwrite",
                        "--bs=4k",
                        "--size=" + MEGABYTES + "M",
                        "--ioengine=libpmem",
                        "--direct=1",
                        "--sync=1",
                        "--thread",
                        "--time_based",
                        "--runtime=" + options.scaled(3, 1),
                        "--output-format=json"));
        String printed = Processes.run(command.toArray(String[]::new));
        Files.delete(file);
        return 1e9
                / new ObjectMapper()
                        .readTree(printed.substring(printed.indexOf('{')))
                        .at("/jobs/0/write/iops")
                        .asDouble();
    }

    private void revocation(Path exact) throws IOException, InterruptedException {
        Map<String, double[]> samples = new HashMap<>();
        for (int i = 0; i < rounds; i++) {
            put(samples, i, measure(true, "punch", write(exact.resolve("written")), ""));
        }
        micros("punch of 64 KiB that is mapped nowhere", samples.get("unmapped"), Report.NO_TARGET);
        micros("punch of 64 KiB that is mapped", samples.get("mapped"), REVOKE_LIMIT_MICROS);
    }

    private void micros(String name, double[] nanos, double limit) {
        report.atMost(SECTION, name, Samples.quantile(nanos, 0.5) / 1e3, limit, "us");
    }

    private void ratio(String name, double[] ours, double[] theirs, double limit) {
        double value = new Samples(ours).pairedRatio(new Samples(theirs));
        report.atMost(SECTION, name, value, limit, "");
    }

    /** Runs mapbench, ours with the client library. */
    private Map<String, Double> measure(boolean direct, String command, Path file, String how)
            throws IOException, InterruptedException {
        List<String> arguments = new ArrayList<>();
        if (direct) {
            arguments.addAll(List.of(options.launcher(), "run", "--"));
        }
        arguments.addAll(List.of(options.mapbench().toString(), command, file.toString(), how));
        Map<String, Double> values = new HashMap<>();
        Processes.run(arguments.toArray(String[]::new))
                .lines()
                .map(line -> line.split(" "))
                .forEach(fields -> values.put(fields[0], Double.valueOf(fields[1])));
        return values;
    }

    private static Path write(Path file) throws IOException {
        try (FileChannel channel =
                FileChannel.open(
                        file,
                        StandardOpenOption.CREATE,
                        StandardOpenOption.TRUNCATE_EXISTING,
                        StandardOpenOption.WRITE)) {
            byte[] megabyte = new byte[1 << 20];
            Arrays.fill(megabyte, (byte) 1);
            for (int i = 0; i < MEGABYTES; i++) {
                channel.write(ByteBuffer.wrap(megabyte));
            }
        }
        return file;
    }

    private static Path preallocate(Path directory) throws IOException, InterruptedException {
        Path file = directory.resolve("preallocated");
        Files.deleteIfExists(file);
        Processes.run("fallocate", "-l", MEGABYTES + "M", file.toString());
        return file;
    }

    private static Path hole(Path directory) throws IOException, InterruptedException {
        Path file = directory.resolve("hole");
        Files.deleteIfExists(file);
        Processes.run("truncate", "-s", MEGABYTES + "M", file.toString());
        return file;
    }
}
