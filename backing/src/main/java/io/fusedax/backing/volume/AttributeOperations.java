package io.fusedax.backing.volume;

import io.fusedax.backing.FsException;
import io.fusedax.backing.format.InodeLayout;
import io.fusedax.backing.inode.Inode;
import io.fusedax.backing.journal.MetaBuffer;
import io.fusedax.backing.journal.Transaction;
import java.time.Instant;
import jnr.constants.platform.Errno;

/** Attributes, flags and extended attributes of inodes. */
final class AttributeOperations {
    private static final int SECTORS_PER_BLOCK = 8;

    private final VolumeCore core;
    private final DataOperations data;

    AttributeOperations(VolumeCore core, DataOperations data) {
        this.core = core;
        this.data = data;
    }

    /** What is done with an inode under its lock. */
    @FunctionalInterface
    private interface Access<T> {
        T apply(Inode inode) throws FsException;
    }

    private <T> T withShared(long number, Access<T> access) throws FsException {
        Inode inode = core.pin(number);
        try {
            long stamp = inode.lock().readLock();
            try {
                VolumeCore.checkLive(inode);
                return access.apply(inode);
            } finally {
                inode.lock().unlockRead(stamp);
            }
        } finally {
            core.unpin(inode);
        }
    }

    /** What changes an inode, which is locked exclusively, within a transaction. */
    @FunctionalInterface
    private interface Change {
        void apply(Transaction tx, Inode inode) throws FsException;
    }

    private void change(long number, String operation, Change change) throws FsException {
        try (LockedInodes locked = new LockedInodes(core)) {
            Inode inode = locked.pin(number);
            locked.lock();
            VolumeCore.checkLive(inode);
            core.mutate(
                    operation,
                    tx -> {
                        change.apply(tx, inode);
                        core.touchChanged(tx, inode);
                    });
        }
    }

    void getattr(long number, InodeAttributes out) throws FsException {
        Inode inode = core.pin(number);
        try {
            long stamp = inode.lock().readLock();
            try {
                VolumeCore.checkLive(inode);
                fill(inode, out);
            } finally {
                inode.lock().unlockRead(stamp);
            }
        } finally {
            core.unpin(inode);
        }
    }

    static void fill(Inode inode, InodeAttributes out) {
        MetaBuffer buffer = inode.buffer();
        int type = inode.type();
        out.inode = inode.number();
        out.generation = buffer.getInt(InodeLayout.GENERATION);
        out.mode = inode.mode();
        out.linkCount = inode.linkCount();
        out.uid = inode.uid();
        out.gid = inode.gid();
        boolean device = type == Inode.S_IFCHR || type == Inode.S_IFBLK;
        out.rdev = device ? buffer.getInt(InodeLayout.RDEV) : 0;
        out.flags = inode.flags();
        out.projectId = buffer.getInt(InodeLayout.PROJECT_ID);
        out.sizeBytes = inode.sizeBytes();
        out.blocks512 = buffer.getLong(InodeLayout.BLOCK_COUNT) * SECTORS_PER_BLOCK;
        out.atimeSeconds = buffer.getLong(InodeLayout.ATIME_SECONDS);
        out.atimeNanos = buffer.getInt(InodeLayout.ATIME_NANOS);
        out.mtimeSeconds = buffer.getLong(InodeLayout.MTIME_SECONDS);
        out.mtimeNanos = buffer.getInt(InodeLayout.MTIME_NANOS);
        out.ctimeSeconds = buffer.getLong(InodeLayout.CTIME_SECONDS);
        out.ctimeNanos = buffer.getInt(InodeLayout.CTIME_NANOS);
        out.birthSeconds = buffer.getLong(InodeLayout.BIRTH_SECONDS);
        out.birthNanos = buffer.getInt(InodeLayout.BIRTH_NANOS);
    }

    void setattr(long number, SetAttributes changes, Caller caller, InodeAttributes out)
            throws FsException {
        try (LockedInodes locked = new LockedInodes(core)) {
            Inode inode = locked.pin(number);
            locked.lock();
            VolumeCore.checkLive(inode);
            VolumeCore.refuseFlags(inode, InodeFlags.IMMUTABLE);
            boolean timesOnly =
                    (changes.valid
                                    & ~(SetAttributes.ATIME_NOW
                                            | SetAttributes.MTIME_NOW
                                            | SetAttributes.ATIME
                                            | SetAttributes.MTIME))
                            == 0;
            if (!timesOnly || (changes.valid & SetAttributes.MTIME_NOW) == 0) {
                VolumeCore.refuseFlags(inode, InodeFlags.APPEND);
            }
            if ((changes.valid & SetAttributes.SIZE) != 0) {
                data.truncateLocked(locked, inode, changes.sizeBytes, caller);
            }
            if ((changes.valid & ~SetAttributes.SIZE) != 0) {
                core.mutate("setattr", tx -> apply(tx, inode, changes));
            }
            fill(inode, out);
        }
    }

    private void apply(Transaction tx, Inode inode, SetAttributes changes) throws FsException {
        MetaBuffer buffer = inode.buffer();
        int valid = changes.valid;
        if ((valid & (SetAttributes.UID | SetAttributes.GID)) != 0
                && (valid & SetAttributes.MODE) == 0) {
            VolumeCore.dropSetId(tx, inode);
        }
        if ((valid & SetAttributes.MODE) != 0) {
            tx.putInt(buffer, InodeLayout.MODE, inode.type() | changes.mode & 07777);
            core.acls.changeMode(tx, inode, changes.mode);
        }
        if ((valid & SetAttributes.UID) != 0) {
            tx.putInt(buffer, InodeLayout.UID, changes.uid);
        }
        if ((valid & SetAttributes.GID) != 0) {
            tx.putInt(buffer, InodeLayout.GID, changes.gid);
        }
        Instant now = core.now();
        if ((valid & SetAttributes.ATIME) != 0) {
            boolean current = (valid & SetAttributes.ATIME_NOW) != 0;
            VolumeCore.putTime(
                    tx,
                    inode,
                    InodeLayout.ATIME_SECONDS,
                    InodeLayout.ATIME_NANOS,
                    current ? now.getEpochSecond() : changes.atimeSeconds,
                    current ? now.getNano() : changes.atimeNanos);
        }
        if ((valid & SetAttributes.MTIME) != 0) {
            boolean current = (valid & SetAttributes.MTIME_NOW) != 0;
            VolumeCore.putTime(
                    tx,
                    inode,
                    InodeLayout.MTIME_SECONDS,
                    InodeLayout.MTIME_NANOS,
                    current ? now.getEpochSecond() : changes.mtimeSeconds,
                    current ? now.getNano() : changes.mtimeNanos);
        }
        VolumeCore.putTime(tx, inode, InodeLayout.CTIME_SECONDS, InodeLayout.CTIME_NANOS, now);
    }

    int getFlags(long number) throws FsException {
        return withShared(number, Inode::flags);
    }

    void setFlags(long number, int flags, Caller caller) throws FsException {
        if ((flags & ~InodeFlags.SUPPORTED) != 0) {
            throw new FsException(Errno.EOPNOTSUPP, "inode_flags=0x" + Integer.toHexString(flags));
        }
        change(
                number,
                "setflags",
                (tx, inode) -> {
                    checkFlagChange(inode, flags, caller);
                    int kept = inode.isDirectory() ? flags : flags & ~InodeFlags.DIRECTORY_ONLY;
                    tx.putInt(inode.buffer(), InodeLayout.FLAGS, kept);
                });
    }

    private static void checkFlagChange(Inode inode, int flags, Caller caller) throws FsException {
        int guarded = InodeFlags.IMMUTABLE | InodeFlags.APPEND;
        boolean owner = caller.privileged() || caller.uid() == inode.uid();
        if (!owner || !caller.privileged() && ((flags ^ inode.flags()) & guarded) != 0) {
            throw new FsException(Errno.EPERM, inode + ": flags of another's or guarded");
        }
    }

    int getProjectId(long number) throws FsException {
        return withShared(number, inode -> inode.buffer().getInt(InodeLayout.PROJECT_ID));
    }

    void setProjectId(long number, int projectId) throws FsException {
        change(
                number,
                "setproject",
                (tx, inode) -> tx.putInt(inode.buffer(), InodeLayout.PROJECT_ID, projectId));
    }

    void setxattr(long number, byte[] name, byte[] value, int flags) throws FsException {
        change(
                number,
                "setxattr",
                (tx, inode) -> {
                    VolumeCore.refuseFlags(inode, InodeFlags.IMMUTABLE | InodeFlags.APPEND);
                    core.xattrs.set(tx, inode, name, value, flags);
                });
    }

    void setAcl(long number, byte[] name, byte[] value, boolean killsSetGid) throws FsException {
        change(
                number,
                "setacl",
                (tx, inode) -> {
                    VolumeCore.refuseFlags(inode, InodeFlags.IMMUTABLE | InodeFlags.APPEND);
                    core.acls.set(tx, inode, name, value, killsSetGid);
                });
    }

    byte[] getxattr(long number, byte[] name) throws FsException {
        return withShared(number, inode -> core.xattrs.get(inode, name));
    }

    byte[] listxattr(long number) throws FsException {
        return withShared(number, core.xattrs::list);
    }

    void removexattr(long number, byte[] name) throws FsException {
        change(
                number,
                "removexattr",
                (tx, inode) -> {
                    VolumeCore.refuseFlags(inode, InodeFlags.IMMUTABLE | InodeFlags.APPEND);
                    core.xattrs.remove(tx, inode, name);
                });
    }
}
