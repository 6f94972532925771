package io.fusedax.tools;

import java.util.List;
import java.util.concurrent.Callable;
import picocli.CommandLine.Command;
import picocli.CommandLine.Parameters;

/**
 * {@code fuse-dax run}: starts a program with the client library of direct mappings. The launcher
 * script does it, since a JVM cannot become another program; here are help and usage errors.
 */
@Command(
        name = "run",
        description = {
            "Run a program with direct mappings: its mmap of files on fuse-dax mounts, with"
                    + " MAP_SYNC or without, maps the region itself.",
            "The library is preloaded (LD_PRELOAD), so statically linked and Go programs do not get"
                    + " it."
        },
        footerHeading = "%nEnvironment:%n",
        footer = {
            "  FUSEDAX_DEBUG=1         the library tells on stderr what it does",
            "  FUSEDAX_MECHANISM=none  no direct mappings, as if the library were not there",
            "  FUSEDAX_MECHANISM=signal  no userfaultfd, also where the mount offers it",
            "",
            "Example:",
            "  fuse-dax run -- sqlite3 /mnt/data.db"
        })
final class RunCommand implements Callable<Integer> {
    @Parameters(
            arity = "1..*",
            paramLabel = "PROGRAM [ARGUMENT...]",
            hideParamSyntax = true,
            description = "What to run; after -- if the program's name starts with a dash.")
    private List<String> words;

    @Override
    public Integer call() throws CommandFailure {
        throw new CommandFailure(
                ExitCode.PROBLEM, "only the launcher, tools/fuse-dax, can run: " + words.get(0));
    }
}
