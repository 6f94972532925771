package io.fusedax.tools;

import io.fusedax.backing.FsException;
import io.fusedax.backing.region.BadBlocks;
import io.fusedax.mount.MountControl;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.concurrent.Callable;
import picocli.CommandLine.Command;
import picocli.CommandLine.Model.CommandSpec;
import picocli.CommandLine.Option;
import picocli.CommandLine.ParameterException;
import picocli.CommandLine.Parameters;
import picocli.CommandLine.Spec;

/** {@code fuse-dax inject-error}: bad blocks in a live mount's region. */
@Command(
        name = "inject-error",
        description = {
            "Make units of 512 bytes of a mounted region unreadable, as ndctl inject-error does.",
            "Calls that read them answer EIO, loads of mappings SIGBUS, until they are overwritten"
                + " (or punched out, or truncated away). If they hold metadata, the volume goes"
                + " read-only once it needs that. Bad blocks live in the daemon: they end with the"
                + " mount, and the region itself is untouched.",
            "Without --block or --offset, tells which are bad."
        },
        footerHeading = "%nExamples:%n",
        footer = {
            "  fuse-dax inject-error --offset 8192 --length 512 /mnt/pool   # within the file",
            "  fuse-dax inject-error --block 2048 --count 8 /mnt            # within the region",
            "  fuse-dax inject-error --status --json /mnt",
            "  fuse-dax inject-error --clear --offset 8192 --length 512 /mnt/pool"
        })
final class InjectErrorCommand implements Callable<Integer> {
    @Spec private CommandSpec spec;

    @Option(
            names = {"-B", "--block"},
            paramLabel = "N",
            description = "First unit of 512 bytes, from the region's start; DIR is a mount point.")
    private Long block;

    @Option(
            names = {"-n", "--count"},
            paramLabel = "N",
            description = "How many units (default: ${DEFAULT-VALUE}).",
            defaultValue = "1")
    private long count;

    @Option(
            names = "--offset",
            paramLabel = "BYTES",
            description = "First byte, from the file's start; the argument is a file.")
    private Long offset;

    @Option(
            names = "--length",
            paramLabel = "BYTES",
            description = "How many bytes; units they touch are bad as a whole (default: 1).")
    private Long length;

    @Option(
            names = {"-d", "--uninject", "--clear"},
            description = "Make the units good again, with what they held.")
    private boolean clear;

    @Option(
            names = {"-t", "--status"},
            description = "Tell which units are bad; changes nothing.")
    private boolean status;

    @Option(names = "--json", description = "Print JSON.")
    private boolean json;

    @Parameters(
            paramLabel = "DIR|FILE",
            description = "With --offset a file of a mount, else a mount point or a path below it.")
    private Path path;

    @Override
    public Integer call() throws FsException, CommandFailure {
        checkOptions();
        MountTable.Entry mount =
                MountTable.read()
                        .containing(path)
                        .orElseThrow(
                                () ->
                                        new CommandFailure(
                                                ExitCode.PROBLEM,
                                                "not on a fuse-dax mount: " + path));
        if (!status) {
            for (BadBlocks.Range range : wanted()) {
                MountControl.injectError(path, range.offset(), range.lengthBytes(), clear);
            }
        }
        Map<String, Object> tree = show(mount);
        spec.commandLine().getOut().print(json ? Output.json(tree) : Output.text(tree));
        return ExitCode.OK;
    }

    private void checkOptions() {
        boolean placed = block != null || offset != null;
        String problem = null;
        if (block != null && offset != null) {
            problem = "--block and --offset exclude each other";
        } else if (status && (placed || clear)) {
            problem = "--status goes alone";
        } else if (clear && !placed) {
            problem = "--clear wants --block or --offset";
        } else if (length != null && offset == null) {
            problem = "--length wants --offset";
        } else if (block != null && (block < 0 || count < 1)) {
            problem = "--block wants 0 or more, --count 1 or more";
        } else if (offset != null && (offset < 0 || length != null && length < 1)) {
            problem = "--offset wants 0 or more, --length 1 or more";
        }
        if (problem != null) {
            throw new ParameterException(spec.commandLine(), problem);
        }
        status = !placed;
    }

    /** What is to be marked, in bytes of the region. */
    private List<BadBlocks.Range> wanted() throws FsException, CommandFailure {
        if (block != null) {
            try {
                long from = Math.multiplyExact(block, (long) BadBlocks.UNIT_BYTES);
                long bytes = Math.multiplyExact(count, (long) BadBlocks.UNIT_BYTES);
                return List.of(new BadBlocks.Range(from, bytes));
            } catch (ArithmeticException e) {
                throw new CommandFailure(ExitCode.USAGE, "no region is so large: --block " + block);
            }
        }
        if (!Files.isRegularFile(path)) {
            throw new CommandFailure(ExitCode.PROBLEM, "not a file: " + path);
        }
        long from = offset & -BadBlocks.UNIT_BYTES;
        long bytes = length == null ? 1 : length;
        long most = Long.MAX_VALUE - BadBlocks.UNIT_BYTES - offset;
        long end =
                offset + Math.min(bytes, most) + BadBlocks.UNIT_BYTES - 1 & -BadBlocks.UNIT_BYTES;
        List<BadBlocks.Range> ranges = new ArrayList<>();
        for (MountControl.FileExtent extent : MountControl.extents(path)) {
            long first = Math.max(from, extent.logicalBytes());
            long last = Math.min(end, extent.logicalBytes() + extent.lengthBytes());
            if (first < last) {
                long place = extent.physicalBytes() + first - extent.logicalBytes();
                ranges.add(new BadBlocks.Range(place, last - first));
            }
        }
        if (ranges.isEmpty()) {
            throw new CommandFailure(
                    ExitCode.PROBLEM, "no data there, only a hole: " + path + " offset " + offset);
        }
        return ranges;
    }

    private Map<String, Object> show(MountTable.Entry mount) throws FsException {
        List<Map<String, Object>> rows = new ArrayList<>();
        long units = 0;
        for (BadBlocks.Range range : MountControl.badBlocks(mount.directory())) {
            Map<String, Object> row = new LinkedHashMap<>();
            row.put("block", range.offset() / BadBlocks.UNIT_BYTES);
            row.put("count", range.lengthBytes() / BadBlocks.UNIT_BYTES);
            rows.add(row);
            units += range.lengthBytes() / BadBlocks.UNIT_BYTES;
        }
        Map<String, Object> tree = new LinkedHashMap<>();
        tree.put("directory", mount.directory().toString());
        tree.put("region", mount.source());
        tree.put("unit_bytes", BadBlocks.UNIT_BYTES);
        tree.put("bad_units", units);
        Optional<String> problem = MountControl.problem(mount.directory());
        problem.ifPresent(text -> tree.put("problem", text));
        tree.put("badblocks", rows);
        return tree;
    }
}
