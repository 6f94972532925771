package io.fusedax.tests.bench;

import java.io.IOException;
import java.nio.file.Path;
import java.util.concurrent.TimeUnit;

/** A mounted peer. Closing unmounts it and waits for its daemon. */
final class Mounted implements AutoCloseable {
    private final PeerKind kind;
    private final Path mountPoint;
    private final Path directory;
    private final Process daemon;

    /**
     * @param directory where to work, on the mount
     * @param daemon null for a file system of the kernel
     */
    Mounted(PeerKind kind, Path mountPoint, Path directory, Process daemon) {
        this.kind = kind;
        this.mountPoint = mountPoint;
        this.directory = directory;
        this.daemon = daemon;
    }

    PeerKind kind() {
        return kind;
    }

    Path directory() {
        return directory;
    }

    boolean hasDaemon() {
        return daemon != null;
    }

    long daemonPid() {
        return daemon.pid();
    }

    /** Kills the daemon as a crash would, and clears the dead mount. */
    void kill() throws IOException, InterruptedException {
        daemon.destroyForcibly().waitFor();
        Processes.run("umount", "-l", mountPoint.toString());
    }

    @Override
    public void close() throws IOException, InterruptedException {
        if (Processes.isMountPoint(mountPoint)) {
            Processes.run("umount", mountPoint.toString());
        }
        if (daemon != null && !daemon.waitFor(60, TimeUnit.SECONDS)) {
            daemon.destroyForcibly().waitFor();
            throw new IOException(kind.label() + " did not end within 60 s of being unmounted");
        }
    }
}
