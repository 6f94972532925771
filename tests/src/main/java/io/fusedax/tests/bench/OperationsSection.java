package io.fusedax.tests.bench;

import com.fasterxml.jackson.databind.node.ObjectNode;
import java.io.IOException;
import java.util.ArrayList;
import java.util.List;
import java.util.Locale;

/** Every {@link Operation} on every peer: medians, 10th percentiles and paired ratios. */
final class OperationsSection implements Section {
    private final BenchOptions options;
    private final Report report;
    private final Peers peers;
    private final Caching caching;
    private final Libc libc = Libc.load();

    OperationsSection(BenchOptions options, Report report, Peers peers, Caching caching) {
        this.options = options;
        this.report = report;
        this.peers = peers;
        this.caching = caching;
    }

    @Override
    public void run() throws IOException, InterruptedException {
        report.heading("Operations, " + caching.label() + ": us a call, median (10th percentile)");
        printHeader();
        List<Mounted> mounts = new ArrayList<>();
        try {
            for (PeerKind kind : options.peers()) {
                mounts.add(peers.mount(kind, caching));
            }
            List<Mounted> ours =
                    mounts.stream().filter(mount -> mount.kind() == PeerKind.FUSE_DAX).toList();
            for (Operation operation : options.operations()) {
                warmUp(operation, ours);
            }
            try (Pinning pinning = new Pinning(options.pinned(), mounts)) {
                for (Operation operation : options.operations()) {
                    print(operation, measure(operation, mounts));
                }
            }
        } finally {
            for (Mounted mount : mounts) {
                mount.close();
            }
        }
    }

    /** On all processors, so that the compiler threads of a JVM do not delay what is measured. */
    private void warmUp(Operation operation, List<Mounted> mounts) {
        try (OpenWorkloads open = new OpenWorkloads(libc, operation, mounts)) {
            new Sampler(0, options.scaled(3_000, 500)).warmUp(open.workloads());
        }
    }

    private List<Samples> measure(Operation operation, List<Mounted> mounts) {
        try (OpenWorkloads open = new OpenWorkloads(libc, operation, mounts)) {
            return new Sampler(options.rounds(), options.scaled(500, 200))
                    .measure(open.workloads());
        }
    }

    private void printHeader() {
        StringBuilder header = new StringBuilder(String.format("  %-22s", ""));
        options.peers().forEach(peer -> header.append(String.format("%18s", peer.label())));
        if (options.hasOurs()) {
            header.append("   ours / peer, median of paired ratios");
        }
        report.line("%s", header);
    }

    private void print(Operation operation, List<Samples> samples) {
        StringBuilder line = new StringBuilder(String.format("  %-22s", operation.label()));
        for (int i = 0; i < samples.size(); i++) {
            Samples of = samples.get(i);
            ObjectNode result = result(operation, options.peers().get(i));
            result.put("medianMicros", of.median())
                    .put("tenthPercentileMicros", of.tenthPercentile());
            String cell =
                    String.format(Locale.ROOT, "%.1f (%.1f)", of.median(), of.tenthPercentile());
            line.append(String.format("%18s", cell));
            if (i > 0 && options.hasOurs()) {
                result.put("ratio", samples.get(0).pairedRatio(of));
            }
        }
        if (options.hasOurs()) {
            appendRatios(line, operation, samples);
        }
        report.line("%s", line);
    }

    private void appendRatios(StringBuilder line, Operation operation, List<Samples> samples) {
        for (int i = 1; i < samples.size(); i++) {
            PeerKind peer = options.peers().get(i);
            double ratio = samples.get(0).pairedRatio(samples.get(i));
            double limit = operation.targetAgainst(peer, caching);
            ObjectNode result = report.result("ratio-" + caching.label(), operation.label());
            result.put("peer", peer.label()).put("value", ratio);
            String verdict = report.judge(result, ratio, limit);
            line.append(String.format(Locale.ROOT, "   %s %.2f %s", peer.label(), ratio, verdict));
        }
    }

    private ObjectNode result(Operation operation, PeerKind peer) {
        return report.result("operations-" + caching.label(), operation.label())
                .put("peer", peer.label());
    }
}
