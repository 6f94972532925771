package io.fusedax.tools;

import io.fusedax.backing.FsException;
import io.fusedax.backing.region.Region;
import io.fusedax.backing.region.RegionOptions;
import io.fusedax.backing.volume.CheckReport;
import io.fusedax.backing.volume.VolumeChecker;
import java.io.PrintWriter;
import java.nio.file.Path;
import java.util.concurrent.Callable;
import jnr.constants.platform.Errno;
import picocli.CommandLine.Command;
import picocli.CommandLine.Model.CommandSpec;
import picocli.CommandLine.Option;
import picocli.CommandLine.ParameterException;
import picocli.CommandLine.Parameters;
import picocli.CommandLine.Spec;

/** {@code fuse-dax fsck}: checks a volume that is not mounted, and repairs it. */
@Command(
        name = "fsck",
        exitCodeOnInvalidInput = ExitCode.FSCK_USAGE,
        exitCodeOnExecutionException = ExitCode.FSCK_OPERATIONAL,
        description = {
            "Check the volume in REGION, which must not be mounted, and repair it without asking.",
            "A journal that a crash left behind is replayed first; that is no problem found."
        },
        footerHeading = "%nExit codes:%n",
        footer = {
            "  0 no problem, 1 problems corrected, 4 problems left, 5 some of each,"
                    + " 8 cannot check, 16 wrong command line",
            "",
            "Examples:",
            "  fuse-dax fsck -n /srv/volume.img     # only look",
            "  fuse-dax fsck /srv/volume.img        # repair what is wrong"
        })
final class FsckCommand implements Callable<Integer> {
    @Spec private CommandSpec spec;

    @Option(names = "-n", description = "Only look: the region is opened read-only.")
    private boolean noChange;

    @Option(
            names = {"-y", "-p", "-a"},
            description = "Repair without asking. This is the default; fsck(8) passes these.")
    private boolean repair;

    @Option(
            names = {"-f", "--force"},
            description = "Check even if the volume looks clean. Always so; accepted for habit.")
    private boolean unusedForce;

    @Option(
            names = {"-q", "--quiet"},
            description = "Print only what is wrong.")
    private boolean quiet;

    @Option(names = "-C", arity = "0..1", hidden = true, description = "Of fsck(8), ignored.")
    private String unusedProgress;

    @Option(
            names = {"-T", "-M", "-V", "-v"},
            hidden = true,
            description = "Of fsck(8), ignored.")
    private boolean ignored;

    @Parameters(paramLabel = "REGION", description = "Where the volume is.")
    private Path path;

    @Override
    public Integer call() throws FsException, InterruptedException {
        if (noChange && repair) {
            throw new ParameterException(spec.commandLine(), "-n excludes -y, -p and -a");
        }
        PrintWriter out = spec.commandLine().getOut();
        try (Region region =
                RegionAccess.open(path, RegionOptions.defaults().withReadOnly(noChange))) {
            if (region.readOnly() && !noChange) {
                throw new FsException(Errno.EACCES, path + ": not writable, -n would look");
            }
            CheckReport report = VolumeChecker.check(region, !noChange, out::println);
            int exitCode = exitCode(report, !noChange);
            if (!quiet || exitCode != ExitCode.OK) {
                out.println(path + ": " + verdict(report, exitCode));
            }
            return exitCode;
        }
    }

    /** As fsck(8) has it: a sum, when some problems were corrected and others left. */
    static int exitCode(CheckReport report, boolean repaired) {
        if (report.problems() == 0) {
            return ExitCode.OK;
        }
        if (!repaired || report.repaired() == 0) {
            return ExitCode.FSCK_UNCORRECTED;
        }
        return report.repaired() < report.problems()
                ? ExitCode.FSCK_CORRECTED | ExitCode.FSCK_UNCORRECTED
                : ExitCode.FSCK_CORRECTED;
    }

    private static String verdict(CheckReport report, int exitCode) {
        if (exitCode == ExitCode.OK) {
            return "clean";
        }
        return "problems=" + report.problems() + " repaired=" + report.repaired();
    }
}
