package io.fusedax.mount;

import io.fusedax.backing.FsException;

/**
 * Opening what needs no path: on the native transport everything, on jnr-fuse what is open already.
 * libfuse would need a path, which a removed file has not; /proc/self/fd and the kernel's own
 * handling of chattr(1) do open such files.
 *
 * <p>Handles made here are released here: libfuse counts, and asserts, its own. They are told apart
 * by {@link #OURS}, which neither libfuse's numbers for files (which are ours, too) nor those for
 * directories (addresses in user space) have.
 */
final class OpenRequests {
    /** Set in the number of a handle that libfuse does not know of. */
    static final long OURS = 1L << 63;

    private static final int FOPEN_DIRECT_IO = 1;
    private static final int FOPEN_KEEP_CACHE = 1 << 1;
    private static final int FOPEN_PARALLEL_DIRECT_WRITES = 1 << 6;

    private final MountState state;
    private final FileOpener opener;

    OpenRequests(MountState state, FileOpener opener) {
        this.state = state;
        this.opener = opener;
    }

    /** OPEN and OPENDIR. */
    int open(RequestContext request) throws FsException {
        long inode = state.nodes.openableInodeOf(request.nodeId());
        if (inode == 0) {
            return RequestHandler.PASS_ON;
        }
        int flags = Memory.getInt(request.requestBody + RequestLayout.Open.FLAGS);
        FileOpener.Caching caching = request.caching;
        long handle = opener.open(request, inode, flags, caching);
        putOpen(request.replyBody, handle, caching);
        request.opened = handle;
        return ReplyLayout.Open.SIZE_BYTES;
    }

    /** Fills a struct fuse_open_out. */
    static void putOpen(long to, long handle, FileOpener.Caching caching) {
        int openFlags =
                (caching.directIo ? FOPEN_DIRECT_IO | FOPEN_PARALLEL_DIRECT_WRITES : 0)
                        | (caching.keepCache ? FOPEN_KEEP_CACHE : 0);
        Memory.putLong(to + ReplyLayout.Open.HANDLE, handle | OURS);
        Memory.putLong(to + ReplyLayout.Open.OPEN_FLAGS, openFlags);
    }

    /** RELEASE and RELEASEDIR. */
    int release(RequestContext request) throws FsException {
        long handle = Memory.getLong(request.requestBody + RequestLayout.Release.HANDLE);
        if ((handle & OURS) == 0) {
            return RequestHandler.PASS_ON;
        }
        state.closeHandle(handle & ~OURS);
        return 0;
    }
}
