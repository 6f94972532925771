package io.fusedax.tools;

import io.fusedax.tools.region.PmemDevice;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.concurrent.Callable;
import picocli.CommandLine.Command;
import picocli.CommandLine.Model.CommandSpec;
import picocli.CommandLine.Option;
import picocli.CommandLine.Parameters;
import picocli.CommandLine.Spec;

/** {@code fuse-dax region show}: what one place is, and what fuse-dax would do with it. */
@Command(
        name = "show",
        description = {
            "Show what places are, as list does, and what fuse-dax would do with them: the kind of"
                    + " region, what makes stores durable there and why, or which commands make the"
                    + " place usable."
        },
        footerHeading = "%nExamples:%n",
        footer = {
            "  fuse-dax region show /dev/dax0.0",
            "  fuse-dax region show --human /dev/pmem0        # raw: tells the ndctl commands",
            "  fuse-dax region show /mnt/pmem0/region | jq -r '.[].fuse_dax.flush_mechanism'"
        })
final class RegionShowCommand implements Callable<Integer> {
    @Spec private CommandSpec spec;

    @Option(
            names = {"-u", "--human"},
            description = "Print sizes as people read them.")
    private boolean human;

    @Parameters(
            arity = "1..*",
            paramLabel = "PATH",
            description =
                    "/dev/daxX.Y, /dev/pmemN, namespaceX.Y, a file, or a directory of a file"
                            + " system on persistent memory.")
    private List<Path> paths;

    @Override
    public Integer call() throws CommandFailure, IOException, InterruptedException {
        RegionReport report = RegionReport.ofThisMachine();
        List<Map<String, Object>> rows = new ArrayList<>();
        for (Path path : paths) {
            rows.add(show(report, path));
        }
        spec.commandLine().getOut().print(Output.json(human ? HumanSizes.of(rows) : rows));
        return ExitCode.OK;
    }

    /** The full record of a place. */
    static Map<String, Object> show(RegionReport report, Path path)
            throws CommandFailure, IOException, InterruptedException {
        if (Files.isDirectory(path)) {
            return show(report, report.below(path));
        }
        Optional<PmemDevice> device = report.device(path);
        if (device.isPresent()) {
            return show(report, device.get());
        }
        Map<String, Object> row = report.ofFile(path);
        row.put("fuse_dax", RegionAdvice.on(path));
        return row;
    }

    /** The full record of a device. */
    static Map<String, Object> show(RegionReport report, PmemDevice device)
            throws InterruptedException {
        Map<String, Object> row = report.of(device);
        List<HostMounts.Entry> mounts =
                device.deviceName() == null ? List.of() : report.mountsOf(device);
        row.put("fuse_dax", RegionAdvice.on(device, mounts));
        return row;
    }
}
