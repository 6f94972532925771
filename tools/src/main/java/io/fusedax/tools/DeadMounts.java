package io.fusedax.tools;

import io.fusedax.backing.FsException;
import io.fusedax.mount.MountControl;
import java.nio.file.Path;
import java.util.Set;
import jnr.constants.platform.Errno;

/** Mounts whose daemon was killed: every call on them fails until they are unmounted. */
final class DeadMounts {
    /** The second is what calls get that were waiting when the daemon died. */
    private static final Set<Errno> SIGNS = Set.of(Errno.ENOTCONN, Errno.ECONNABORTED);

    private DeadMounts() {}

    /** Whether the mount on a directory is one. A daemon that hangs lets this hang, too. */
    static boolean isDead(Path directory) {
        try {
            MountControl.server(directory);
            return false;
        } catch (FsException e) {
            return SIGNS.contains(e.errno());
        }
    }
}
