package io.fusedax.tests.bench;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;
import java.io.IOException;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Locale;

/** fio with its psync engine: time for each transfer, peers in turn. */
final class FioSection implements Section {
    private static final String SECTION = "fio";

    private final BenchOptions options;
    private final Report report;
    private final Peers peers;
    private final ObjectMapper mapper = new ObjectMapper();

    FioSection(BenchOptions options, Report report, Peers peers) {
        this.options = options;
        this.report = report;
        this.peers = peers;
    }

    /** A job; the first one lays the file out. */
    private enum Job {
        WRITE("write", "1M"),
        READ("read", "1M"),
        RANDOM_WRITE("randwrite", "4k"),
        RANDOM_READ("randread", "4k");

        private final String mode;
        private final String blockSize;

        Job(String mode, String blockSize) {
            this.mode = mode;
            this.blockSize = blockSize;
        }

        String direction() {
            return mode.endsWith("read") ? "read" : "write";
        }
    }

    @Override
    public void run() throws IOException, InterruptedException {
        report.heading("fio, psync, uncached (ext4: buffered): MiB/s, median");
        List<Mounted> mounts = new ArrayList<>();
        try {
            for (PeerKind kind : options.peers()) {
                mounts.add(peers.mount(kind, Caching.NONE));
            }
            try (Pinning pinning = new Pinning(options.pinned(), mounts)) {
                for (Job job : Job.values()) {
                    print(job, mounts, measure(job, mounts));
                }
            }
        } finally {
            for (Mounted mount : mounts) {
                mount.close();
            }
        }
    }

    private List<Samples> measure(Job job, List<Mounted> mounts)
            throws IOException, InterruptedException {
        int rounds = options.scaled(5, 1);
        List<double[]> micros = new ArrayList<>();
        mounts.forEach(mount -> micros.add(new double[rounds]));
        for (int round = 0; round < rounds; round++) {
            for (int turn = 0; turn < mounts.size(); turn++) {
                int index = (round + turn) % mounts.size();
                micros.get(index)[round] = microsPerMegabyte(job, mounts.get(index).directory());
            }
        }
        return micros.stream().map(Samples::new).toList();
    }

    private double microsPerMegabyte(Job job, Path directory)
            throws IOException, InterruptedException {
        String printed =
                Processes.run(
                        "fio",
                        "--name=" + job.mode,
                        "--filename=" + directory.resolve("fio.dat"),
                        "--rw=" + job.mode,
                        "--bs=" + job.blockSize,
                        "--size=64M",
                        "--ioengine=psync",
                        "--thread", // a process would leave the session, and its priority
                        "--time_based",
                        "--runtime=" + options.scaled(2, 1),
                        "--output-format=json");
        JsonNode root = mapper.readTree(printed.substring(printed.indexOf('{')));
        double bytesPerSecond = root.at("/jobs/0/" + job.direction() + "/bw_bytes").asDouble();
        return (1 << 20) / bytesPerSecond * 1_000_000;
    }

    private void print(Job job, List<Mounted> mounts, List<Samples> samples) {
        String name = job.mode + " " + job.blockSize;
        StringBuilder line = new StringBuilder(String.format("  %-16s", name));
        for (int i = 0; i < samples.size(); i++) {
            String peer = mounts.get(i).kind().label();
            double megabytes = 1_000_000 / samples.get(i).median();
            report.result(SECTION, name).put("peer", peer).put("mebibytesPerSecond", megabytes);
            line.append(String.format(Locale.ROOT, "%14s %7.0f", peer, megabytes));
        }
        for (int i = 1; options.hasOurs() && i < samples.size(); i++) {
            double ratio = samples.get(0).pairedRatio(samples.get(i));
            String peer = mounts.get(i).kind().label();
            report.result(SECTION, name).put("peer", peer).put("timeRatio", ratio);
            line.append(String.format(Locale.ROOT, "   time / %s %.2f", peer, ratio));
        }
        report.line("%s", line);
    }
}
