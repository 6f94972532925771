package io.fusedax.mount;

import io.fusedax.backing.FsException;
import io.fusedax.backing.volume.Caller;
import io.fusedax.backing.volume.Volume;

/** Native transport: files that are made and opened at once, with a name or without. */
final class CreateRequests {
    private static final int S_IFREG = 0100000;

    private final MountState state;
    private final EntryRequests entries;
    private final FileOpener opener;

    CreateRequests(MountState state, EntryRequests entries) {
        this.state = state;
        this.entries = entries;
        this.opener = new FileOpener(state);
    }

    int create(RequestContext request) throws FsException {
        long body = request.requestBody;
        long directory = EntryRequests.directory(state, request);
        PathWalker.lastComponent(body + RequestLayout.Create.SIZE_BYTES, request.name);
        long inode =
                state.volume.mknod(
                        directory,
                        request.name.bytes,
                        0,
                        request.name.length,
                        mode(body),
                        0,
                        caller(request));
        return open(request, inode);
    }

    /** O_TMPFILE. */
    int tmpfile(RequestContext request) throws FsException {
        long body = request.requestBody;
        long directory = EntryRequests.directory(state, request);
        int flags = Memory.getInt(body + RequestLayout.Create.FLAGS);
        boolean linkable = (flags & Libc.O_EXCL) == 0;
        Volume volume = state.volume;
        long inode = volume.tmpfile(directory, mode(body), linkable, caller(request));
        int length;
        try {
            length = open(request, inode);
        } catch (FsException | RuntimeException | Error failure) {
            volume.release(inode);
            throw failure;
        }
        state.lookups.removed(inode, true); // the kernel knows it: kept until the last forget
        return length;
    }

    private static int mode(long body) {
        return Memory.getInt(body + RequestLayout.Create.MODE) & 07777 | S_IFREG;
    }

    private static Caller caller(RequestContext request) {
        return request.caller(Memory.getInt(request.requestBody + RequestLayout.Create.UMASK));
    }

    private int open(RequestContext request, long inode) throws FsException {
        int flags = Memory.getInt(request.requestBody + RequestLayout.Create.FLAGS);
        long handle = opener.openCreated(inode, flags, request.caching);
        int entryBytes;
        try {
            entryBytes = entries.tell(request, inode);
        } catch (FsException | RuntimeException | Error failure) {
            state.closeHandle(handle);
            throw failure;
        }
        request.opened = handle;
        OpenRequests.putOpen(request.replyBody + entryBytes, handle, request.caching);
        return entryBytes + ReplyLayout.Open.SIZE_BYTES;
    }
}
