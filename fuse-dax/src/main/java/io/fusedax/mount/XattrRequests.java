package io.fusedax.mount;

import io.fusedax.backing.FsException;
import jnr.constants.platform.Errno;

/** Requests on extended attributes of known nodes, which may have lost their names. */
final class XattrRequests {
    private static final int FUSE_SETXATTR_ACL_KILL_SGID = 1;

    private final MountState state;
    private final Xattrs xattrs;

    XattrRequests(MountState state, Xattrs xattrs) {
        this.state = state;
        this.xattrs = xattrs;
    }

    int set(RequestContext request) throws FsException {
        long inode = state.nodes.pinnedInodeOf(request.nodeId());
        if (inode == 0) {
            return RequestHandler.PASS_ON;
        }
        long body = request.requestBody;
        int size = Memory.getInt(body + RequestLayout.Setxattr.VALUE_SIZE);
        int head =
                state.extendedSetxattr
                        ? RequestLayout.SetxattrExtended.SIZE_BYTES
                        : RequestLayout.Setxattr.SIZE_BYTES;
        long name = body + head;
        if (size < 0 || size > request.bodyBytes() - head) {
            throw new FsException(Errno.EINVAL, "value_bytes=" + size);
        }
        byte[] value = new byte[size];
        Memory.get(Memory.afterString(name), value, 0, size);
        int flags = Memory.getInt(body + RequestLayout.Setxattr.FLAGS);
        xattrs.set(inode, Memory.getString(name), value, flags, killsSetGid(body));
        return 0;
    }

    /** For an ACL: the caller may not keep the set-group-id bit. */
    private boolean killsSetGid(long body) {
        return state.extendedSetxattr
                && (Memory.getInt(body + RequestLayout.SetxattrExtended.SETXATTR_FLAGS)
                                & FUSE_SETXATTR_ACL_KILL_SGID)
                        != 0;
    }

    int get(RequestContext request) throws FsException {
        long inode = state.nodes.inodeOf(request.nodeId());
        if (inode == 0) {
            return RequestHandler.PASS_ON;
        }
        long name = request.requestBody + RequestLayout.Getxattr.SIZE_BYTES;
        return answer(request, xattrs.get(inode, Memory.getString(name)));
    }

    int list(RequestContext request) throws FsException {
        long inode = state.nodes.inodeOf(request.nodeId());
        if (inode == 0) {
            return RequestHandler.PASS_ON;
        }
        return answer(request, xattrs.list(inode, request.uid() == 0));
    }

    int remove(RequestContext request) throws FsException {
        long inode = state.nodes.pinnedInodeOf(request.nodeId());
        if (inode == 0) {
            return RequestHandler.PASS_ON;
        }
        xattrs.remove(inode, Memory.getString(request.requestBody));
        return 0;
    }

    private static int answer(RequestContext request, byte[] value) throws FsException {
        int room = Memory.getInt(request.requestBody + RequestLayout.Getxattr.SIZE);
        if (room == 0) {
            Memory.putLong(request.replyBody, value.length); // size and padding
            return ReplyLayout.Getxattr.SIZE_BYTES;
        }
        if (value.length > room) {
            throw new FsException(Errno.ERANGE, "value_bytes=" + value.length);
        }
        Memory.put(request.replyBody, value, 0, value.length);
        return value.length;
    }
}
