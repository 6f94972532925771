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
                new Packer(request.replyBody, Math.min(size, RequestContext.MAX_DATA_BYTES));
        state.volume.readdir(inode, cookie, packer);
        if (packer.used == 0 && packer.full) {
            throw new FsException(Errno.EINVAL, "readdir_bytes=" + size);
        }
        return packer.used;
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
        private int used;
        private boolean full;

        Packer(long buffer, int capacity) {
            this.buffer = buffer;
            this.capacity = capacity;
        }

        @Override
        public boolean entry(
                byte[] name, int nameOffset, int nameLength, long inode, int type, long cookie) {
            int size = ReplyLayout.Dirent.sizeBytes(nameLength);
            if (size > capacity - used) {
                full = true;
                return false;
            }
            long entry = buffer + used;
            Memory.putLong(entry + size - Long.BYTES, 0); // pads the name
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
