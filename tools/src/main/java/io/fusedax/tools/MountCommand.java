package io.fusedax.tools;

import io.fusedax.backing.FsException;
import io.fusedax.backing.region.Region;
import io.fusedax.backing.region.RegionOptions;
import io.fusedax.backing.volume.Volume;
import io.fusedax.backing.volume.VolumeOptions;
import io.fusedax.mount.MountOptions;
import io.fusedax.mount.MountSession;
import java.io.IOException;
import java.io.PrintWriter;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Optional;
import java.util.concurrent.Callable;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;
import picocli.CommandLine.Command;
import picocli.CommandLine.Model.CommandSpec;
import picocli.CommandLine.Option;
import picocli.CommandLine.ParameterException;
import picocli.CommandLine.Parameters;
import picocli.CommandLine.Spec;

/**
 * {@code fuse-dax mount}: the daemon. Going to the background is the launcher's work (a JVM cannot
 * fork); it waits for {@link #READY_LINE} on stderr.
 */
@Command(
        name = "mount",
        description = {
            "Mount the volume in REGION on the directory DIR.",
            "Returns when the mount answers; a daemon serves it until it is unmounted."
        },
        footerHeading = "%nExamples:%n",
        footer = {
            "  fuse-dax mount /srv/volume.img /mnt",
            "  fuse-dax mount -o ro,noatime /srv/volume.img /mnt",
            "  fuse-dax mount -f -o commit=30,log_level=debug /srv/volume.img /mnt",
            "  mount -t fuse.fusedax /srv/volume.img /mnt          # after tools/install-helper",
            "  /srv/volume.img /mnt fuse.fusedax allow_other 0 0   # in /etc/fstab",
            "",
            "Mount options:"
        })
final class MountCommand implements Callable<Integer> {
    /** What the launcher waits for. */
    static final String READY_LINE = "@ready";

    private static final Logger LOG = LoggerFactory.getLogger(MountCommand.class);
    private static final String BACKGROUND_PROPERTY = "fusedax.background";
    private static final String DIRECTORY_PROPERTY = "fusedax.directory";
    private static final String LOGS_PROPERTY = "fusedax.logs";

    /** What a cached inode takes of the heap, generously. */
    private static final int INODE_BYTES = 1024;

    @Spec private CommandSpec spec;

    @Option(
            names = {"-f", "--foreground"},
            description = "Serve in this process until unmounted, logging to stderr.")
    private boolean foreground;

    @Option(
            names = {"-o", "--options"},
            paramLabel = "OPTIONS",
            description = "Mount options, divided by commas; see below.")
    private List<String> optionArguments = List.of();

    @Parameters(index = "0", paramLabel = "REGION", description = "Where the volume is.")
    private Path regionArgument;

    @Parameters(index = "1", paramLabel = "DIR", description = "An existing directory.")
    private Path directoryArgument;

    private MountSettings settings;
    private Path regionPath;
    private Path directory;

    @Override
    public Integer call() throws CommandFailure, FsException, IOException, InterruptedException {
        checkArguments();
        setUpLog();
        RegionOptions regionOptions =
                RegionOptions.defaults()
                        .withReadOnly(settings.readOnly)
                        .withPersistMode(settings.persist);
        MountSession session = start(RegionAccess.open(regionPath, regionOptions));
        if (!foreground) {
            spec.commandLine().getErr().println(READY_LINE);
        }
        session.awaitUnmount();
        return ExitCode.OK;
    }

    /** Adds the mount options to --help. */
    static void describeOptions(CommandSpec mount) {
        List<String> footer = new ArrayList<>(List.of(mount.usageMessage().footer()));
        footer.addAll(MountOption.helpLines());
        mount.usageMessage().footer(footer.toArray(String[]::new));
    }

    private void checkArguments() throws CommandFailure, IOException, InterruptedException {
        try {
            settings = MountOption.parse(optionArguments);
        } catch (IllegalArgumentException e) {
            throw new ParameterException(spec.commandLine(), "-o: " + e.getMessage());
        }
        if (!foreground && !inBackground()) {
            throw new ParameterException(
                    spec.commandLine(), "going to the background takes the launcher, or use -f");
        }
        long neededBytes = settings.cacheBytes + (long) settings.inodes * INODE_BYTES;
        if (neededBytes > Runtime.getRuntime().maxMemory() / 4 * 3) {
            throw new CommandFailure(
                    ExitCode.PROBLEM,
                    "cache= and inodes= want "
                            + Sizes.human(neededBytes)
                            + ", more than 3/4 of the heap of "
                            + Sizes.human(Runtime.getRuntime().maxMemory())
                            + "; FUSE_DAX_HEAP makes it larger");
        }
        regionPath = MountTable.canonical(resolve(regionArgument));
        directory = MountTable.canonical(resolve(directoryArgument));
        checkDirectory();
    }

    private void checkDirectory() throws CommandFailure, IOException, InterruptedException {
        while (MountTable.read().at(directory).isPresent() && DeadMounts.isDead(directory)) {
            warn("clearing the mount of a daemon that was killed: " + directory);
            Optional<String> problem = Unmounting.unmount(directory, true);
            if (problem.isPresent()) {
                throw new CommandFailure(ExitCode.PROBLEM, problem.get() + ": " + directory);
            }
        }
        if (!Files.isDirectory(directory)) {
            throw new CommandFailure(
                    ExitCode.PROBLEM,
                    (Files.exists(directory) ? "not a directory: " : "no such directory: ")
                            + directory);
        }
    }

    /** A path as the user gave it, from where the user is: the daemon itself is in /. */
    private static Path resolve(Path path) {
        return Path.of(System.getProperty(DIRECTORY_PROPERTY, "")).resolve(path).toAbsolutePath();
    }

    private static boolean inBackground() {
        return Boolean.getBoolean(BACKGROUND_PROPERTY);
    }

    private void setUpLog() throws CommandFailure {
        Logging.level(settings.logLevel);
        if (settings.log != null) {
            Path file = resolve(settings.log);
            try {
                Logging.toFile(file);
            } catch (IOException e) {
                throw new CommandFailure(
                        ExitCode.PROBLEM, "log cannot be written: " + FuseDax.message(e), e);
            }
        } else if (!foreground) {
            Path file =
                    Path.of(System.getProperty(LOGS_PROPERTY, "/var/log/fuse-dax"))
                            .resolve("fuse-dax.log");
            try {
                Files.createDirectories(file.getParent());
                Logging.toFile(file);
            } catch (IOException e) {
                Logging.off();
                warn("no log, -o log=FILE would make one: " + FuseDax.message(e));
            }
        }
    }

    private VolumeOptions volumeOptions(boolean readOnly) {
        return VolumeOptions.defaults()
                .withReadOnly(readOnly)
                .withCommitIntervalMillis(settings.commitSeconds * 1000L)
                .withCaches(settings.cacheBytes, settings.inodes)
                .withAtime(settings.atime);
    }

    /** Mounts; from then on the session closes volume and region at its end. */
    private MountSession start(Region region) throws FsException {
        boolean readOnly = settings.readOnly || region.readOnly();
        if (readOnly && !settings.readOnly) {
            warn("write-protected, mounting read-only: " + regionPath);
        }
        Volume volume = null;
        try {
            volume = Volume.open(region, volumeOptions(readOnly));
            MountSession session = MountSession.start(volume, directory, mountOptions(readOnly));
            session.onEnd(region);
            session.onEnd(volume);
            endOnSignal(session);
            LOG.info(
                    "serving region={} directory={} options=\"{}\"",
                    regionPath,
                    directory,
                    settings);
            return session;
        } catch (FsException | RuntimeException | Error e) {
            if (volume != null) {
                volume.close();
            }
            region.close();
            throw e;
        }
    }

    /**
     * Makes SIGTERM and SIGINT unmount. That is an orderly end, so the exit code is 0, not the
     * JVM's 143.
     */
    private static void endOnSignal(MountSession session) {
        Runnable unmount =
                () -> {
                    if (session.hasEnded()) {
                        return;
                    }
                    session.unmount();
                    int exitCode = ExitCode.OK;
                    try {
                        session.awaitUnmount();
                    } catch (FsException | InterruptedException e) {
                        LOG.error("unmounting_failed", e);
                        exitCode = ExitCode.PROBLEM;
                    }
                    Runtime.getRuntime().halt(exitCode);
                };
        Runtime.getRuntime().addShutdownHook(new Thread(unmount, "unmount"));
    }

    private MountOptions mountOptions(boolean readOnly) {
        MountOptions.Builder options =
                MountOptions.builder()
                        .readOnly(readOnly)
                        .sourceName(regionPath.toString())
                        .directIo(settings.directIo)
                        .transport(settings.transport)
                        .dax(settings.dax)
                        .direct(settings.direct)
                        .faultBytes(settings.faultBytes)
                        .timeouts(
                                settings.attributeTimeoutSeconds,
                                settings.entryTimeoutSeconds,
                                settings.negativeTimeoutSeconds);
        if (settings.threads != 0) {
            options.threads(settings.threads);
        }
        if (settings.allowOther) {
            options.accept("allow_other");
        }
        if (settings.allowRoot) {
            options.accept("allow_root");
        }
        settings.kernelFlagOptions(User.current().isRoot()).forEach(options::accept);
        return options.build();
    }

    private void warn(String message) {
        PrintWriter err = spec.commandLine().getErr();
        err.println("fuse-dax: mount: " + message);
        err.flush();
    }
}
