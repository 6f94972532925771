package io.fusedax.tools;

import picocli.CommandLine.Command;
import picocli.CommandLine.Model.CommandSpec;
import picocli.CommandLine.ParameterException;
import picocli.CommandLine.Spec;

/** {@code fuse-dax region}: persistent memory, real and emulated. */
@Command(
        name = "region",
        description = {
            "Show, make and mend what volumes can lie on: persistent memory, real or emulated,"
                    + " and files.",
            "Prints JSON in the manner of ndctl and daxctl; --human makes sizes readable."
        },
        synopsisSubcommandLabel = "COMMAND",
        subcommands = {
            RegionListCommand.class,
            RegionShowCommand.class,
            RegionCreateCommand.class,
            RegionClearErrorsCommand.class
        },
        footerHeading = "%nExamples:%n",
        footer = {
            "  fuse-dax region list --human",
            "  fuse-dax region show /dev/pmem0",
            "  fuse-dax region create --mode devdax /dev/pmem0",
            "  fuse-dax region clear-errors /dev/pmem0"
        })
final class RegionCommand implements Runnable {
    @Spec private CommandSpec spec;

    @Override
    public void run() {
        throw new ParameterException(spec.commandLine(), "a command is missing");
    }
}
