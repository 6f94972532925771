package io.fusedax.mount;

import io.fusedax.backing.FsException;
import io.fusedax.backing.volume.InodeAttributes;
import io.fusedax.backing.volume.Volume;
import jnr.constants.platform.Errno;

/**
 * Native transport: the requests whose reply tells the kernel of an inode. Each such reply is
 * counted ({@link LookupCounts}) before it is sent.
 */
final class EntryRequests {
    private final MountState state;
    private final Volume volume;

    EntryRequests(MountState state) {
        this.state = state;
        this.volume = state.volume;
    }

    int lookup(RequestContext request) throws FsException {
        long directory = directory(state, request);
        PathWalker.lastComponent(request.requestBody, request.name);
        if (request.name.length == 1 && request.name.bytes[0] == '.') {
            return tell(request, directory); // a file handle's node, which may be any file
        }
        long inode = volume.lookup(directory, request.name.bytes, 0, request.name.length);
        if (inode != 0) {
            return tell(request, inode);
        }
        return LookupRequests.tellAbsence(state, request);
    }

    int mknod(RequestContext request) throws FsException {
        long body = request.requestBody;
        long directory = directory(state, request);
        PathWalker.lastComponent(body + RequestLayout.Mknod.SIZE_BYTES, request.name);
        long inode =
                volume.mknod(
                        directory,
                        request.name.bytes,
                        0,
                        request.name.length,
                        Memory.getInt(body + RequestLayout.Mknod.MODE),
                        Memory.getInt(body + RequestLayout.Mknod.RDEV),
                        request.caller(Memory.getInt(body + RequestLayout.Mknod.UMASK)));
        return tell(request, inode);
    }

    int mkdir(RequestContext request) throws FsException {
        long body = request.requestBody;
        long directory = directory(state, request);
        PathWalker.lastComponent(body + RequestLayout.Mkdir.SIZE_BYTES, request.name);
        long inode =
                volume.mkdir(
                        directory,
                        request.name.bytes,
                        0,
                        request.name.length,
                        Memory.getInt(body + RequestLayout.Mkdir.MODE),
                        request.caller(Memory.getInt(body + RequestLayout.Mkdir.UMASK)));
        return tell(request, inode);
    }

    int symlink(RequestContext request) throws FsException {
        long directory = directory(state, request);
        PathWalker.lastComponent(request.requestBody, request.name);
        byte[] target = Memory.getString(Memory.afterString(request.requestBody));
        long inode =
                volume.symlink(
                        directory,
                        request.name.bytes,
                        0,
                        request.name.length,
                        target,
                        request.caller());
        return tell(request, inode);
    }

    int link(RequestContext request) throws FsException {
        long body = request.requestBody;
        long directory = directory(state, request);
        long inode = inode(state, Memory.getLong(body + RequestLayout.Link.OLD_NODE_ID));
        PathWalker.lastComponent(body + RequestLayout.Link.SIZE_BYTES, request.name);
        volume.link(inode, directory, request.name.bytes, 0, request.name.length);
        return tell(request, inode);
    }

    /** The inode of the request's node, a directory or not. */
    static long directory(MountState state, RequestContext request) throws FsException {
        return inode(state, request.nodeId());
    }

    /** The inode of a node. */
    static long inode(MountState state, long nodeId) throws FsException {
        long inode = state.nodes.inodeOf(nodeId);
        if (inode == 0) {
            throw new FsException(Errno.ESTALE, "node=" + nodeId);
        }
        return inode;
    }

    /** Puts the reply that tells the kernel of an inode, and counts it. */
    int tell(RequestContext request, long inode) throws FsException {
        state.lookups.known(inode); // first: it may lose its last name meanwhile
        boolean keep;
        try {
            keep = state.readAttributes(inode, request.attributes);
        } catch (Throwable failure) {
            state.lookups.forget(LookupCounts.nodeOf(inode), 1);
            throw failure;
        }
        put(state, request.replyBody, request.attributes, keep);
        request.told = inode;
        return ReplyLayout.Entry.SIZE_BYTES;
    }

    /**
     * Fills a struct fuse_entry_out.
     *
     * @param keep whether the kernel may keep the attributes
     */
    static void put(MountState state, long to, InodeAttributes attributes, boolean keep) {
        CachePolicy policy = state.cachePolicy;
        Memory.putLong(to + ReplyLayout.Entry.NODE_ID, LookupCounts.nodeOf(attributes.inode));
        Memory.putLong(
                to + ReplyLayout.Entry.GENERATION, Integer.toUnsignedLong(attributes.generation));
        Memory.putLong(to + ReplyLayout.Entry.ENTRY_VALID_SECONDS, policy.nameSeconds());
        Memory.putInt(to + ReplyLayout.Entry.ENTRY_VALID_NANOS, policy.nameNanos());
        Memory.putLong(
                to + ReplyLayout.Entry.ATTR_VALID_SECONDS, keep ? policy.attributeSeconds() : 0);
        Memory.putInt(to + ReplyLayout.Entry.ATTR_VALID_NANOS, keep ? policy.attributeNanos() : 0);
        Attributes.putKernel(to + ReplyLayout.Entry.ATTRIBUTES, attributes);
    }
}
