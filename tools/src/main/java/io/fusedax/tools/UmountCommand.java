package io.fusedax.tools;

import io.fusedax.backing.FsException;
import io.fusedax.mount.MountControl;
import java.io.IOException;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.LinkedHashSet;
import java.util.List;
import java.util.Optional;
import java.util.Set;
import java.util.concurrent.Callable;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;
import picocli.CommandLine.Command;
import picocli.CommandLine.Option;
import picocli.CommandLine.Parameters;

/** {@code fuse-dax umount}: unmounts and waits until the region is free. */
@Command(
        name = "umount",
        description = {
            "Unmount, and return when the daemon has committed everything and exited.",
            "Also clears a mount whose daemon was killed (\"transport endpoint is not connected\")."
        },
        footerHeading = "%nExamples:%n",
        footer = {
            "  fuse-dax umount /mnt",
            "  fuse-dax umount /srv/volume.img      # by the region",
            "  fuse-dax umount --lazy /mnt          # now, although it is in use"
        })
final class UmountCommand implements Callable<Integer> {
    private static final Logger LOG = LoggerFactory.getLogger(UmountCommand.class);
    private static final int MAX_USERS_NAMED = 5;

    @Option(
            names = {"-l", "--lazy"},
            description = "Detach now, finish when it is no longer in use; does not wait.")
    private boolean lazy;

    @Option(
            names = {"-f", "-n", "-r", "-v"},
            hidden = true,
            description = "Of umount(8), ignored.")
    private boolean ignored;

    @Parameters(
            arity = "1..*",
            paramLabel = "DIR",
            description = "Mount point, or the region that is mounted.")
    private List<Path> paths;

    @Override
    public Integer call() throws CommandFailure, IOException, InterruptedException {
        List<MountTable.Entry> mounts = new ArrayList<>();
        for (Path path : paths) {
            mounts.add(find(path));
        }
        for (MountTable.Entry mount : mounts) {
            unmount(mount);
        }
        return ExitCode.OK;
    }

    private static MountTable.Entry find(Path path) throws CommandFailure {
        MountTable table = MountTable.read();
        return table.at(path)
                .or(() -> table.ofRegion(path))
                .orElseThrow(
                        () ->
                                new CommandFailure(
                                        ExitCode.PROBLEM, "not a fuse-dax mount: " + path));
    }

    private void unmount(MountTable.Entry mount)
            throws CommandFailure, IOException, InterruptedException {
        Path region = Path.of(mount.source());
        Set<Processes.Identity> daemon = lazy ? Set.of() : daemonOf(mount);
        boolean detach = lazy || DeadMounts.isDead(mount.directory());
        Optional<String> problem = Unmounting.unmount(mount.directory(), detach);
        if (problem.isPresent()) {
            throw new CommandFailure(ExitCode.PROBLEM, explain(problem.get(), mount.directory()));
        }
        Processes.awaitRelease(region, daemon);
    }

    /**
     * Who serves the mount: whom it names itself, and who holds the region, which one that was
     * killed may still do. A region mounted read-only may have other holders, which are not waited
     * for.
     */
    private static Set<Processes.Identity> daemonOf(MountTable.Entry mount) {
        Set<Processes.Identity> processes = new LinkedHashSet<>();
        try {
            MountControl.server(mount.directory())
                    .flatMap(server -> Processes.find(server.processId()))
                    .ifPresent(processes::add);
        } catch (FsException e) {
            LOG.debug("mount_does_not_answer directory={}", mount.directory(), e);
        }
        if (processes.isEmpty() || !mount.isReadOnly()) {
            processes.addAll(Processes.holdersOf(Path.of(mount.source())));
        }
        return processes;
    }

    private static String explain(String problem, Path directory) {
        if (!problem.contains("busy")) {
            return problem;
        }
        List<String> users = Processes.usersOf(directory);
        String names = String.join(", ", users.subList(0, Math.min(MAX_USERS_NAMED, users.size())));
        String more =
                users.size() > MAX_USERS_NAMED
                        ? " and " + (users.size() - MAX_USERS_NAMED) + " more"
                        : "";
        return "busy" + (users.isEmpty() ? "" : ", used by " + names + more) + ": " + directory;
    }
}
