package io.fusedax.mount;

import java.io.IOException;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;

/** Unmounts a path: by system call for root, by fusermount for others. */
final class Unmounter {
    private static final int EPERM = 1;

    private Unmounter() {}

    /**
     * Tries once.
     *
     * @param detach also when in use: the mount disappears now and ends with its last user
     * @return whether it is unmounted
     */
    static boolean unmount(Path mountPoint, boolean detach) {
        return unmountErrno(mountPoint, detach) == 0;
    }

    /** As {@link #unmount}; 0 or the errno, EPERM also when fusermount refused. */
    static int unmountErrno(Path mountPoint, boolean detach) {
        Libc libc = Libc.load();
        int flags = Libc.UMOUNT_NOFOLLOW | (detach ? Libc.MNT_DETACH : 0);
        if (libc.umount2(CStringVector.path(mountPoint), flags) == 0) {
            return 0;
        }
        int errno = Libc.errno();
        if (errno == EPERM) {
            return fusermount(mountPoint, detach) ? 0 : EPERM;
        }
        return errno;
    }

    private static boolean fusermount(Path mountPoint, boolean detach) {
        try {
            return fusermount("fusermount", mountPoint, detach);
        } catch (IOException notInstalled) {
            try {
                return fusermount("fusermount3", mountPoint, detach);
            } catch (IOException neither) {
                return false;
            }
        }
    }

    private static boolean fusermount(String program, Path mountPoint, boolean detach)
            throws IOException {
        List<String> command = new ArrayList<>(List.of(program, "-u", "-q"));
        if (detach) {
            command.add("-z");
        }
        command.add("--");
        command.add(mountPoint.toString());
        Process process =
                new ProcessBuilder(command)
                        .redirectErrorStream(true)
                        .redirectOutput(ProcessBuilder.Redirect.DISCARD)
                        .start();
        try {
            return process.waitFor() == 0;
        } catch (InterruptedException e) {
            Thread.currentThread().interrupt();
            return false;
        }
    }
}
