package io.fusedax.tools;

import io.fusedax.backing.FsException;
import io.fusedax.backing.region.Region;
import io.fusedax.backing.region.RegionOptions;
import io.fusedax.backing.volume.VolumeInspector;
import io.fusedax.mount.MountControl;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Locale;
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

/** {@code fuse-dax dump}: shows a structure of a volume that is not mounted. */
@Command(
        name = "dump",
        description = {
            "Show one structure of the volume in REGION, which is opened read-only.",
            "Of a mounted volume only the extents of a file can be shown, by its path.",
            "The names shown are those of FORMAT.md."
        },
        footerHeading = "%nExamples:%n",
        footer = {
            "  fuse-dax dump /srv/volume.img superblock",
            "  fuse-dax dump /srv/volume.img inode 2",
            "  fuse-dax dump --json /srv/volume.img extents /var/log/messages",
            "  fuse-dax dump /mnt extents /var/log/messages       # of the live mount",
            "  fuse-dax dump /srv/volume.img directory /",
            "  fuse-dax dump /srv/volume.img journal",
            "  fuse-dax dump /srv/volume.img group 0"
        })
final class DumpCommand implements Callable<Integer> {
    /** What can be shown. */
    enum Structure {
        SUPERBLOCK(null),
        INODE("inode number or path"),
        EXTENTS("inode number or path"),
        DIRECTORY("inode number or path"),
        JOURNAL(null),
        GROUP("group number");

        /** What names the one wanted; null if there is only one. */
        private final String argument;

        Structure(String argument) {
            this.argument = argument;
        }

        String word() {
            return name().toLowerCase(Locale.ROOT);
        }

        static String words() {
            return Arrays.stream(values()).map(Structure::word).collect(Collectors.joining(", "));
        }
    }

    private static final int BLOCK_BYTES = 4096;

    @Spec private CommandSpec spec;

    @Option(names = "--json", description = "Print JSON.")
    private boolean json;

    @Parameters(index = "0", paramLabel = "REGION", description = "Where the volume is.")
    private Path path;

    @Parameters(
            index = "1",
            paramLabel = "STRUCTURE",
            description = "superblock, inode, extents, directory, journal or group.")
    private String structureWord;

    @Parameters(
            index = "2",
            arity = "0..1",
            paramLabel = "WHICH",
            description =
                    "The inode, by number or by absolute path within the volume; the group, by"
                            + " number.")
    private String which;

    @Override
    public Integer call() throws CommandFailure, FsException, IOException, InterruptedException {
        Structure structure = structure();
        long number = number(structure);
        MountTable table = MountTable.read();
        Optional<MountTable.Entry> mount = table.ofRegion(path).or(() -> table.at(path));
        Map<String, Object> tree =
                mount.isPresent()
                        ? inspectLive(mount.get(), structure, number)
                        : inspectAtRest(structure, number);
        spec.commandLine().getOut().print(json ? Output.json(tree) : Output.text(tree));
        return ExitCode.OK;
    }

    private Map<String, Object> inspectAtRest(Structure structure, long number)
            throws FsException, InterruptedException {
        try (Region region = RegionAccess.open(path, RegionOptions.defaults().withReadOnly(true))) {
            VolumeInspector inspector = VolumeInspector.open(region);
            boolean byPath = number < 0 && structure.argument != null;
            return inspect(inspector, structure, byPath ? inspector.resolve(which) : number);
        }
    }

    private Map<String, Object> inspectLive(
            MountTable.Entry mount, Structure structure, long number)
            throws CommandFailure, FsException, IOException {
        if (structure != Structure.EXTENTS || number >= 0) {
            throw new CommandFailure(
                    ExitCode.PROBLEM,
                    "mounted on " + mount.directory() + ", unmount it first: " + path);
        }
        Path file = mount.directory().resolve(which.replaceFirst("^/+", ""));
        List<Map<String, Object>> extents = new ArrayList<>();
        for (MountControl.FileExtent extent : MountControl.extents(file)) {
            Map<String, Object> row = new LinkedHashMap<>();
            row.put("logical_block", extent.logicalBytes() / BLOCK_BYTES);
            row.put("physical_block", extent.physicalBytes() / BLOCK_BYTES);
            row.put("length_blocks", extent.lengthBytes() / BLOCK_BYTES);
            row.put("unwritten", extent.unwritten());
            extents.add(row);
        }
        Map<String, Object> tree = new LinkedHashMap<>();
        tree.put("inode", Files.getAttribute(file, "unix:ino"));
        tree.put("extents", extents);
        return tree;
    }

    private Structure structure() {
        return Arrays.stream(Structure.values())
                .filter(candidate -> candidate.word().equals(structureWord))
                .findFirst()
                .orElseThrow(
                        () ->
                                usage(
                                        "unknown structure '"
                                                + structureWord
                                                + "': wants one of "
                                                + Structure.words()));
    }

    /** The number given, or -1 for a path or nothing. */
    private long number(Structure structure) {
        if (structure.argument == null) {
            if (which != null) {
                throw usage(structureWord + ": takes no '" + which + "'");
            }
            return -1;
        }
        if (which == null) {
            throw usage(structureWord + ": wants the " + structure.argument);
        }
        if (which.startsWith("/") && structure != Structure.GROUP) {
            return -1;
        }
        try {
            long number = Long.parseLong(which);
            if (number >= 0 && (structure != Structure.GROUP || number <= Integer.MAX_VALUE)) {
                return number;
            }
        } catch (NumberFormatException e) {
            // told below
        }
        throw usage(structureWord + ": wants the " + structure.argument + ", not '" + which + "'");
    }

    private ParameterException usage(String message) {
        return new ParameterException(spec.commandLine(), message);
    }

    private static Map<String, Object> inspect(
            VolumeInspector inspector, Structure structure, long number) throws FsException {
        return switch (structure) {
            case SUPERBLOCK -> inspector.superblock();
            case INODE -> inspector.inode(number);
            case EXTENTS -> inspector.extents(number);
            case DIRECTORY -> inspector.directory(number);
            case JOURNAL -> inspector.journal();
            case GROUP -> inspector.group((int) number);
        };
    }
}
