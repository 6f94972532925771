package io.fusedax.tools;

import io.fusedax.backing.region.BadBlocks;
import io.fusedax.tools.region.PmemDevice;
import io.fusedax.tools.region.RegionMode;
import java.io.IOException;
import java.nio.file.Path;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.concurrent.Callable;
import picocli.CommandLine.Command;
import picocli.CommandLine.Model.CommandSpec;
import picocli.CommandLine.Option;
import picocli.CommandLine.Parameters;
import picocli.CommandLine.Spec;

/** {@code fuse-dax region clear-errors}: makes bad blocks of a namespace good again. */
@Command(
        name = "clear-errors",
        description = {
            "Clear the bad blocks of a namespace that is not in use. What they held is gone: they"
                    + " read as something else from then on.",
            "By ndctl clear-errors; where its bus cannot do that (memmap=), bad blocks of a block"
                + " device are overwritten with zeros, which the kernel takes as clearing them.",
            "Exit code 1 when some are left."
        },
        footerHeading = "%nExamples:%n",
        footer = {
            "  fuse-dax region clear-errors /dev/pmem0",
            "  fuse-dax region clear-errors --scrub namespace0.0"
        })
final class RegionClearErrorsCommand implements Callable<Integer> {
    @Spec private CommandSpec spec;

    @Option(
            names = "--scrub",
            description = "Have the platform look for further bad blocks first; takes its time.")
    private boolean scrub;

    @Parameters(
            paramLabel = "PATH",
            description = "/dev/pmemN, /dev/daxX.Y or namespaceX.Y; a file has none of its own.")
    private Path path;

    @Override
    public Integer call() throws CommandFailure, IOException, InterruptedException {
        RegionReport report = RegionReport.ofThisMachine();
        Optional<PmemDevice> device = report.device(path);
        if (device.isEmpty()) {
            report.ofFile(path); // or tells that it is not even a file
            print(nothing("a file has no list of bad blocks: overwrite or punch what gives EIO"));
            return ExitCode.OK;
        }
        return clear(report, device.get());
    }

    private int clear(RegionReport report, PmemDevice device)
            throws CommandFailure, IOException, InterruptedException {
        if (device.namespace() == null) {
            throw new CommandFailure(ExitCode.PROBLEM, "no namespace: " + path);
        }
        if (device.badBlocks().isEmpty() && !scrub) {
            print(nothing("no bad blocks are known"));
            return ExitCode.OK;
        }
        if (device.mode() == RegionMode.SECTOR) {
            throw new CommandFailure(
                    ExitCode.PROBLEM, "ndctl clears none in sector mode; overwrite them: " + path);
        }
        if (device.deviceName() != null) {
            refuseUse(report, device);
        }
        List<String> command = Namespaces.clearCommand(device, scrub);
        String problem = new Namespaces(Programs.installed()).clear(command);
        PmemDevice after = again(device);
        if (!after.badBlocks().isEmpty()
                && after.deviceName() != null
                && after.mode() != RegionMode.DEVDAX) {
            problem = new Namespaces(Programs.installed()).overwrite(after, problem);
            after = again(device);
        }
        print(told(device, after, problem));
        return after.badBlocks().isEmpty() ? ExitCode.OK : ExitCode.PROBLEM;
    }

    /** The same namespace, as it is now: its devices may have come anew. */
    private static PmemDevice again(PmemDevice device) throws CommandFailure, IOException {
        return RegionReport.ofThisMachine().devices().stream()
                .filter(now -> device.namespace().equals(now.namespace()))
                .findFirst()
                .orElseThrow(
                        () -> new CommandFailure(ExitCode.PROBLEM, "has gone: " + device.name()));
    }

    private static Map<String, Object> nothing(String note) {
        Map<String, Object> tree = new LinkedHashMap<>();
        tree.put("cleared_count", 0L);
        tree.put("note", note);
        return tree;
    }

    private static Map<String, Object> told(PmemDevice before, PmemDevice after, String problem) {
        List<BadBlocks.Range> gone = Namespaces.gone(before.badBlocks(), after.badBlocks());
        Map<String, Object> tree = new LinkedHashMap<>();
        tree.put("namespace", before.namespace());
        long bytes = gone.stream().mapToLong(BadBlocks.Range::lengthBytes).sum();
        tree.put("cleared_count", bytes / BadBlocks.UNIT_BYTES);
        if (!gone.isEmpty()) {
            tree.put("cleared", RegionReport.rows(gone));
            tree.put("note", "what these blocks held is gone");
        }
        RegionReport.putBadBlocks(tree, after.badBlocks());
        if (!problem.isEmpty()) {
            tree.put("problem", problem);
        }
        return tree;
    }

    private void print(Map<String, Object> tree) {
        spec.commandLine().getOut().print(Output.json(tree));
    }

    /** Refuses what is mounted or open: its users would lose it under their hands. */
    static void refuseUse(RegionReport report, PmemDevice device) throws CommandFailure {
        List<String> users = report.users(device);
        if (!users.isEmpty()) {
            throw new CommandFailure(
                    ExitCode.PROBLEM,
                    "in use by " + String.join(", ", users) + ": " + device.name());
        }
    }
}
