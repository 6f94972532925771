package io.fusedax.backing.volume;

import io.fusedax.backing.FsException;
import io.fusedax.backing.format.Geometry;
import io.fusedax.backing.format.InodeLayout;
import io.fusedax.backing.inode.Inode;
import io.fusedax.backing.inode.InodeNumbers;
import io.fusedax.backing.journal.Transaction;
import io.fusedax.backing.namespace.Dentry;
import io.fusedax.backing.namespace.Directory;
import io.fusedax.backing.region.UserBuffer;
import jnr.constants.platform.Errno;

/**
 * Names: looking up, linking and removing them. Making is {@link CreateOperations}, renaming {@link
 * RenameOperation}.
 */
final class NamespaceOperations {
    static final int MAX_NAME_BYTES = 255;

    /** ext4's limit, for programs that probe for it. */
    private static final int MAX_LINKS = 65_000;

    private final VolumeCore core;

    NamespaceOperations(VolumeCore core) {
        this.core = core;
    }

    static void checkName(byte[] name, int offset, int length) throws FsException {
        if (length > MAX_NAME_BYTES) {
            throw new FsException(Errno.ENAMETOOLONG, "name_bytes=" + length);
        }
        if (length == 0) {
            throw new FsException(Errno.ENOENT, "empty name");
        }
        for (int i = offset; i < offset + length; i++) {
            if (name[i] == '/' || name[i] == 0) {
                throw new FsException(Errno.EINVAL, "name with a slash or NUL");
            }
        }
    }

    static boolean isDot(byte[] name, int offset, int length) {
        return length == 1 && name[offset] == '.';
    }

    static boolean isDotDot(byte[] name, int offset, int length) {
        return length == 2 && name[offset] == '.' && name[offset + 1] == '.';
    }

    long lookup(long parentNumber, byte[] name, int offset, int length) throws FsException {
        if (length > MAX_NAME_BYTES) {
            throw new FsException(Errno.ENAMETOOLONG, "name_bytes=" + length);
        }
        Inode parent = core.pin(parentNumber);
        try {
            long stamp = parent.lock().readLock();
            try {
                VolumeCore.checkDirectory(parent);
                return find(parent, name, offset, length);
            } finally {
                parent.lock().unlockRead(stamp);
            }
        } finally {
            core.unpin(parent);
        }
    }

    private long find(Inode parent, byte[] name, int offset, int length) throws FsException {
        if (isDot(name, offset, length)) {
            return parent.number();
        }
        if (isDotDot(name, offset, length)) {
            return parent.parent();
        }
        Dentry found = new Dentry();
        return core.directory.find(parent, name, offset, length, found) ? found.inode : 0;
    }

    byte[] readlink(long number) throws FsException {
        Inode inode = core.pin(number);
        try {
            byte[] target = readTarget(inode);
            core.touchAccessed(inode);
            return target;
        } finally {
            core.unpin(inode);
        }
    }

    private byte[] readTarget(Inode inode) throws FsException {
        long stamp = inode.lock().readLock();
        try {
            VolumeCore.checkLive(inode);
            if (!inode.isSymlink() || inode.sizeBytes() > Geometry.BLOCK_BYTES) {
                throw new FsException(Errno.EINVAL, inode + ": not a symbolic link");
            }
            byte[] target = new byte[(int) inode.sizeBytes()];
            if (target.length <= InodeLayout.PAYLOAD_BYTES) {
                inode.buffer().getBytes(InodeLayout.PAYLOAD, target, 0, target.length);
            } else {
                core.content.read(inode, 0, UserBuffer.of(target, 0), target.length);
            }
            return target;
        } finally {
            inode.lock().unlockRead(stamp);
        }
    }

    void commitIfDirsync(Inode parent, long tid) throws FsException {
        if ((parent.flags() & (InodeFlags.DIRSYNC | InodeFlags.SYNC)) != 0) {
            core.journal.commit(tid, io.fusedax.backing.journal.CommitCause.OSYNC_WRITE);
        }
    }

    /** Checks that a name may be made in a directory, which is locked. */
    void checkCanAdd(Inode parent, byte[] name, int offset, int length) throws FsException {
        VolumeCore.checkDirectory(parent);
        if (isDot(name, offset, length) || isDotDot(name, offset, length)) {
            throw new FsException(Errno.EEXIST, "name is . or ..");
        }
        if (core.directory.find(parent, name, offset, length, new Dentry())) {
            throw new FsException(Errno.EEXIST, "name exists in " + parent);
        }
        if (parent.linkCount() == 0) {
            throw new FsException(Errno.ENOENT, parent + ": removed");
        }
        VolumeCore.refuseFlags(parent, InodeFlags.IMMUTABLE);
    }

    /** Adds a name and keeps the directory's link count and times. */
    void addName(Transaction tx, Inode parent, byte[] name, int offset, int length, Inode inode)
            throws FsException {
        core.directory.insert(
                tx, parent, name, offset, length, inode.number(), inode.type() >>> 12);
        if (inode.isDirectory()) {
            VolumeCore.putLinkCount(tx, parent, parent.linkCount() + 1);
        }
        core.touchModified(tx, parent);
    }

    void link(long number, long parentNumber, byte[] name, int offset, int length)
            throws FsException {
        checkName(name, offset, length);
        try (LockedInodes locked = new LockedInodes(core)) {
            Inode inode = locked.pin(number);
            Inode parent = locked.pin(parentNumber);
            locked.lock();
            VolumeCore.checkLive(inode);
            if (inode.isDirectory()) {
                throw new FsException(Errno.EPERM, inode + ": is a directory");
            }
            VolumeCore.refuseFlags(inode, InodeFlags.IMMUTABLE | InodeFlags.APPEND);
            checkCanAdd(parent, name, offset, length);
            boolean nameless = inode.linkCount() == 0;
            if (nameless && !inode.isLinkable()) {
                throw new FsException(Errno.ENOENT, inode + ": removed");
            }
            if (nameless) {
                locked.lockOrphans();
            }
            if (inode.linkCount() >= MAX_LINKS) {
                throw new FsException(Errno.EMLINK, inode + ": link_count=" + inode.linkCount());
            }
            long tid =
                    core.mutate(
                            "link",
                            tx -> {
                                addName(tx, parent, name, offset, length, inode);
                                VolumeCore.putLinkCount(tx, inode, inode.linkCount() + 1);
                                if (nameless) {
                                    core.reclaimer.leave(tx, inode);
                                }
                                core.touchChanged(tx, inode);
                            });
            inode.setLinkable(false);
            commitIfDirsync(parent, tid);
        }
    }

    void unlink(long parent, byte[] name, int offset, int length) throws FsException {
        if (isDot(name, offset, length) || isDotDot(name, offset, length)) {
            throw new FsException(Errno.EISDIR, "name is . or ..");
        }
        remove(parent, name, offset, length, false);
    }

    void rmdir(long parent, byte[] name, int offset, int length) throws FsException {
        if (isDot(name, offset, length)) {
            throw new FsException(Errno.EINVAL, "name is .");
        }
        if (isDotDot(name, offset, length)) {
            throw new FsException(Errno.ENOTEMPTY, "name is ..");
        }
        remove(parent, name, offset, length, true);
    }

    private void remove(long parentNumber, byte[] name, int offset, int length, boolean directory)
            throws FsException {
        boolean done = false;
        while (!done) {
            long number = lookup(parentNumber, name, offset, length);
            if (number == 0) {
                throw new FsException(Errno.ENOENT, "no such name in inode " + parentNumber);
            }
            try (LockedInodes locked = new LockedInodes(core)) {
                Inode parent = locked.pin(parentNumber);
                Inode victim = locked.pin(number);
                locked.lock();
                VolumeCore.checkDirectory(parent);
                Dentry found = new Dentry();
                if (core.directory.find(parent, name, offset, length, found)
                        && found.inode == number) {
                    removeLocked(locked, parent, victim, found, directory);
                    done = true;
                }
            }
        }
    }

    private void removeLocked(
            LockedInodes locked, Inode parent, Inode victim, Dentry found, boolean directory)
            throws FsException {
        checkCanRemove(parent, victim, directory);
        boolean last = directory || victim.linkCount() == 1;
        boolean destroy = last && canDestroy(locked, victim);
        if (last && !destroy) {
            locked.lockOrphans();
        }
        long tid =
                core.mutateFreeing(
                        "remove",
                        tx -> {
                            core.directory.remove(tx, parent, found);
                            if (directory) {
                                VolumeCore.putLinkCount(tx, parent, parent.linkCount() - 1);
                            }
                            core.touchModified(tx, parent);
                            dropName(tx, victim, last, destroy);
                        });
        commitIfDirsync(parent, tid);
    }

    /** Checks that a name may be taken away; both inodes are locked. */
    void checkCanRemove(Inode parent, Inode victim, boolean directory) throws FsException {
        if (directory != victim.isDirectory()) {
            throw new FsException(
                    directory ? Errno.ENOTDIR : Errno.EISDIR, victim + ": of the other kind");
        }
        VolumeCore.refuseFlags(parent, InodeFlags.IMMUTABLE | InodeFlags.APPEND);
        VolumeCore.refuseFlags(victim, InodeFlags.IMMUTABLE | InodeFlags.APPEND);
        if (directory && !core.directory.isEmpty(victim)) {
            throw new FsException(Errno.ENOTEMPTY, victim + ": not empty");
        }
    }

    /** Whether an inode that loses its last name can be freed by the same transaction. */
    boolean canDestroy(LockedInodes locked, Inode victim) throws FsException {
        return victim.pins() == locked.pinsOf(victim) && core.reclaimer.isSmall(victim);
    }

    /** Takes a name from an inode; the last step of an operation. */
    void dropName(Transaction tx, Inode victim, boolean last, boolean destroy) throws FsException {
        core.touchChanged(tx, victim);
        VolumeCore.putLinkCount(tx, victim, last ? 0 : victim.linkCount() - 1);
        if (destroy) {
            core.reclaimer.destroy(tx, victim);
        } else if (last) {
            core.reclaimer.enter(tx, victim);
        }
    }

    void readdir(long number, long cookie, DirectoryVisitor visitor) throws FsException {
        Inode inode = core.pin(number);
        try {
            long stamp = inode.lock().readLock();
            try {
                VolumeCore.checkDirectory(inode);
                if (inode.number() == InodeNumbers.ORPHANS) {
                    throw new FsException(Errno.ESTALE, inode + ": hidden");
                }
                readdirLocked(inode, cookie, visitor);
            } finally {
                inode.lock().unlockRead(stamp);
            }
            core.touchAccessed(inode);
        } finally {
            core.unpin(inode);
        }
    }

    private void readdirLocked(Inode inode, long cookie, DirectoryVisitor visitor)
            throws FsException {
        byte[] dots = {'.', '.'};
        int type = Inode.S_IFDIR >>> 12;
        if (cookie < 1 && !visitor.entry(dots, 0, 1, inode.number(), type, 1)) {
            return;
        }
        if (cookie < 2 && !visitor.entry(dots, 0, 2, inode.parent(), type, 2)) {
            return;
        }
        long after = Math.max(cookie, Directory.FIRST_KEY - 1);
        core.directory.visit(inode, after, visitor::entry);
    }
}
