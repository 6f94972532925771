package io.fusedax.mount;

import io.fusedax.backing.FsException;
import io.fusedax.backing.volume.Caller;
import io.fusedax.backing.volume.InodeFlags;
import jnr.constants.platform.Errno;

/** Opens files and directories, and says what the kernel may cache of them. */
final class FileOpener {
    /** FUSE_OPEN_KILL_SUIDGID: O_TRUNC clears set-id bits. */
    private static final int KILL_SUIDGID = 1;

    private final MountState state;

    FileOpener(MountState state) {
        this.state = state;
    }

    /** What open tells the kernel besides the handle. For reuse. */
    static final class Caching {
        /** Bypass the page cache. */
        boolean directIo;

        /** Pages cached before are still true. */
        boolean keepCache;
    }

    /**
     * Opens the inode of an OPEN or OPENDIR request.
     *
     * @param flags O_* of open(2); O_TRUNC is carried out
     * @param caching is set
     * @return the handle's number
     */
    long open(RequestContext request, long inode, int flags, Caching caching) throws FsException {
        long handle = state.openHandle(inode, flags, request.nodeId());
        caching.directIo = false;
        caching.keepCache = false;
        if (request.opcode() == FuseOpcode.OPEN) {
            try {
                boolean keep = prepareFile(request, inode, flags);
                boolean dax = state.daxPolicy.opened(inode, request.attributes.flags);
                state.handle(handle).isFile = true;
                caching.directIo = state.directIo || dax || !keep && state.directIoCanBeMapped;
                caching.keepCache = keep && !caching.directIo;
            } catch (FsException failure) {
                state.closeHandle(handle);
                throw failure;
            }
        }
        return handle;
    }

    /**
     * Opens a file that was just made.
     *
     * @return the handle's number
     */
    long openCreated(long inode, int flags, Caching caching) throws FsException {
        int inodeFlags = state.volume.getFlags(inode);
        long handle = state.openHandle(inode, flags, LookupCounts.nodeOf(inode));
        caching.directIo = state.daxPolicy.opened(inode, inodeFlags) || state.directIo;
        caching.keepCache = !caching.directIo;
        state.handle(handle).isFile = true;
        return handle;
    }

    /** Truncates if asked to; says whether the kernel may keep what it knows of the file. */
    private boolean prepareFile(RequestContext request, long inode, int flags) throws FsException {
        if ((flags & Libc.O_TRUNC) == 0) {
            boolean keep = state.readAttributes(inode, request.attributes);
            refuseGuarded(request.attributes.flags, flags);
            return keep;
        }
        state.mappings.change(
                inode,
                0,
                Long.MAX_VALUE,
                () ->
                        state.volume.setattr(
                                inode,
                                request.changes.clear().size(0),
                                truncater(request),
                                request.attributes));
        return state.cachePolicy.mayKeep(request.attributes);
    }

    /** An immutable file is not opened for writing, an append-only one for appending alone. */
    private static void refuseGuarded(int inodeFlags, int openFlags) throws FsException {
        if ((openFlags & Libc.O_ACCMODE) == Libc.O_RDONLY) {
            return;
        }
        boolean guarded =
                (inodeFlags & InodeFlags.IMMUTABLE) != 0
                        || (inodeFlags & InodeFlags.APPEND) != 0
                                && (openFlags & Libc.O_APPEND) == 0;
        if (guarded) {
            throw new FsException(Errno.EPERM, "immutable or append-only");
        }
    }

    /** Whether set-id bits survive O_TRUNC is the kernel's decision. */
    private static Caller truncater(RequestContext request) {
        int openFlags = Memory.getInt(request.requestBody + RequestLayout.Open.OPEN_FLAGS);
        return (openFlags & KILL_SUIDGID) != 0 ? MountState.UNPRIVILEGED : Caller.ROOT;
    }
}
