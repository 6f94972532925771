package io.fusedax.mount;

import jnr.ffi.LibraryLoader;
import jnr.ffi.annotations.IgnoreError;

/**
 * What libfuse 2.9 offers and jnr-fuse does not bind: the session, so that the request loop can run
 * on our threads. Addresses are plain longs.
 *
 * <p>A trap: {@code fuse_new} cannot be had through dlsym, which answers with the version for
 * libfuse 1 (fuse_new_compat2), another function altogether. Hence {@code fuse_setup}, whose
 * default version is found.
 *
 * <p>Public only because jnr-ffi can implement no other.
 */
@SuppressWarnings("checkstyle:methodname")
public interface FuseLibrary {
    /**
     * Mounts and makes a session.
     *
     * @param argv address of the argument vector
     * @param mountPoint address where the mount point's malloc'ed string is put
     * @param multithreaded address of an int that is set
     * @return struct fuse, 0 on failure (after a message on standard error)
     */
    long fuse_setup(
            int argc,
            long argv,
            long operations,
            long operationsSize,
            long mountPoint,
            long multithreaded,
            long userData);

    long fuse_get_session(long fuse);

    long fuse_session_next_chan(long session, long previous);

    int fuse_chan_fd(long channel);

    long fuse_chan_new(long channelOperations, int fd, long bufferSize, long data);

    void fuse_chan_destroy(long channel);

    /** Takes one request; its length, 0 when the session is over, -errno. */
    @IgnoreError
    int fuse_chan_recv(long channelPointer, long buffer, long sizeBytes);

    /** Carries a request out and replies to it through the channel. */
    @IgnoreError
    void fuse_session_process(long session, long buffer, long lengthBytes, long channel);

    /** Frees the session and its channel, which closes the device. Does not unmount. */
    void fuse_destroy(long fuse);

    static FuseLibrary load() {
        return Holder.LIBRARY;
    }

    /** Defers loading until the first use. */
    final class Holder {
        private static final FuseLibrary LIBRARY =
                LibraryLoader.create(FuseLibrary.class).failImmediately().load("libfuse.so.2");

        private Holder() {}
    }
}
