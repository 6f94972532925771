package io.fusedax.backing.volume;

import io.fusedax.backing.FsException;
import io.fusedax.backing.format.InodeLayout;
import io.fusedax.backing.format.StructureType;
import io.fusedax.backing.inode.Inode;
import io.fusedax.backing.inode.InodeNumbers;
import io.fusedax.backing.journal.MetadataCache;
import io.fusedax.backing.journal.Transaction;
import io.fusedax.backing.namespace.Dentry;
import java.util.concurrent.locks.ReentrantLock;
import jnr.constants.platform.Errno;

/** rename(2) and renameat2(2). */
final class RenameOperation {
    static final int NOREPLACE = 1;
    static final int EXCHANGE = 2;
    static final int WHITEOUT = 4;

    private static final int MAX_DEPTH = 1 << 20;

    private final VolumeCore core;
    private final NamespaceOperations names;

    /**
     * Held while a directory moves, so that the path from any directory to the root stands still.
     */
    private final ReentrantLock treeLock = new ReentrantLock();

    RenameOperation(VolumeCore core, NamespaceOperations names) {
        this.core = core;
        this.names = names;
    }

    /** One of the two names. */
    private static final class Name {
        final long parent;
        final byte[] bytes;
        final int offset;
        final int length;

        Name(long parent, byte[] bytes, int offset, int length) {
            this.parent = parent;
            this.bytes = bytes;
            this.offset = offset;
            this.length = length;
        }

        boolean isDots() {
            return NamespaceOperations.isDot(bytes, offset, length)
                    || NamespaceOperations.isDotDot(bytes, offset, length);
        }
    }

    /** Everything that takes part, locked; {@code target} and {@code targetEntry} may be null. */
    private record Parts(
            LockedInodes locked,
            Inode fromParent,
            Inode toParent,
            Inode source,
            Inode target,
            Dentry sourceEntry,
            Dentry targetEntry) {
        boolean crosses() {
            return fromParent != toParent;
        }
    }

    void rename(
            long fromParent,
            byte[] fromName,
            int fromOffset,
            int fromLength,
            long toParent,
            byte[] toName,
            int toOffset,
            int toLength,
            int flags)
            throws FsException {
        NamespaceOperations.checkName(fromName, fromOffset, fromLength);
        NamespaceOperations.checkName(toName, toOffset, toLength);
        boolean bothWays = (flags & EXCHANGE) != 0;
        if ((flags & ~(NOREPLACE | EXCHANGE | WHITEOUT)) != 0 || bothWays && flags != EXCHANGE) {
            throw new FsException(Errno.EINVAL, "rename_flags=" + flags);
        }
        Name from = new Name(fromParent, fromName, fromOffset, fromLength);
        Name to = new Name(toParent, toName, toOffset, toLength);
        if (from.isDots() || to.isDots()) {
            throw new FsException(
                    (flags & NOREPLACE) != 0 ? Errno.EEXIST : Errno.EBUSY, "name is . or ..");
        }
        if ((flags & WHITEOUT) != 0) {
            core.table.prepareAllocation();
        }
        boolean crosses = fromParent != toParent;
        if (crosses) {
            treeLock.lock();
        }
        try {
            boolean done = false;
            while (!done) {
                done = tryRename(from, to, flags);
            }
        } finally {
            if (crosses) {
                treeLock.unlock();
            }
        }
    }

    /** False when a name changed between looking it up and locking. */
    private boolean tryRename(Name from, Name to, int flags) throws FsException {
        long sourceNumber = names.lookup(from.parent, from.bytes, from.offset, from.length);
        long targetNumber = names.lookup(to.parent, to.bytes, to.offset, to.length);
        if (sourceNumber == 0) {
            throw new FsException(Errno.ENOENT, "no such name in inode " + from.parent);
        }
        try (LockedInodes locked = new LockedInodes(core)) {
            Inode fromParent = locked.pin(from.parent);
            Inode toParent = locked.pin(to.parent);
            Inode source = locked.pin(sourceNumber);
            Inode target = targetNumber == 0 ? null : locked.pin(targetNumber);
            if (fromParent != toParent && source.isDirectory()) {
                refuseLoop(source, toParent);
            }
            if (fromParent != toParent && target != null && target.isDirectory()) {
                refuseAncestor(target, fromParent, flags);
            }
            locked.lock();
            VolumeCore.checkDirectory(fromParent);
            VolumeCore.checkDirectory(toParent);
            Dentry sourceEntry = new Dentry();
            Dentry targetEntry = new Dentry();
            boolean haveSource = find(fromParent, from, sourceEntry);
            boolean haveTarget = find(toParent, to, targetEntry);
            if (!haveSource
                    || sourceEntry.inode != sourceNumber
                    || haveTarget != (target != null)
                    || haveTarget && targetEntry.inode != targetNumber) {
                return false;
            }
            Parts parts =
                    new Parts(
                            locked,
                            fromParent,
                            toParent,
                            source,
                            target,
                            sourceEntry,
                            haveTarget ? targetEntry : null);
            apply(parts, to, flags);
            return true;
        }
    }

    private boolean find(Inode parent, Name name, Dentry out) throws FsException {
        return core.directory.find(parent, name.bytes, name.offset, name.length, out);
    }

    /** A directory cannot be moved below itself. */
    private void refuseLoop(Inode source, Inode toParent) throws FsException {
        if (isAncestor(source, toParent)) {
            throw new FsException(Errno.EINVAL, source + " cannot be moved below itself");
        }
    }

    /** The target holds the source: it is not empty, and cannot take its place. */
    private void refuseAncestor(Inode target, Inode fromParent, int flags) throws FsException {
        if (isAncestor(target, fromParent)) {
            throw new FsException(
                    (flags & EXCHANGE) != 0
                            ? Errno.EINVAL
                            : (flags & NOREPLACE) != 0 ? Errno.EEXIST : Errno.ENOTEMPTY,
                    target + " holds the source");
        }
    }

    private boolean isAncestor(Inode ancestor, Inode directory) throws FsException {
        long at = directory.number();
        for (int depth = 0; depth < MAX_DEPTH; depth++) {
            if (at == ancestor.number()) {
                return true;
            }
            if (at == InodeNumbers.ROOT || at == 0) {
                return false;
            }
            Inode inode = core.pin(at);
            try {
                at = inode.parent();
            } finally {
                core.unpin(inode);
            }
        }
        throw MetadataCache.corrupt(
                StructureType.INODE,
                directory.buffer().address(),
                "directories above " + directory + " form a loop");
    }

    private void apply(Parts parts, Name to, int flags) throws FsException {
        if (parts.toParent.linkCount() == 0) {
            throw new FsException(Errno.ENOENT, parts.toParent + ": removed");
        }
        if ((flags & NOREPLACE) != 0 && parts.target != null) {
            throw new FsException(Errno.EEXIST, "target exists");
        }
        if ((flags & EXCHANGE) != 0) {
            exchange(parts);
            return;
        }
        if (parts.source == parts.target) {
            return; // two names of one file: POSIX wants nothing done
        }
        VolumeCore.refuseFlags(parts.fromParent, InodeFlags.IMMUTABLE | InodeFlags.APPEND);
        VolumeCore.refuseFlags(parts.source, InodeFlags.IMMUTABLE | InodeFlags.APPEND);
        VolumeCore.refuseFlags(parts.toParent, InodeFlags.IMMUTABLE);
        if (parts.target == null) {
            core.mutate("rename", tx -> moveToNew(tx, parts, to, flags));
        } else {
            replace(parts, flags);
        }
    }

    private void moveToNew(Transaction tx, Parts parts, Name to, int flags) throws FsException {
        names.addName(tx, parts.toParent, to.bytes, to.offset, to.length, parts.source);
        takeSourceName(tx, parts, flags);
        core.touchChanged(tx, parts.source);
    }

    private void replace(Parts parts, int flags) throws FsException {
        Inode target = parts.target;
        boolean directory = parts.source.isDirectory();
        if (directory != target.isDirectory()) {
            throw new FsException(directory ? Errno.ENOTDIR : Errno.EISDIR, target + ": kind");
        }
        names.checkCanRemove(parts.toParent, target, directory);
        boolean last = directory || target.linkCount() == 1;
        boolean destroy = last && names.canDestroy(parts.locked, target);
        if (last && !destroy) {
            parts.locked.lockOrphans();
        }
        core.mutate(
                "rename",
                tx -> {
                    Inode source = parts.source;
                    core.directory.replace(
                            tx,
                            parts.toParent,
                            parts.targetEntry,
                            source.number(),
                            source.type() >>> 12);
                    core.touchModified(tx, parts.toParent);
                    takeSourceName(tx, parts, flags);
                    core.touchChanged(tx, source);
                    names.dropName(tx, target, last, destroy);
                });
    }

    /** Removes the old name, or makes it a whiteout; keeps "..", link counts and times. */
    private void takeSourceName(Transaction tx, Parts parts, int flags) throws FsException {
        if ((flags & WHITEOUT) != 0) {
            Inode whiteout = newWhiteout(tx, parts);
            try {
                core.directory.replace(
                        tx,
                        parts.fromParent,
                        parts.sourceEntry,
                        whiteout.number(),
                        Inode.S_IFCHR >>> 12);
            } finally {
                core.unpin(whiteout);
            }
        } else {
            core.directory.remove(tx, parts.fromParent, parts.sourceEntry);
        }
        if (parts.source.isDirectory()) {
            VolumeCore.putLinkCount(tx, parts.fromParent, parts.fromParent.linkCount() - 1);
            tx.putLong(parts.source.buffer(), InodeLayout.PARENT, parts.toParent.number());
        }
        core.touchModified(tx, parts.fromParent);
    }

    /** A character device 0:0, as overlayfs wants it. */
    private Inode newWhiteout(Transaction tx, Parts parts) throws FsException {
        Inode inode = core.table.allocate(tx);
        tx.putInt(inode.buffer(), InodeLayout.MODE, Inode.S_IFCHR);
        tx.putInt(inode.buffer(), InodeLayout.UID, parts.source.uid());
        tx.putInt(inode.buffer(), InodeLayout.GID, parts.source.gid());
        tx.putInt(inode.buffer(), InodeLayout.LINK_COUNT, 1);
        core.touchModified(tx, inode);
        return inode;
    }

    private void exchange(Parts parts) throws FsException {
        if (parts.target == null) {
            throw new FsException(Errno.ENOENT, "target does not exist");
        }
        int flags = InodeFlags.IMMUTABLE | InodeFlags.APPEND;
        VolumeCore.refuseFlags(parts.fromParent, flags);
        VolumeCore.refuseFlags(parts.toParent, flags);
        VolumeCore.refuseFlags(parts.source, flags);
        VolumeCore.refuseFlags(parts.target, flags);
        if (parts.source == parts.target) {
            return;
        }
        core.mutate(
                "exchange",
                tx -> {
                    Inode source = parts.source;
                    Inode target = parts.target;
                    core.directory.replace(
                            tx,
                            parts.toParent,
                            parts.targetEntry,
                            source.number(),
                            source.type() >>> 12);
                    core.directory.replace(
                            tx,
                            parts.fromParent,
                            parts.sourceEntry,
                            target.number(),
                            target.type() >>> 12);
                    if (parts.crosses()) {
                        moveLink(tx, source, parts.fromParent, parts.toParent);
                        moveLink(tx, target, parts.toParent, parts.fromParent);
                    }
                    core.touchModified(tx, parts.fromParent);
                    core.touchModified(tx, parts.toParent);
                    core.touchChanged(tx, source);
                    core.touchChanged(tx, target);
                });
    }

    private static void moveLink(Transaction tx, Inode moved, Inode from, Inode to) {
        if (moved.isDirectory()) {
            VolumeCore.putLinkCount(tx, from, from.linkCount() - 1);
            VolumeCore.putLinkCount(tx, to, to.linkCount() + 1);
            tx.putLong(moved.buffer(), InodeLayout.PARENT, to.number());
        }
    }
}
