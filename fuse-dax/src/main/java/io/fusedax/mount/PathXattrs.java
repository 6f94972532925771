package io.fusedax.mount;

import io.fusedax.backing.FsException;
import jnr.constants.platform.Errno;

/**
 * The jnr-fuse callbacks for extended attributes of nodes that are not known; as PathOperations.
 */
final class PathXattrs {
    private final MountState state;
    private final Xattrs xattrs;

    PathXattrs(MountState state, Xattrs xattrs) {
        this.state = state;
        this.xattrs = xattrs;
    }

    int set(long path, long name, long value, long sizeBytes, long flags) {
        try {
            byte[] bytes = new byte[(int) sizeBytes];
            Memory.get(value, bytes, 0, bytes.length);
            xattrs.set(self(path), Memory.getString(name), bytes, (int) flags, false);
            return 0;
        } catch (Throwable failure) {
            return state.errors.toReply("setxattr", failure);
        }
    }

    int get(long path, long name, long value, long sizeBytes) {
        try {
            return answer(xattrs.get(self(path), Memory.getString(name)), value, sizeBytes);
        } catch (Throwable failure) {
            return state.errors.toReply("getxattr", failure);
        }
    }

    int list(long path, long value, long sizeBytes) {
        try {
            boolean root = RequestLoop.current().uid() == 0;
            return answer(xattrs.list(self(path), root), value, sizeBytes);
        } catch (Throwable failure) {
            return state.errors.toReply("listxattr", failure);
        }
    }

    int remove(long path, long name) {
        try {
            xattrs.remove(self(path), Memory.getString(name));
            return 0;
        } catch (Throwable failure) {
            return state.errors.toReply("removexattr", failure);
        }
    }

    private long self(long path) throws FsException {
        return PathOperations.self(state, RequestLoop.current(), path);
    }

    private static int answer(byte[] bytes, long value, long sizeBytes) throws FsException {
        if (sizeBytes == 0) {
            return bytes.length;
        }
        if (bytes.length > sizeBytes) {
            throw new FsException(Errno.ERANGE, "value_bytes=" + bytes.length);
        }
        Memory.put(value, bytes, 0, bytes.length);
        return bytes.length;
    }
}
