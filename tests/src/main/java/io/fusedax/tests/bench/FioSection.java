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
        RANDOM_READ("randread", "4k"),
        FOUR_RANDOM_WRITERS("randwrite", "4k", 4),
        FOUR_WRITERS("write", "128k", 4);

        private static final int FILE_MEBIBYTES = 64;

        private final String mode;
        private final String blockSize;
        private final int jobs;

        Job(String mode, String blockSize) {
            this(mode, blockSize, 1);
        }

        /** Several jobs have a part of the file each. */
        Job(String mode, String blockSize, int jobs) {
            this.mode = mode;
            this.blockSize = blockSize;
            this.jobs = jobs;
        }

        /** Where and how much, in fio's words. */
        List<String> places() {
            String part = FILE_MEBIBYTES / jobs + "M";
            return List.of("--size=" + part, "--offset_increment=" + part, "--numjobs=" + jobs);
        }

        String title() {
            return mode + " " + blockSize + (jobs > 1 ? " x" + jobs : "");
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
        List<String> command = new ArrayList<>();
        command.add("fio");
        command.add("--name=" + job.mode);
        command.add("--filename=" + directory.resolve("fio.dat"));
        command.add("--rw=" + job.mode);
        command.add("--bs=" + job.blockSize);
        command.addAll(job.places());
        command.add("--group_reporting");
        command.add("--ioengine=psync");
        command.add("--thread"); // a process would leave the session, and its priority
        command.add("--time_based");
        command.add("--runtime=" + options.scaled(2, 1));
        command.add("--output-format=json");
        String printed = Processes.run(command.toArray(String[]::new));
        JsonNode root = mapper.readTree(printed.substring(printed.indexOf('{')));
        double bytesPerSecond = root.at("/jobs/0/" + job.direction() + "/bw_bytes").asDouble();
        return (1 << 20) / bytesPerSecond * 1_000_000;
    }

    private void print(Job job, List<Mounted> mounts, List<Samples> samples) {
        String name = job.title();
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
