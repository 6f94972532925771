package io.fusedax.mount;

import io.fusedax.backing.Counter;
import io.fusedax.backing.FsException;
import io.fusedax.backing.volume.Caller;
import io.fusedax.backing.volume.Volume;
import jnr.constants.platform.Errno;

/** Requests on the data of open files, which name them by handle. */
final class FileRequests {
    private static final int FUSE_WRITE_CACHE = 1;
    private static final int FUSE_WRITE_KILL_SUIDGID = 1 << 2;
    private static final int FUSE_FSYNC_FDATASYNC = 1;
    private static final int FALLOC_PUNCH_HOLE = 2;
    private static final int FALLOC_ZERO_RANGE = 0x10;
    static final int FALLOC_COLLAPSE_RANGE = 8;
    static final int FALLOC_INSERT_RANGE = 0x20;
    private static final int SECTOR_BYTES = 512;
    private static final int SEEK_DATA = 3;
    private static final int SEEK_HOLE = 4;

    private final MountState state;
    private final Volume volume;

    FileRequests(MountState state) {
        this.state = state;
        this.volume = state.volume;
    }

    int read(RequestContext request) throws FsException {
        long body = request.requestBody;
        OpenHandle handle = state.handle(Memory.getLong(body + RequestLayout.Read.HANDLE));
        int size = Memory.getInt(body + RequestLayout.Read.SIZE);
        if (size < 0 || size > RequestContext.MAX_DATA_BYTES) {
            throw new FsException(Errno.EINVAL, "read_bytes=" + size);
        }
        long offset = Memory.getLong(body + RequestLayout.Read.OFFSET);
        checkAlignment(handle, Memory.getInt(body + RequestLayout.Read.FLAGS), offset, size);
        int length = volume.read(handle.inode, offset, request.replyBody, size);
        state.counters.add(Counter.BYTES_READ, length);
        return length;
    }

    int write(RequestContext request) throws FsException {
        long body = request.requestBody;
        OpenHandle handle = state.handle(Memory.getLong(body + RequestLayout.Write.HANDLE));
        int size = Memory.getInt(body + RequestLayout.Write.SIZE);
        if (size < 0 || size > request.bodyBytes() - RequestLayout.Write.SIZE_BYTES) {
            throw new FsException(Errno.EINVAL, "write_bytes=" + size);
        }
        long offset = Memory.getLong(body + RequestLayout.Write.OFFSET);
        int writeFlags = Memory.getInt(body + RequestLayout.Write.WRITE_FLAGS);
        int openFlags = Memory.getInt(body + RequestLayout.Write.FLAGS);
        if ((writeFlags & FUSE_WRITE_CACHE) == 0) {
            checkAlignment(handle, openFlags, offset, size);
        }
        // The kernel has decided about set-id bits; who it was does not matter beyond that.
        Caller caller =
                (writeFlags & FUSE_WRITE_KILL_SUIDGID) != 0 ? MountState.UNPRIVILEGED : Caller.ROOT;
        int written =
                volume.write(
                        handle.inode,
                        offset,
                        body + RequestLayout.Write.SIZE_BYTES,
                        size,
                        volumeFlags(writeFlags, openFlags),
                        caller);
        if ((openFlags & Libc.O_APPEND) != 0) {
            state.mappings.written(handle.inode, 0, Long.MAX_VALUE);
        } else {
            state.mappings.written(handle.inode, offset, offset + written);
        }
        state.counters.add(Counter.BYTES_WRITTEN, written);
        Memory.putLong(request.replyBody, written); // size and padding
        return ReplyLayout.Write.SIZE_BYTES;
    }

    /** O_DIRECT wants whole sectors, as on any disk; DAX files do not. */
    private void checkAlignment(OpenHandle handle, int openFlags, long offset, int size)
            throws FsException {
        if ((openFlags & Libc.O_DIRECT) != 0
                && ((offset | size) & SECTOR_BYTES - 1) != 0
                && !state.directIo
                && !state.daxPolicy.isDax(handle.inode)) {
            throw new FsException(Errno.EINVAL, "O_DIRECT: offset=" + offset + " bytes=" + size);
        }
    }

    private static int volumeFlags(int writeFlags, int openFlags) {
        if ((writeFlags & FUSE_WRITE_CACHE) != 0) {
            return 0; // write-back of a mapped page: stays where it is
        }
        int flags = 0;
        if ((openFlags & Libc.O_APPEND) != 0) {
            flags |= Volume.WRITE_APPEND;
        }
        if ((openFlags & Libc.O_SYNC) == Libc.O_SYNC) {
            flags |= Volume.WRITE_SYNC;
        } else if ((openFlags & Libc.O_DSYNC) != 0) {
            flags |= Volume.WRITE_DSYNC;
        }
        return flags;
    }

    int fsync(RequestContext request) throws FsException {
        long body = request.requestBody;
        OpenHandle handle = state.handle(Memory.getLong(body + RequestLayout.Fsync.HANDLE));
        state.mappings.flushStores(handle.inode);
        volume.fsync(handle.inode, isDataSync(request));
        return 0;
    }

    /** FSYNC: whether it is fdatasync(2). */
    static boolean isDataSync(RequestContext request) {
        int flags = Memory.getInt(request.requestBody + RequestLayout.Fsync.FLAGS);
        return (flags & FUSE_FSYNC_FDATASYNC) != 0;
    }

    int fallocate(RequestContext request) throws FsException {
        long body = request.requestBody;
        OpenHandle handle = state.handle(Memory.getLong(body + RequestLayout.Fallocate.HANDLE));
        fallocate(
                state,
                handle.inode,
                Memory.getInt(body + RequestLayout.Fallocate.MODE),
                Memory.getLong(body + RequestLayout.Fallocate.OFFSET),
                Memory.getLong(body + RequestLayout.Fallocate.LENGTH),
                request.caller());
        return 0;
    }

    /** Takes direct mappings of what is to change away first. */
    static void fallocate(
            MountState state, long inode, int mode, long offset, long length, Caller caller)
            throws FsException {
        DirectMappings.Change change =
                () -> state.volume.fallocate(inode, mode, offset, length, caller);
        if ((mode & (FALLOC_COLLAPSE_RANGE | FALLOC_INSERT_RANGE)) != 0) {
            state.mappings.change(inode, offset, Long.MAX_VALUE, change);
        } else if ((mode & (FALLOC_PUNCH_HOLE | FALLOC_ZERO_RANGE)) != 0) {
            state.mappings.change(inode, offset, offset + length, change);
        } else {
            change.run(); // makes holes unwritten: both are zeros
        }
    }

    int lseek(RequestContext request) throws FsException {
        long body = request.requestBody;
        OpenHandle handle = state.handle(Memory.getLong(body + RequestLayout.Lseek.HANDLE));
        int whence = Memory.getInt(body + RequestLayout.Lseek.WHENCE);
        if (whence != SEEK_DATA && whence != SEEK_HOLE) {
            throw new FsException(Errno.EINVAL, "whence=" + whence);
        }
        long offset = Memory.getLong(body + RequestLayout.Lseek.OFFSET);
        long found = volume.seek(handle.inode, offset, whence == SEEK_DATA);
        Memory.putLong(request.replyBody + ReplyLayout.Lseek.OFFSET, found);
        return ReplyLayout.Lseek.SIZE_BYTES;
    }
}
