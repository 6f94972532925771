package io.fusedax.mount;

import io.fusedax.backing.FsException;
import io.fusedax.backing.volume.InodeAttributes;
import io.fusedax.backing.volume.InodeFlags;

/** Native transport: statx(2), for what GETATTR lacks: time of birth and the inode's flags. */
final class StatxRequests {
    private static final int STATX_BASIC_STATS = 0x7ff;
    private static final int STATX_BTIME = 0x800;
    private static final int STATX_ATTR_IMMUTABLE = 0x10;
    private static final int STATX_ATTR_APPEND = 0x20;
    private static final int STATX_ATTR_NODUMP = 0x40;
    private static final int STATX_ATTR_DAX = 0x200000;

    private final MountState state;

    StatxRequests(MountState state) {
        this.state = state;
    }

    int statx(RequestContext request) throws FsException {
        InodeAttributes attributes = request.attributes;
        boolean keep =
                state.readAttributes(EntryRequests.inode(state, request.nodeId()), attributes);
        long reply = request.replyBody;
        CachePolicy policy = state.cachePolicy;
        Memory.zero(reply, ReplyLayout.Statx.SIZE_BYTES);
        if (keep) {
            Memory.putLong(reply + ReplyLayout.Statx.VALID_SECONDS, policy.attributeSeconds());
            Memory.putInt(reply + ReplyLayout.Statx.VALID_NANOS, policy.attributeNanos());
        }
        put(reply, attributes);
        return ReplyLayout.Statx.SIZE_BYTES;
    }

    private static void put(long to, InodeAttributes from) {
        Memory.putInt(to + ReplyLayout.Statx.MASK, STATX_BASIC_STATS | STATX_BTIME);
        Memory.putInt(to + ReplyLayout.Statx.BLOCK_SIZE, Attributes.BLOCK_SIZE);
        Memory.putLong(to + ReplyLayout.Statx.ATTRIBUTES, attributeFlags(from.flags));
        Memory.putLong(
                to + ReplyLayout.Statx.ATTRIBUTES_MASK,
                STATX_ATTR_IMMUTABLE | STATX_ATTR_APPEND | STATX_ATTR_NODUMP | STATX_ATTR_DAX);
        Memory.putInt(to + ReplyLayout.Statx.LINK_COUNT, from.linkCount);
        Memory.putInt(to + ReplyLayout.Statx.UID, from.uid);
        Memory.putInt(to + ReplyLayout.Statx.GID, from.gid);
        Memory.putShort(to + ReplyLayout.Statx.MODE, (short) from.mode);
        Memory.putLong(to + ReplyLayout.Statx.INODE, from.inode);
        Memory.putLong(to + ReplyLayout.Statx.SIZE, from.sizeBytes);
        Memory.putLong(to + ReplyLayout.Statx.BLOCKS, from.blocks512);
        putTime(to + ReplyLayout.Statx.ATIME, from.atimeSeconds, from.atimeNanos);
        putTime(to + ReplyLayout.Statx.BIRTH, from.birthSeconds, from.birthNanos);
        putTime(to + ReplyLayout.Statx.CTIME, from.ctimeSeconds, from.ctimeNanos);
        putTime(to + ReplyLayout.Statx.MTIME, from.mtimeSeconds, from.mtimeNanos);
        // new_encode_dev: minor's low byte, major, the rest of minor
        Memory.putInt(to + ReplyLayout.Statx.RDEV_MAJOR, from.rdev >>> 8 & 0xfff);
        Memory.putInt(
                to + ReplyLayout.Statx.RDEV_MINOR, from.rdev & 0xff | from.rdev >>> 12 & 0xfff00);
    }

    private static long attributeFlags(int flags) {
        return ((flags & InodeFlags.IMMUTABLE) != 0 ? STATX_ATTR_IMMUTABLE : 0)
                | ((flags & InodeFlags.APPEND) != 0 ? STATX_ATTR_APPEND : 0)
                | ((flags & InodeFlags.NODUMP) != 0 ? STATX_ATTR_NODUMP : 0)
                | ((flags & InodeFlags.DAX) != 0 ? STATX_ATTR_DAX : 0);
    }

    private static void putTime(long to, long seconds, int nanos) {
        Memory.putLong(to + ReplyLayout.Time.SECONDS, seconds);
        Memory.putInt(to + ReplyLayout.Time.NANOS, nanos);
    }
}
