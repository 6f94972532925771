package io.fusedax.mount;

import io.fusedax.backing.FsException;
import io.fusedax.backing.volume.Caller;
import io.fusedax.backing.volume.InodeAttributes;
import io.fusedax.backing.volume.SetAttributes;
import io.fusedax.backing.volume.VolumeStatistics;

/**
 * Requests on attributes of known nodes. Unlike libfuse, which needs a path, these serve a file
 * that is open and has lost its name: fstat, fchmod, fchown and futimens come without a handle.
 */
final class NodeRequests {
    /** FATTR_*: what a SETATTR sets. */
    static final int FATTR_MODE = 1;

    static final int FATTR_UID = 1 << 1;
    static final int FATTR_GID = 1 << 2;
    static final int FATTR_SIZE = 1 << 3;
    static final int FATTR_ATIME = 1 << 4;
    static final int FATTR_MTIME = 1 << 5;
    static final int FATTR_ATIME_NOW = 1 << 7;
    static final int FATTR_MTIME_NOW = 1 << 8;
    static final int FATTR_KILL_SUIDGID = 1 << 11;

    private static final int NAME_MAX = 255;

    private final MountState state;

    NodeRequests(MountState state) {
        this.state = state;
    }

    int getattr(RequestContext request) throws FsException {
        long inode = state.nodes.inodeOf(request.nodeId());
        if (inode == 0) {
            return RequestHandler.PASS_ON;
        }
        boolean keep = state.readAttributes(inode, request.attributes);
        return putAttributes(request, keep);
    }

    int setattr(RequestContext request) throws FsException {
        long inode = state.nodes.pinnedInodeOf(request.nodeId());
        if (inode == 0) {
            return RequestHandler.PASS_ON;
        }
        SetAttributes changes = changes(request);
        Caller caller = setattrCaller(request);
        setattr(state, inode, changes, caller, request.attributes);
        return putAttributes(request, state.cachePolicy.mayKeep(request.attributes));
    }

    /** A new size takes direct mappings of what lies behind it away first. */
    static void setattr(
            MountState state,
            long inode,
            SetAttributes changes,
            Caller caller,
            InodeAttributes attributes)
            throws FsException {
        if ((changes.valid & SetAttributes.SIZE) == 0) {
            state.volume.setattr(inode, changes, caller, attributes);
            return;
        }
        state.mappings.change(
                inode,
                changes.sizeBytes,
                Long.MAX_VALUE,
                () -> state.volume.setattr(inode, changes, caller, attributes));
    }

    private int putAttributes(RequestContext request, boolean keep) {
        long reply = request.replyBody;
        CachePolicy policy = state.cachePolicy;
        Memory.putLong(
                reply + ReplyLayout.Attr.VALID_SECONDS, keep ? policy.attributeSeconds() : 0);
        Memory.putLong(reply + ReplyLayout.Attr.VALID_NANOS, keep ? policy.attributeNanos() : 0);
        Attributes.putKernel(reply + ReplyLayout.Attr.ATTRIBUTES, request.attributes);
        return ReplyLayout.Attr.SIZE_BYTES;
    }

    /** The caller of a SETATTR; for a truncation the kernel has decided about set-id bits. */
    static Caller setattrCaller(RequestContext request) {
        if ((request.setattrValid & FATTR_SIZE) == 0) {
            return request.caller();
        }
        return (request.setattrValid & FATTR_KILL_SUIDGID) != 0
                ? MountState.UNPRIVILEGED
                : Caller.ROOT;
    }

    private static SetAttributes changes(RequestContext request) {
        int valid = request.setattrValid;
        long body = request.requestBody;
        SetAttributes changes = request.changes.clear();
        if ((valid & FATTR_MODE) != 0) {
            changes.mode(Memory.getInt(body + RequestLayout.Setattr.MODE));
        }
        if ((valid & FATTR_UID) != 0) {
            changes.uid(Memory.getInt(body + RequestLayout.Setattr.UID));
        }
        if ((valid & FATTR_GID) != 0) {
            changes.gid(Memory.getInt(body + RequestLayout.Setattr.GID));
        }
        if ((valid & FATTR_SIZE) != 0) {
            changes.size(Memory.getLong(body + RequestLayout.Setattr.SIZE));
        }
        if ((valid & FATTR_ATIME_NOW) != 0) {
            changes.valid |= SetAttributes.ATIME | SetAttributes.ATIME_NOW;
        } else if ((valid & FATTR_ATIME) != 0) {
            changes.atime(
                    Memory.getLong(body + RequestLayout.Setattr.ATIME),
                    Memory.getInt(body + RequestLayout.Setattr.ATIME_NANOS));
        }
        if ((valid & FATTR_MTIME_NOW) != 0) {
            changes.valid |= SetAttributes.MTIME | SetAttributes.MTIME_NOW;
        } else if ((valid & FATTR_MTIME) != 0) {
            changes.mtime(
                    Memory.getLong(body + RequestLayout.Setattr.MTIME),
                    Memory.getInt(body + RequestLayout.Setattr.MTIME_NANOS));
        }
        return changes;
    }

    int statfs(RequestContext request) throws FsException {
        VolumeStatistics statistics = state.volume.statfs();
        long reply = request.replyBody;
        Memory.zero(reply, ReplyLayout.Statfs.SIZE_BYTES);
        Memory.putLong(reply + ReplyLayout.Statfs.BLOCKS, statistics.totalBlocks());
        Memory.putLong(reply + ReplyLayout.Statfs.FREE_BLOCKS, statistics.freeBlocks());
        Memory.putLong(reply + ReplyLayout.Statfs.AVAILABLE_BLOCKS, statistics.availableBlocks());
        Memory.putLong(
                reply + ReplyLayout.Statfs.FILES,
                statistics.usedInodes() + statistics.freeInodes());
        Memory.putLong(reply + ReplyLayout.Statfs.FREE_FILES, statistics.freeInodes());
        Memory.putInt(reply + ReplyLayout.Statfs.BLOCK_SIZE, Attributes.BLOCK_SIZE);
        Memory.putInt(reply + ReplyLayout.Statfs.NAME_LENGTH, NAME_MAX);
        Memory.putInt(reply + ReplyLayout.Statfs.FRAGMENT_SIZE, Attributes.BLOCK_SIZE);
        return ReplyLayout.Statfs.SIZE_BYTES;
    }
}
