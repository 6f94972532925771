package io.fusedax.tools;

import io.fusedax.backing.FsException;
import io.fusedax.backing.region.Region;
import io.fusedax.backing.region.RegionOptions;
import io.fusedax.backing.region.Regions;
import java.nio.file.Path;
import java.time.Duration;
import jnr.constants.platform.Errno;

/**
 * Opens regions for commands. A region whose mount has just gone is waited for: umount(8) returns
 * before the daemon has committed and let go, unlike {@code fuse-dax umount}.
 */
final class RegionAccess {
    private static final Duration PATIENCE = Duration.ofSeconds(30);
    private static final long POLL_MILLIS = 20;

    private RegionAccess() {}

    /** As {@link Regions#open}, for a path that exists or is to be created. */
    static Region open(Path path, RegionOptions options) throws FsException, InterruptedException {
        long deadlineNanos = System.nanoTime() + PATIENCE.toNanos();
        while (true) {
            try {
                return Regions.open(path, options);
            } catch (FsException e) {
                if (e.errno() != Errno.EBUSY
                        || !isBeingLeft(path)
                        || System.nanoTime() > deadlineNanos) {
                    throw e;
                }
            }
            Thread.sleep(POLL_MILLIS);
        }
    }

    /** Whether daemons hold the region, or nobody any more, and it is not mounted. */
    private static boolean isBeingLeft(Path path) {
        return MountTable.read().ofRegion(path).isEmpty()
                && Processes.holdersOf(path).stream().allMatch(Processes::isDaemon);
    }
}
