package io.fusedax.tools;

import io.fusedax.backing.FsException;
import io.fusedax.backing.format.Geometry;
import io.fusedax.backing.region.Region;
import io.fusedax.backing.region.RegionOptions;
import io.fusedax.backing.region.Regions;
import io.fusedax.tools.region.PmemDevice;
import io.fusedax.tools.region.RegionMode;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.concurrent.Callable;
import java.util.stream.Collectors;
import picocli.CommandLine.Command;
import picocli.CommandLine.Model.CommandSpec;
import picocli.CommandLine.Option;
import picocli.CommandLine.ParameterException;
import picocli.CommandLine.Parameters;
import picocli.CommandLine.Spec;

/** {@code fuse-dax region create}: makes a place that a volume can be made on. */
@Command(
        name = "create",
        description = {
            "Make a region that mkfs can make a volume on, and show it.",
            "With --size alone, TARGET becomes a file of this size. With --mode, TARGET is a"
                    + " namespace, given by its device or name, that is made anew by ndctl, or an"
                    + " nd region (regionN) with free space.",
            "What holds data is refused without --force, what is in use always."
        },
        footerHeading = "%nExamples:%n",
        footer = {
            "  fuse-dax region create --size 1G /srv/volume.img",
            "  fuse-dax region create --size 4G --preallocate /mnt/pmem0/region",
            "  fuse-dax region create --mode devdax --align 4K /dev/pmem0",
            "  fuse-dax region create --mode fsdax --size 8G region1",
            "  fuse-dax region create --dry-run --mode devdax namespace0.0"
        })
final class RegionCreateCommand implements Callable<Integer> {
    /** What namespaces can be made. */
    enum Mode {
        FSDAX(RegionMode.FSDAX),
        DEVDAX(RegionMode.DEVDAX);

        private final RegionMode mode;

        Mode(RegionMode mode) {
            this.mode = mode;
        }
    }

    private static final List<Long> ALIGNMENTS = List.of(4L << 10, 2L << 20, 1L << 30);

    @Spec private CommandSpec spec;

    @Option(
            names = {"-s", "--size"},
            paramLabel = "SIZE",
            converter = Sizes.class,
            description = "Size, with K, M, G or T; of a namespace by default all there is.")
    private Long sizeBytes;

    @Option(
            names = "--preallocate",
            description = "Take all the storage of a file from the host now.")
    private boolean preallocate;

    @Option(
            names = {"-m", "--mode"},
            paramLabel = "MODE",
            description =
                    "devdax: a character device, all of it the region; fsdax: a block device for a"
                            + " DAX file system.")
    private Mode mode;

    @Option(
            names = {"-a", "--align"},
            paramLabel = "SIZE",
            converter = Sizes.class,
            description = "Alignment of mappings: 4K, 2M or 1G (default: ndctl's).")
    private Long alignmentBytes;

    @Option(
            names = {"-f", "--force"},
            description = "Throw away what TARGET holds.")
    private boolean force;

    @Option(
            names = {"-n", "--dry-run"},
            description = "Show the commands, change nothing.")
    private boolean dryRun;

    @Option(
            names = {"-u", "--human"},
            description = "Print sizes as people read them.")
    private boolean human;

    @Parameters(
            paramLabel = "TARGET",
            description = "A file, /dev/pmemN, /dev/daxX.Y, namespaceX.Y or regionN.")
    private Path target;

    @Override
    public Integer call() throws CommandFailure, FsException, IOException, InterruptedException {
        checkArguments();
        if (mode == null) {
            createFile();
        } else {
            createNamespace();
        }
        return ExitCode.OK;
    }

    private void checkArguments() {
        String problem = null;
        if (mode == null && sizeBytes == null) {
            problem = "wants --size for a file, or --mode for a namespace";
        } else if (mode == null && alignmentBytes != null) {
            problem = "--align: goes with --mode";
        } else if (mode != null && preallocate) {
            problem = "--preallocate: goes with files only";
        } else if (alignmentBytes != null && !ALIGNMENTS.contains(alignmentBytes)) {
            problem = "--align: wants 4K, 2M or 1G, not " + alignmentBytes + " bytes";
        } else if (sizeBytes != null
                && (sizeBytes < Geometry.MIN_REGION_BYTES
                        || sizeBytes > Geometry.MAX_REGION_BYTES)) {
            problem = "--size: wants 1M to 16T, not " + sizeBytes + " bytes";
        }
        if (problem != null) {
            throw new ParameterException(spec.commandLine(), problem);
        }
    }

    private void createFile()
            throws CommandFailure, FsException, IOException, InterruptedException {
        if (Files.exists(target) && !Files.isRegularFile(target)) {
            throw new CommandFailure(
                    ExitCode.PROBLEM,
                    "not a file; --mode would make a namespace of a device: " + target);
        }
        if (Files.exists(target) && Files.size(target) > 0) {
            refuseContent(RegionContent.of(target));
        }
        if (dryRun) {
            String file = quoted(target.toString());
            print((preallocate ? "fallocate -l " : "truncate -s ") + sizeBytes + " " + file);
            return;
        }
        RegionOptions options =
                RegionOptions.defaults()
                        .withCreateSizeBytes(sizeBytes)
                        .withOverwrite(force)
                        .withPreallocate(preallocate);
        try (Region region = Regions.open(target, options)) {
            region.drain();
        }
        show(RegionShowCommand.show(RegionReport.ofThisMachine(), target));
    }

    private void createNamespace() throws CommandFailure, IOException, InterruptedException {
        RegionReport report = RegionReport.ofThisMachine();
        PmemDevice device = device(report);
        Programs programs = Programs.installed();
        if (device.deviceName() != null) {
            RegionClearErrorsCommand.refuseUse(report, device);
        }
        refuseContent(RegionContent.of(device, programs));
        List<String> command =
                Namespaces.createCommand(device, mode.mode, alignmentBytes, sizeBytes);
        if (dryRun) {
            print(
                    command.stream()
                            .map(RegionCreateCommand::quoted)
                            .collect(Collectors.joining(" ")));
            return;
        }
        String name = new Namespaces(programs).create(command);
        RegionReport after = RegionReport.ofThisMachine();
        for (PmemDevice made : after.devices()) {
            if (name.equals(made.namespace())) {
                show(RegionShowCommand.show(after, made));
                return;
            }
        }
        throw new CommandFailure(ExitCode.PROBLEM, "ndctl made it, but it is gone: " + name);
    }

    private PmemDevice device(RegionReport report) throws CommandFailure, IOException {
        PmemDevice device =
                report.device(target)
                        .orElseThrow(
                                () ->
                                        new CommandFailure(
                                                ExitCode.PROBLEM,
                                                "--mode makes namespaces, and this is none: "
                                                        + target));
        if (device.region() == null) {
            throw new CommandFailure(
                    ExitCode.PROBLEM, "has no namespace that could be made anew: " + target);
        }
        return device;
    }

    private void refuseContent(Optional<String> content) throws CommandFailure {
        if (content.isPresent() && !force) {
            throw new CommandFailure(
                    ExitCode.PROBLEM, content.get() + "; --force overwrites it: " + target);
        }
    }

    private void show(Map<String, Object> row) {
        Object shown = human ? HumanSizes.of(row) : row;
        spec.commandLine().getOut().print(Output.json(shown));
    }

    private void print(String line) {
        spec.commandLine().getOut().println(line);
    }

    /** A word as the shell reads it. */
    private static String quoted(String word) {
        return word.matches("[A-Za-z0-9_./=:+-]+") ? word : "'" + word.replace("'", "'\\''") + "'";
    }
}
