package io.fusedax.tests.bench;

import java.io.IOException;
import java.util.ArrayList;
import java.util.List;

/**
 * The same append and fsync on a small and a huge region: a commit must cost the bytes changed, not
 * the region.
 */
final class CommitCostSection implements Section {
    private static final String SECTION = "commit cost";
    private static final List<String> SIZES = List.of("256M", "64G");
    private static final double LIMIT = 1.1;

    private final BenchOptions options;
    private final Report report;
    private final Peers peers;

    CommitCostSection(BenchOptions options, Report report, Peers peers) {
        this.options = options;
        this.report = report;
        this.peers = peers;
    }

    @Override
    public void run() throws IOException, InterruptedException {
        report.heading(
                "Commit cost: append 512 B + fsync on a region of "
                        + String.join(" and of ", SIZES));
        List<Mounted> mounts = new ArrayList<>();
        try {
            for (String size : SIZES) {
                mounts.add(peers.mountNewRegion(size, Caching.NONE));
            }
            List<Samples> samples = measure(mounts);
            for (int i = 0; i < SIZES.size(); i++) {
                report.value(SECTION, "region of " + SIZES.get(i), samples.get(i).median(), "us");
            }
            report.atMost(
                    SECTION,
                    "large / small",
                    samples.get(1).pairedRatio(samples.get(0)),
                    LIMIT,
                    "");
        } finally {
            for (Mounted mount : mounts) {
                mount.close();
            }
        }
    }

    private List<Samples> measure(List<Mounted> mounts) throws IOException, InterruptedException {
        try (OpenWorkloads open = new OpenWorkloads(Libc.load(), Operation.APPEND_FSYNC, mounts)) {
            Sampler sampler = new Sampler(options.rounds(), options.scaled(3_000, 500));
            sampler.warmUp(open.workloads());
            try (Pinning pinning = new Pinning(options.pinned(), mounts)) {
                return sampler.measure(open.workloads());
            }
        }
    }
}
