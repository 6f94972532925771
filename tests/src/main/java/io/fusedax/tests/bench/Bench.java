package io.fusedax.tests.bench;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.EnumSet;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.concurrent.Callable;
import picocli.CommandLine;
import picocli.CommandLine.Command;
import picocli.CommandLine.Option;

/**
 * The benchmark driver behind tests/bench, which prepares its arguments and the namespaces it runs
 * in: when this process ends, however it ends, the kernel ends every daemon and every mount with
 * it.
 */
@Command(
        name = "bench",
        mixinStandardHelpOptions = true,
        description = "Measures fuse-dax beside its peers. Exit code 1: a target was missed.")
public final class Bench implements Callable<Integer> {
    @Option(
            names = "--quick",
            description = "Fewer and smaller samples: minutes become seconds, numbers rough.")
    private boolean quick;

    @Option(
            names = "--peers",
            paramLabel = "PEER",
            arity = "0..1",
            split = ",",
            fallbackValue = "passthrough,fusexmp,fuse2fs,ext4",
            defaultValue = "fuse_dax,passthrough,fusexmp,fuse2fs,ext4",
            description = "Run these alone; without a value: all but fuse_dax.")
    private Set<PeerKind> peers;

    @Option(
            names = "--operations",
            paramLabel = "OPERATION",
            split = ",",
            description = "Of uncached, cached and default, these: ${COMPLETION-CANDIDATES}.")
    private Set<Operation> operations;

    @Option(
            names = "--rounds",
            paramLabel = "N",
            description = "Samples of each operation and peer; default 61, with --quick 11.")
    private Integer rounds;

    @Option(
            names = "--unpinned",
            description = "Let operations run on any processor: real wake-ups, and their noise.")
    private boolean unpinned;

    @Option(names = "--json", paramLabel = "FILE", description = "Write the results there too.")
    private Path json;

    @Option(
            names = "--only",
            paramLabel = "NAME",
            split = ",",
            description =
                    "Run these sections: uncached, cached, default, fio, commit, directory, mount,"
                            + " mapping. Default: all.")
    private List<String> only;

    @Option(names = "--launcher", required = true, hidden = true)
    private String launcher;

    @Option(names = "--fusexmp", required = true, hidden = true)
    private Path fusexmp;

    @Option(names = "--passthrough", required = true, hidden = true)
    private Path passthrough;

    @Option(names = "--mapbench", required = true, hidden = true)
    private Path mapbench;

    @Option(names = "--work", required = true, hidden = true)
    private Path workDirectory;

    @Option(names = "--mounts", required = true, hidden = true)
    private Path mountDirectory;

    public static void main(String[] arguments) {
        System.exit(
                new CommandLine(new Bench())
                        .setCaseInsensitiveEnumValuesAllowed(true)
                        .execute(arguments));
    }

    @Override
    public Integer call() throws IOException, InterruptedException {
        BenchOptions options =
                new BenchOptions(
                        launcher,
                        fusexmp,
                        passthrough,
                        mapbench,
                        workDirectory,
                        mountDirectory,
                        List.copyOf(EnumSet.copyOf(peers)),
                        operations == null ? EnumSet.allOf(Operation.class) : operations,
                        rounds != null ? rounds : quick ? 11 : 61,
                        !unpinned,
                        quick);
        Report report = new Report(System.out);
        Map<String, Section> sections = sections(options, report);
        if (only != null && !sections.keySet().containsAll(only)) {
            System.err.println("bench: --only knows " + String.join(", ", sections.keySet()));
            return CommandLine.ExitCode.USAGE;
        }
        describe(report);
        for (Map.Entry<String, Section> section : sections.entrySet()) {
            if (only == null || only.contains(section.getKey())) {
                section.getValue().run();
            }
        }
        int missed = report.finish();
        if (json != null) {
            report.writeJson(json);
        }
        return missed == 0 ? 0 : 1;
    }

    private static Map<String, Section> sections(BenchOptions options, Report report) {
        Peers factory = new Peers(options);
        Map<String, Section> sections = new LinkedHashMap<>();
        for (Caching caching : Caching.values()) {
            sections.put(caching.label(), new OperationsSection(options, report, factory, caching));
        }
        sections.put("fio", new FioSection(options, report, factory));
        if (options.hasOurs()) {
            sections.put("commit", new CommitCostSection(options, report, factory));
            sections.put("directory", new LargeDirectorySection(options, report, factory));
            sections.put("mount", new MountTimeSection(options, report, factory));
            sections.put("mapping", new MappingSection(options, report, factory));
        }
        return sections;
    }

    private void describe(Report report) throws IOException {
        report.environment(
                "kernel", Files.readString(Path.of("/proc/sys/kernel/osrelease")).strip());
        report.environment("processors", Runtime.getRuntime().availableProcessors());
        report.environment("java", Runtime.version());
        report.environment("load average", Files.readString(Path.of("/proc/loadavg")).strip());
        report.environment("quick", quick);
        report.environment("pinned to one processor", !unpinned);
        for (Caching caching : Caching.values()) {
            report.environment(
                    "FUSE options, " + caching.label(), String.join(" ", caching.peerOptions()));
        }
    }
}
