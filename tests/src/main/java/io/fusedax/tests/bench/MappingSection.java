package io.fusedax.tests.bench;

import com.fasterxml.jackson.databind.ObjectMapper;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
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
    private static final int MEGABYTES = Mapbench.MEGABYTES;

    // Times the same of a raw mapping of tmpfs, of ext4 or of tmpfs.
    private static final double BANDWIDTH_LIMIT = 1 / 0.97;
    private static final double DURABLE_LIMIT = 1 / 20.0;
    private static final double FIO_LIMIT = 1 / 0.95;
    private static final double REVOKE_LIMIT_MICROS = 100;

    private final BenchOptions options;
    private final Report report;
    private final Peers peers;
    private final int rounds;
    private final Mapbench mapbench;

    MappingSection(BenchOptions options, Report report, Peers peers) {
        this.options = options;
        this.report = report;
        this.peers = peers;
        this.rounds = options.scaled(5, 1);
        this.mapbench = new Mapbench(options);
    }

    @Override
    public void run() throws IOException, InterruptedException {
        report.heading("Direct mappings");
        Path raw = options.workDirectory().resolve("raw");
        Mapbench.write(raw);
        try (Mounted guarded = mount("direct=uffd");
                Mounted signalled = mount("direct=signal");
                Mounted around = mount("fault=around:64k");
                Mounted ext4 = peers.mount(PeerKind.EXT4, Caching.OWN_DEFAULTS);
                Pinning pinning =
                        new Pinning(options.pinned(), List.of(guarded, signalled, around))) {
            FirstStores firstStores = new FirstStores(options, report, mapbench, raw);
            firstStores.run(guarded.directory(), signalled.directory(), around.directory());
            bandwidth(raw, guarded.directory());
            durable(guarded.directory(), ext4.directory());
            fio(guarded.directory());
            revocation(guarded.directory());
        }
        Files.delete(raw);
    }

    private Mounted mount(String option) throws IOException, InterruptedException {
        return peers.mountRegion(peers.newRegion("2G"), Caching.OWN_DEFAULTS, "dax=always", option);
    }

    private void bandwidth(Path raw, Path exact) throws IOException, InterruptedException {
        Path file = Mapbench.write(exact.resolve("written"));
        for (int block : new int[] {4 << 10, 2 << 20}) {
            Map<String, double[]> ours = new HashMap<>();
            Map<String, double[]> theirs = new HashMap<>();
            for (int i = 0; i < rounds; i++) {
                put(ours, i, mapbench.run(true, "bandwidth", file, Integer.toString(block)));
                put(theirs, i, mapbench.run(false, "bandwidth", raw, Integer.toString(block)));
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
        Path ours = Mapbench.write(exact.resolve("written"));
        Path theirs = Mapbench.write(ext4.resolve("written"));
        double[] flush = new double[rounds];
        double[] msync = new double[rounds];
        for (int i = 0; i < rounds; i++) {
            flush[i] = mapbench.run(true, "durable", ours, "flush").get("median");
            msync[i] = mapbench.run(false, "durable", theirs, "msync").get("median");
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
            put(
                    samples,
                    i,
                    mapbench.run(true, "punch", Mapbench.write(exact.resolve("written")), ""));
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
}
