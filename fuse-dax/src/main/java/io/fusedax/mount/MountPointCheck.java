package io.fusedax.mount;

import io.fusedax.backing.FsException;
import java.io.IOException;
import java.nio.file.DirectoryStream;
import java.nio.file.Files;
import java.nio.file.Path;
import jnr.constants.platform.Errno;

/** Says before mounting what would go wrong: libfuse only prints it. */
final class MountPointCheck {
    private static final Path DEVICE = Path.of("/dev/fuse");

    private MountPointCheck() {}

    /**
     * Checks that a mount can be tried.
     *
     * @return the mount point as an absolute path without symbolic links
     * @throws FsException with a message for people
     */
    static Path check(Path mountPoint) throws FsException {
        checkDevice();
        if (MountControl.isStale(mountPoint)) {
            throw new FsException(
                    Errno.ENOTCONN,
                    "mount point "
                            + mountPoint
                            + ": the process that served it is gone; unmount it first");
        }
        Path path;
        try {
            path = mountPoint.toRealPath();
        } catch (IOException e) {
            throw inaccessible(mountPoint, e);
        }
        if (!Files.isDirectory(path)) {
            throw new FsException(Errno.ENOTDIR, "mount point " + path + ": not a directory");
        }
        return path;
    }

    private static void checkDevice() throws FsException {
        if (!Files.exists(DEVICE)) {
            throw new FsException(
                    Errno.ENODEV, DEVICE + " is missing: load the kernel's module \"fuse\"");
        }
        if (!Files.isReadable(DEVICE) || !Files.isWritable(DEVICE)) {
            throw new FsException(
                    Errno.EACCES, DEVICE + ": no permission to open it for reading and writing");
        }
    }

    private static FsException inaccessible(Path mountPoint, IOException e) {
        if (e instanceof java.nio.file.NoSuchFileException) {
            return new FsException(Errno.ENOENT, "mount point " + mountPoint + ": no such path");
        }
        if (e instanceof java.nio.file.AccessDeniedException) {
            return new FsException(Errno.EACCES, "mount point " + mountPoint + ": no permission");
        }
        return new FsException(Errno.EIO, "mount point " + mountPoint + ": " + e.getMessage(), e);
    }

    /** Whether there is something in the directory, which the mount will cover. */
    static boolean hasEntries(Path directory) {
        try (DirectoryStream<Path> entries = Files.newDirectoryStream(directory)) {
            return entries.iterator().hasNext();
        } catch (IOException e) {
            return true;
        }
    }

    /** What to say when libfuse or fusermount refused after all. */
    static FsException refused(Path mountPoint, boolean root) {
        String hint =
                root
                        ? "it needs CAP_SYS_ADMIN"
                        : "it needs fusermount3 or fusermount (package fuse3 or fuse), write"
                                + " permission to the mount point, and user_allow_other in"
                                + " /etc/fuse.conf for allow_other or allow_root";
        return new FsException(
                Errno.EPERM,
                "could not mount on "
                        + mountPoint
                        + " (see the message on standard error); "
                        + hint);
    }
}
