package io.fusedax.tools;

import io.fusedax.backing.Counter;
import io.fusedax.backing.FsException;
import io.fusedax.backing.region.Region;
import io.fusedax.backing.region.RegionOptions;
import io.fusedax.backing.volume.Volume;
import io.fusedax.backing.volume.VolumeOptions;
import io.fusedax.mount.MountControl;
import java.io.IOException;
import java.nio.file.FileStore;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.Optional;
import java.util.concurrent.Callable;
import picocli.CommandLine.Command;
import picocli.CommandLine.Model.CommandSpec;
import picocli.CommandLine.Option;
import picocli.CommandLine.Parameters;
import picocli.CommandLine.Spec;

/** {@code fuse-dax stats}: statistics of a live mount, or of a volume at rest. */
@Command(
        name = "stats",
        description = {
            "Show the statistics of mounts and volumes.",
            "A live mount goes on meanwhile. A region that is not mounted is opened read-only; it"
                    + " has no counters, which live in the daemon."
        },
        footerHeading = "%nExamples:%n",
        footer = {
            "  fuse-dax stats /mnt",
            "  fuse-dax stats --json /mnt | jq .counters.journal_commits_fsync",
            "  fuse-dax stats --all /mnt            # counters at zero, too",
            "  fuse-dax stats --file /mnt/pool      # faults of one file's direct mappings",
            "  fuse-dax stats /srv/volume.img"
        })
final class StatsCommand implements Callable<Integer> {
    private static final int BLOCK_BYTES = 4096;
    private static final String COUNTERS = "counters";

    @Spec private CommandSpec spec;

    @Option(
            names = "--json",
            description = "Print JSON: one document for each argument, one after the other.")
    private boolean json;

    @Option(
            names = {"-a", "--all"},
            description = "Show the counters that are zero, too (JSON always has them).")
    private boolean all;

    @Option(
            names = "--file",
            description = {
                "Show what direct mappings of single files did: faults, commits, revocations.",
                "The arguments are files of live mounts. Kept for the 1024 files mapped last."
            })
    private boolean file;

    @Parameters(
            arity = "1..*",
            paramLabel = "DIR|REGION|FILE",
            description = "Mount points, or regions, mounted or not; with --file: files.")
    private List<Path> paths;

    @Override
    public Integer call() throws FsException, IOException, CommandFailure, InterruptedException {
        for (Path path : paths) {
            Map<String, Object> tree = file ? ofFile(path) : statistics(path);
            spec.commandLine().getOut().print(json ? Output.json(tree) : text(tree));
        }
        return ExitCode.OK;
    }

    private static Map<String, Object> statistics(Path path)
            throws FsException, IOException, CommandFailure, InterruptedException {
        MountTable table = MountTable.read();
        Optional<MountTable.Entry> mount = table.at(path).or(() -> table.ofRegion(path));
        if (mount.isPresent()) {
            return ofMount(mount.get());
        }
        if (Files.isDirectory(path)) {
            throw new CommandFailure(ExitCode.PROBLEM, "not a fuse-dax mount: " + path);
        }
        return ofRegion(path);
    }

    private static Map<String, Object> ofFile(Path path) throws FsException, CommandFailure {
        if (!Files.isRegularFile(path)) {
            throw new CommandFailure(ExitCode.PROBLEM, "not a file: " + path);
        }
        Map<String, Object> tree = new LinkedHashMap<>();
        tree.put("file", path.toAbsolutePath().normalize().toString());
        tree.put(COUNTERS, counters(MountControl.fileStatistics(path)));
        return tree;
    }

    private static Map<String, Object> counters(List<MountControl.Statistic> statistics) {
        Map<String, Object> counters = new LinkedHashMap<>();
        for (MountControl.Statistic statistic : statistics) {
            counters.put(statistic.key(), statistic.value());
        }
        return counters;
    }

    private static Map<String, Object> ofMount(MountTable.Entry mount)
            throws FsException, IOException, CommandFailure {
        Path directory = mount.directory();
        MountControl.Server server =
                MountControl.server(directory)
                        .orElseThrow(
                                () ->
                                        new CommandFailure(
                                                ExitCode.PROBLEM,
                                                "does not answer as fuse-dax: " + directory));
        Map<String, Object> tree = new LinkedHashMap<>();
        tree.put("region", mount.source());
        tree.put("mounted", true);
        tree.put("directory", directory.toString());
        tree.put("pid", server.processId());
        tree.put("uuid", server.volumeUuid().toString());
        tree.put("read_only", server.readOnly());
        MountControl.problem(directory).ifPresent(text -> tree.put("problem", text));
        tree.put("transport", server.transport().optionValue());
        server.regionKind().ifPresent(kind -> tree.put("region_kind", lower(kind)));
        server.flushMechanism().ifPresent(flush -> tree.put("flush_mechanism", lower(flush)));
        tree.put("alignment_bytes", server.alignmentBytes());
        FileStore space = Files.getFileStore(directory);
        tree.put("total_bytes", space.getTotalSpace());
        tree.put("free_bytes", space.getUnallocatedSpace());
        tree.put(COUNTERS, counters(MountControl.statistics(directory)));
        return tree;
    }

    private static String lower(Enum<?> constant) {
        return constant.name().toLowerCase(Locale.ROOT);
    }

    private static Map<String, Object> ofRegion(Path path)
            throws FsException, InterruptedException {
        VolumeOptions options = VolumeOptions.defaults().withReadOnly(true);
        try (Region region = RegionAccess.open(path, RegionOptions.defaults().withReadOnly(true));
                Volume volume = Volume.open(region, options)) {
            Map<String, Object> summary = Trees.of(volume.summary());
            Map<String, Object> tree = new LinkedHashMap<>();
            tree.put("region", path.toAbsolutePath().normalize().toString());
            tree.put("mounted", false);
            tree.put("uuid", summary.remove("uuid"));
            tree.put("total_bytes", volume.statfs().totalBlocks() * BLOCK_BYTES);
            tree.put("free_bytes", volume.statfs().freeBlocks() * BLOCK_BYTES);
            tree.put("used_inodes", volume.statfs().usedInodes());
            tree.putAll(summary);
            tree.put("region_kind", lower(volume.summary().regionKind()));
            tree.put("flush_mechanism", lower(volume.summary().flushMechanism()));
            return tree;
        }
    }

    private String text(Map<String, Object> tree) {
        Map<String, Object> shown = new LinkedHashMap<>(tree);
        if (shown.remove(COUNTERS) instanceof Map<?, ?> counters) {
            shown.put(
                    COUNTERS,
                    counters.entrySet().stream().filter(this::isShown).map(this::row).toList());
        }
        return Output.text(shown);
    }

    private boolean isShown(Map.Entry<?, ?> counter) {
        return all || !Long.valueOf(0).equals(counter.getValue());
    }

    private Map<String, Object> row(Map.Entry<?, ?> counter) {
        Map<String, Object> row = new LinkedHashMap<>();
        row.put("counter", counter.getKey());
        row.put("value", counter.getValue());
        for (Counter known : Counter.values()) { // another version's daemon may have others
            if (known.key().equals(counter.getKey())) {
                row.put("unit", known.unit());
                row.put("meaning", known.help());
            }
        }
        if (String.valueOf(counter.getKey()).startsWith("fault_latency_")) {
            row.put("unit", "nanoseconds");
            row.put("meaning", "Time a fault took in the daemon: percentile, or longest.");
        }
        return row;
    }
}
