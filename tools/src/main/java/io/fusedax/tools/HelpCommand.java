package io.fusedax.tools;

import java.util.List;
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
        footer = {"  fuse-dax help", "  fuse-dax help mount", "  fuse-dax help region list"})
final class HelpCommand implements Callable<Integer> {
    @Spec private CommandSpec spec;

    @Parameters(
            arity = "0..2",
            paramLabel = "COMMAND",
            description = "The command wanted, as in: mount, or region list.")
    private List<String> words = List.of();

    @Override
    public Integer call() {
        CommandLine wanted = spec.parent().commandLine();
        for (String word : words) {
            wanted = wanted.getSubcommands().get(word);
            if (wanted == null) {
                String command = String.join(" ", words);
                throw new ParameterException(
                        spec.commandLine(), "no such command: '" + command + "'");
            }
        }
        wanted.usage(spec.commandLine().getOut());
        return ExitCode.OK;
    }
}
