package io.fusedax.tools;

import io.fusedax.backing.FsException;
import io.fusedax.mount.MountControl;
import java.nio.file.Path;
import java.util.List;
import java.util.concurrent.Callable;
import picocli.CommandLine.Command;
import picocli.CommandLine.Parameters;

/** {@code fuse-dax sync}: commits a live mount now, which sync(2) does not reach. */
@Command(
        name = "sync",
        description = "Commit everything that was done on a mount, and return when it is durable.",
        footerHeading = "%nExample:%n",
        footer = "  fuse-dax sync /mnt")
final class SyncCommand implements Callable<Integer> {
    @Parameters(
            arity = "1..*",
            paramLabel = "DIR",
            description = "Mount point, or any path below it.")
    private List<Path> paths;

    @Override
    public Integer call() throws CommandFailure, FsException {
        for (Path path : paths) {
            MountTable.Entry mount =
                    MountTable.read()
                            .containing(path)
                            .orElseThrow(
                                    () ->
                                            new CommandFailure(
                                                    ExitCode.PROBLEM,
                                                    "not on a fuse-dax mount: " + path));
            MountControl.sync(mount.directory());
        }
        return ExitCode.OK;
    }
}
