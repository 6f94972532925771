package io.fusedax.tools;

import java.util.concurrent.Callable;
import picocli.CommandLine;
import picocli.CommandLine.Command;
import picocli.CommandLine.Model.CommandSpec;
import picocli.CommandLine.ParameterException;
import picocli.CommandLine.Parameters;
import picocli.CommandLine.Spec;

/** {@code fuse-dax help [COMMAND]}. */
@Command(
        name = "help",
        description = "Show the help of a command, or of all.",
        footerHeading = "%nExamples:%n",
        footer = {"  fuse-dax help", "  fuse-dax help mount"})
final class HelpCommand implements Callable<Integer> {
    @Spec private CommandSpec spec;

    @Parameters(arity = "0..1", paramLabel = "COMMAND", description = "The command wanted.")
    private String command;

    @Override
    public Integer call() {
        CommandLine top = spec.parent().commandLine();
        CommandLine wanted = command == null ? top : top.getSubcommands().get(command);
        if (wanted == null) {
            throw new ParameterException(spec.commandLine(), "no such command: '" + command + "'");
        }
        wanted.usage(spec.commandLine().getOut());
        return ExitCode.OK;
    }
}
