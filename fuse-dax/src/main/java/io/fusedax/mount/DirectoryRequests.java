package io.fusedax.mount;

import io.fusedax.backing.FsException;
import io.fusedax.backing.volume.DirectoryVisitor;
import jnr.constants.platform.Errno;

/**
 * Listings of open directories. The volume's cookies are the offsets that the kernel sees, so a
 * listing goes on where it stopped without reading from the start.
 */
final class DirectoryRequests {
    private final MountState state;

    DirectoryRequests(MountState state) {
        this.state = state;
    }

    int readdir(RequestContext request) throws FsException {
        long inode = openDirectory(request);
        long body = request.requestBody;
        int size = Memory.getInt(body + RequestLayout.Read.SIZE);
        long cookie = Memory.getLong(body + RequestLayout.Read.OFFSET);
        Packer packer =
                new Packer(request.replyBody, Math.min(size, RequestContext.MAX_DATA_BYTES), 0);
        state.volume.readdir(inode, cookie, packer);
        if (packer.used == 0 && packer.full) {
            throw new FsException(Errno.EINVAL, "readdir_bytes=" + size);
        }
        return packer.used;
    }

    /** Native transport: entries with attributes; the kernel is told of each inode. */
    int readdirPlus(RequestContext request) throws FsException {
        long inode = openDirectory(request);
        long body = request.requestBody;
        int size = Memory.getInt(body + RequestLayout.Read.SIZE);
        long cookie = Memory.getLong(body + RequestLayout.Read.OFFSET);
        Packer packer =
                new Packer(
                        request.replyBody,
                        Math.min(size, RequestContext.MAX_DATA_BYTES),
                        ReplyLayout.DirentPlus.DIRENT);
        state.volume.readdir(inode, cookie, packer);
        if (packer.used == 0 && packer.full) {
            throw new FsException(Errno.EINVAL, "readdir_bytes=" + size);
        }
        tellAll(request, packer.used);
        if (!request.device.reply(request.reply, request.unique(), 0, packer.used)) {
            takeBackAll(request, packer.used);
        }
        return RequestHandler.ANSWERED;
    }

    /**
     * Adds attributes, once the directory's lock is free again. The kernel keeps names from being
     * removed meanwhile.
     */
    private void tellAll(RequestContext request, int usedBytes) throws FsException {
        int size;
        for (long entry = request.replyBody; entry < request.replyBody + usedBytes; entry += size) {
            long dirent = entry + ReplyLayout.DirentPlus.DIRENT;
            size = sizeBytes(dirent);
            Memory.putLong(entry + ReplyLayout.Entry.NODE_ID, 0);
            if (isDots(dirent)) {
                continue; // node id 0: nothing is told
            }
            long inode = Memory.getLong(dirent + ReplyLayout.Dirent.INODE);
            try {
                boolean keep = state.readAttributes(inode, request.attributes);
                EntryRequests.put(state, entry, request.attributes, keep);
                state.lookups.known(inode);
            } catch (FsException e) {
                if (e.errno() != Errno.ESTALE) {
                    takeBackAll(request, (int) (entry - request.replyBody));
                    throw e;
                }
            }
        }
    }

    private void takeBackAll(RequestContext request, int usedBytes) throws FsException {
        int size;
        for (long entry = request.replyBody; entry < request.replyBody + usedBytes; entry += size) {
            size = sizeBytes(entry + ReplyLayout.DirentPlus.DIRENT);
            long node = Memory.getLong(entry + ReplyLayout.Entry.NODE_ID);
            if (node != 0) {
                state.nodes.forget(node, 1);
            }
        }
    }

    private static int sizeBytes(long dirent) {
        return ReplyLayout.DirentPlus.sizeBytes(
                Memory.getInt(dirent + ReplyLayout.Dirent.NAME_LENGTH));
    }

    private static boolean isDots(long dirent) {
        int length = Memory.getInt(dirent + ReplyLayout.Dirent.NAME_LENGTH);
        long name = dirent + ReplyLayout.Dirent.NAME;
        return Memory.getByte(name) == '.'
                && (length == 1 || length == 2 && Memory.getByte(name + 1) == '.');
    }

    int fsyncdir(RequestContext request) throws FsException {
        state.volume.fsync(openDirectory(request), FileRequests.isDataSync(request));
        return 0;
    }

    /** An open directory is always a known node; its handle in the request is libfuse's own. */
    private long openDirectory(RequestContext request) throws FsException {
        long inode = state.nodes.pinnedInodeOf(request.nodeId());
        if (inode == 0) {
            throw new FsException(Errno.EBADF, "directory not open");
        }
        return inode;
    }

    /** Packs entries as struct fuse_dirent until there is no room. */
    private static final class Packer implements DirectoryVisitor {
        private final long buffer;
        private final int capacity;
        private final int before;
        private int used;
        private boolean full;

        /**
         * @param before bytes left free before each entry, a multiple of 8
         */
        Packer(long buffer, int capacity, int before) {
            this.buffer = buffer;
            this.capacity = capacity;
            this.before = before;
        }

        @Override
        public boolean entry(
                byte[] name, int nameOffset, int nameLength, long inode, int type, long cookie) {
            int size = before + ReplyLayout.Dirent.sizeBytes(nameLength);
            if (size > capacity - used) {
                full = true;
                return false;
            }
            long entry = buffer + used + before;
            Memory.putLong(buffer + used + size - Long.BYTES, 0); // pads the name
            Memory.putLong(entry + ReplyLayout.Dirent.INODE, inode);
            Memory.putLong(entry + ReplyLayout.Dirent.COOKIE, cookie);
            Memory.putInt(entry + ReplyLayout.Dirent.NAME_LENGTH, nameLength);
            Memory.putInt(entry + ReplyLayout.Dirent.TYPE, type);
            Memory.put(entry + ReplyLayout.Dirent.NAME, name, nameOffset, nameLength);
            used += size;
            return true;
        }
    }
}
