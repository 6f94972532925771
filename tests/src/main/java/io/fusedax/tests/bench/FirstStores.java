package io.fusedax.tests.bench;

import java.io.IOException;
import java.nio.file.Path;

/**
 * What a first store costs: by userfaultfd, by SIGSEGV, and with 64 KiB granted around it, beside
 * the first touch of a page of tmpfs. The daemons have warmed up: a fault is answered a few hundred
 * times before its code is compiled, and with 64 KiB a fault each file has only a thousand.
 */
final class FirstStores {
    private static final String SECTION = "mapping";

    // Times the first touch of a page of a plain mapping of tmpfs.
    private static final double GUARDED_LIMIT = 12;
    private static final double SIGNALLED_LIMIT = 20;
    private static final double HOLE_LIMIT = 1.5;
    private static final double AROUND_LIMIT_MICROS = 4;

    private static final int WARM_UP_FILES = 12;

    private final Report report;
    private final Mapbench mapbench;
    private final Path raw;
    private final int rounds;
    private final int warmUps;
    private final double[] touch;

    FirstStores(BenchOptions options, Report report, Mapbench mapbench, Path raw) {
        this.report = report;
        this.mapbench = mapbench;
        this.raw = raw;
        this.rounds = options.scaled(5, 1);
        this.warmUps = options.scaled(WARM_UP_FILES, 1);
        this.touch = new double[rounds];
    }

    /** Nanoseconds a page, by round. */
    private final class Costs {
        final Path directory;
        final String statistic;
        final double[] written = new double[rounds];
        final double[] lazy = new double[rounds];
        final double[] unwritten = new double[rounds];
        final double[] hole = new double[rounds];

        Costs(Path directory, String statistic) throws IOException, InterruptedException {
            this.directory = directory;
            this.statistic = statistic;
            for (int i = 0; i < warmUps; i++) {
                first(Mapbench.hole(directory), "sync");
                first(Mapbench.preallocate(directory), "sync");
                first(Mapbench.write(directory.resolve("written")), "sync");
            }
        }

        void measure(int round) throws IOException, InterruptedException {
            Path file = Mapbench.write(directory.resolve("written"));
            written[round] = first(file, "sync");
            lazy[round] = first(file, "plain");
            unwritten[round] = first(Mapbench.preallocate(directory), "sync");
            hole[round] = first(Mapbench.hole(directory), "sync");
        }

        private double first(Path file, String how) throws IOException, InterruptedException {
            return mapbench.run(true, "first", file, how).get(statistic);
        }

        void report(String name, double limitMicros) {
            micros(name + ", written, MAP_SYNC", written, limitMicros);
            micros(name + ", written, MAP_SHARED", lazy, Report.NO_TARGET);
            micros(name + ", unwritten, MAP_SYNC", unwritten, limitMicros);
            micros(name + ", hole, MAP_SYNC", hole, limitMicros);
        }

        void reportRatios(String name, double limit) {
            ratio(name + ", written / first touch", written, touch, limit);
            ratio(name + ", hole / written", hole, written, HOLE_LIMIT);
        }
    }

    void run(Path guardedMount, Path signalledMount, Path aroundMount)
            throws IOException, InterruptedException {
        Costs guarded = new Costs(guardedMount, "median");
        Costs signalled = new Costs(signalledMount, "median");
        Costs around = new Costs(aroundMount, "mean");
        for (int i = 0; i < rounds; i++) {
            touch[i] = mapbench.run(false, "first", raw, "plain").get("median");
            guarded.measure(i);
            signalled.measure(i);
            around.measure(i);
        }
        micros("first touch of a 4 KiB page, tmpfs itself", touch, Report.NO_TARGET);
        guarded.report("userfaultfd: first store", Report.NO_TARGET);
        guarded.reportRatios("userfaultfd: first store", GUARDED_LIMIT);
        signalled.report("SIGSEGV: first store", Report.NO_TARGET);
        signalled.reportRatios("SIGSEGV: first store", SIGNALLED_LIMIT);
        around.report("around:64k, mean of all pages", AROUND_LIMIT_MICROS);
    }

    private void micros(String name, double[] nanos, double limit) {
        report.atMost(SECTION, name, Samples.quantile(nanos, 0.5) / 1e3, limit, "us");
    }

    private void ratio(String name, double[] ours, double[] theirs, double limit) {
        double value = new Samples(ours).pairedRatio(new Samples(theirs));
        report.atMost(SECTION, name, value, limit, "");
    }
}
