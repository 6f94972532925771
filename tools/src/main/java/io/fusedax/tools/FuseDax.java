package io.fusedax.tools;

import io.fusedax.backing.FsException;
import java.io.IOException;
import java.io.PrintWriter;
import java.io.UncheckedIOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.FileSystemException;
import picocli.CommandLine;
import picocli.CommandLine.Command;
import picocli.CommandLine.Model.CommandSpec;
import picocli.CommandLine.Option;
import picocli.CommandLine.ParameterException;
import picocli.CommandLine.ScopeType;
import picocli.CommandLine.Spec;

/** The command line: {@code fuse-dax COMMAND ...}. One class for each command. */
@Command(
        name = "fuse-dax",
        description = "A journaling file system in user space over a region of persistent memory.",
        synopsisSubcommandLabel = "COMMAND",
        subcommands = {
            MkfsCommand.class,
            MountCommand.class,
            UmountCommand.class,
            RunCommand.class,
            FsckCommand.class,
            SyncCommand.class,
            DumpCommand.class,
            StatsCommand.class,
            InjectErrorCommand.class,
            RegionCommand.class,
            VersionCommand.class,
            HelpCommand.class
        },
        versionProvider = VersionCommand.Provider.class,
        footerHeading = "%nExamples:%n",
        footer = {
            "  fuse-dax mkfs --size 1G /srv/volume.img",
            "  fuse-dax mount /srv/volume.img /mnt",
            "  fuse-dax run -- fio --ioengine=libpmem ...",
            "  fuse-dax stats /mnt",
            "  fuse-dax region list --human",
            "  fuse-dax umount /mnt",
            "",
            "Exit codes: 0 fine, 1 problem found, 2 wrong command line; fsck: those of fsck(8).",
            "Environment: FUSE_DAX_LOG_LEVEL, FUSE_DAX_HEAP and FUSE_DAX_JAVA_OPTS (the daemon's"
                    + " JVM)."
        })
public final class FuseDax implements Runnable {
    @Spec private CommandSpec spec;

    @Option(
            names = "--debug",
            scope = ScopeType.INHERIT,
            description = "Show the stack trace of an error.")
    private boolean debug;

    @Option(
            names = {"-h", "--help"},
            usageHelp = true,
            scope = ScopeType.INHERIT,
            description = "Show this help.")
    private boolean unusedHelp;

    @Option(
            names = {"-V", "--version"},
            versionHelp = true,
            description = "Show the version.")
    private boolean unusedVersion;

    private FuseDax() {}

    /** Runs one command and exits with its code. */
    public static void main(String[] args) {
        PrintWriter out = new PrintWriter(System.out, false, StandardCharsets.UTF_8);
        PrintWriter err = new PrintWriter(System.err, true, StandardCharsets.UTF_8);
        int exitCode = run(out, err, args);
        out.flush();
        System.exit(exitCode);
    }

    /**
     * Runs one command.
     *
     * @return its exit code
     */
    static int run(PrintWriter out, PrintWriter err, String... args) {
        CommandLine line = commandLine().setOut(out).setErr(err);
        try {
            return line.execute(args);
        } catch (StackOverflowError | OutOfMemoryError | InternalError | LinkageError e) {
            err.println("fuse-dax: " + e);
            return ExitCode.PROBLEM;
        } finally {
            out.flush();
            err.flush();
        }
    }

    static CommandLine commandLine() {
        FuseDax top = new FuseDax();
        CommandLine line = new CommandLine(top);
        MountCommand.describeOptions(line.getSubcommands().get("mount").getCommandSpec());
        return line.setUsageHelpWidth(100)
                .setUsageHelpAutoWidth(false)
                .setCaseInsensitiveEnumValuesAllowed(true)
                .setColorScheme(CommandLine.Help.defaultColorScheme(CommandLine.Help.Ansi.OFF))
                .setParameterExceptionHandler((e, args) -> top.usageError(e))
                .setExecutionExceptionHandler((e, command, result) -> top.failed(e, command));
    }

    @Override
    public void run() {
        throw new ParameterException(spec.commandLine(), "a command is missing");
    }

    private int usageError(ParameterException e) {
        CommandLine line = e.getCommandLine();
        line.getErr()
                .println(
                        prefix(line)
                                + e.getMessage().replace("\n", " ")
                                + "; see "
                                + line.getCommandSpec().qualifiedName()
                                + " --help");
        return line.getCommandSpec().exitCodeOnInvalidInput();
    }

    private int failed(Exception e, CommandLine line) {
        if (debug) {
            e.printStackTrace(line.getErr());
        }
        line.getErr().println(prefix(line) + message(e));
        return e instanceof CommandFailure failure
                ? failure.exitCode()
                : line.getCommandSpec().exitCodeOnExecutionException();
    }

    private static String prefix(CommandLine line) {
        CommandSpec command = line.getCommandSpec();
        return command.parent() == null
                ? "fuse-dax: "
                : command.qualifiedName().replaceFirst(" ", ": ") + ": ";
    }

    /** One line that tells a person what is wrong, whatever was thrown. */
    static String message(Exception e) {
        String text;
        if (e instanceof FsException fs) {
            String description = fs.errno().description();
            String detail = fs.getMessage() == null ? "" : fs.getMessage();
            text = detail.contains(description) ? detail : description + ": " + detail;
        } else if (e instanceof CommandFailure) {
            text = e.getMessage();
        } else if (e instanceof FileSystemException file) {
            String reason = file.getReason() == null ? kind(file) : file.getReason();
            text = reason + ": " + file.getFile();
        } else if (e instanceof IOException || e instanceof UncheckedIOException) {
            text = e.getMessage();
        } else {
            text = "internal error: " + e + " (--debug shows where)";
        }
        return text.replaceAll("\\s*\\R\\s*", "; ");
    }

    private static String kind(FileSystemException e) {
        return e.getClass()
                .getSimpleName()
                .replaceFirst("Exception$", "")
                .replaceAll("(?<=[a-z])(?=[A-Z])", " ")
                .toLowerCase(java.util.Locale.ROOT);
    }
}
