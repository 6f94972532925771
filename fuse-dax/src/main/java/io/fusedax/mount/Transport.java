package io.fusedax.mount;

import io.fusedax.backing.FsException;
import java.nio.file.Path;

/**
 * How requests of the kernel reach the mount, and answers the kernel. Handlers work on inodes and
 * do not know which one it is.
 */
interface Transport {
    /** As the option {@code transport} names it. */
    String name();

    /** Mounts; requests wait from then on. */
    void mount(Path mountPoint) throws FsException;

    /** For notifications; valid once mounted. */
    Device device();

    /** What one request thread receives and answers with; before any thread runs. */
    RequestChannel openChannel(RequestContext request, SlowLane slowLane) throws FsException;

    /** Closes the device, so that who waits for an answer gets an error. All threads have ended. */
    void close();
}
