package io.fusedax.backing.volume;

import io.fusedax.backing.FsException;
import io.fusedax.backing.format.InodeLayout;
import io.fusedax.backing.inode.FileContent;
import io.fusedax.backing.inode.Inode;
import io.fusedax.backing.journal.Transaction;
import io.fusedax.backing.region.UserBuffer;
import java.time.Instant;
import jnr.constants.platform.Errno;

/** Making inodes, with a name or (O_TMPFILE) without. */
final class CreateOperations {
    /** Of a mode: what is not its type. */
    private static final int PERMISSIONS = 07777;

    private static final int MAX_SYMLINK_BYTES = 4095;

    private final VolumeCore core;
    private final NamespaceOperations names;

    CreateOperations(VolumeCore core, NamespaceOperations names) {
        this.core = core;
        this.names = names;
    }

    /** What sets a new inode apart: its payload. */
    @FunctionalInterface
    private interface Payload {
        void fill(Transaction tx, Inode inode) throws FsException;
    }

    long mknod(long parent, byte[] name, int offset, int length, int mode, int rdev, Caller caller)
            throws FsException {
        return create(
                parent,
                name,
                offset,
                length,
                nodeMode(mode),
                caller,
                (tx, inode) -> {
                    if (inode.type() == Inode.S_IFCHR || inode.type() == Inode.S_IFBLK) {
                        tx.putInt(inode.buffer(), InodeLayout.RDEV, rdev);
                    }
                });
    }

    /** As mknod(2): without a type it is a regular file; what needs more than a mode is refused. */
    private static int nodeMode(int mode) throws FsException {
        int type = mode & Inode.S_IFMT;
        return switch (type) {
            case 0 -> Inode.S_IFREG | mode & PERMISSIONS;
            case Inode.S_IFREG, Inode.S_IFCHR, Inode.S_IFBLK, Inode.S_IFIFO, Inode.S_IFSOCK ->
                    type | mode & PERMISSIONS;
            case Inode.S_IFDIR -> throw new FsException(Errno.EPERM, "mknod of a directory");
            default -> throw new FsException(Errno.EINVAL, "mode=0" + Integer.toOctalString(mode));
        };
    }

    long mkdir(long parent, byte[] name, int offset, int length, int mode, Caller caller)
            throws FsException {
        int directoryMode = Inode.S_IFDIR | mode & PERMISSIONS;
        return create(parent, name, offset, length, directoryMode, caller, (tx, inode) -> {});
    }

    long symlink(long parent, byte[] name, int offset, int length, byte[] target, Caller caller)
            throws FsException {
        if (target.length == 0 || target.length > MAX_SYMLINK_BYTES) {
            throw new FsException(
                    target.length == 0 ? Errno.ENOENT : Errno.ENAMETOOLONG,
                    "target_bytes=" + target.length);
        }
        return create(
                parent,
                name,
                offset,
                length,
                Inode.S_IFLNK | 0777,
                caller,
                (tx, inode) -> putTarget(tx, inode, target));
    }

    private void putTarget(Transaction tx, Inode inode, byte[] target) throws FsException {
        if (target.length <= InodeLayout.PAYLOAD_BYTES) {
            tx.putBytes(inode.buffer(), InodeLayout.PAYLOAD, target, 0, target.length);
            tx.putLong(inode.buffer(), InodeLayout.FILE_SIZE, target.length);
        } else {
            core.content.write(
                    tx,
                    inode,
                    0,
                    UserBuffer.of(target, 0),
                    target.length,
                    new FileContent.Progress());
        }
    }

    private long create(
            long parentNumber,
            byte[] name,
            int offset,
            int length,
            int mode,
            Caller caller,
            Payload payload)
            throws FsException {
        NamespaceOperations.checkName(name, offset, length);
        core.table.prepareAllocation();
        Inode[] created = new Inode[1];
        try (LockedInodes locked = new LockedInodes(core)) {
            Inode parent = locked.pin(parentNumber);
            locked.lock();
            names.checkCanAdd(parent, name, offset, length);
            long tid =
                    core.mutate(
                            "create",
                            tx -> {
                                dropFailedAttempt(created);
                                created[0] = core.table.allocate(tx);
                                fill(tx, created[0], parent, mode, caller);
                                payload.fill(tx, created[0]);
                                names.addName(tx, parent, name, offset, length, created[0]);
                            });
            names.commitIfDirsync(parent, tid);
            return created[0].number();
        } finally {
            dropFailedAttempt(created);
        }
    }

    /**
     * Makes a file without a name (O_TMPFILE).
     *
     * @param linkable whether it may get a name later
     * @return its number; acquired for the caller, who releases it
     */
    long tmpfile(long parentNumber, int mode, boolean linkable, Caller caller) throws FsException {
        int fileMode = Inode.S_IFREG | mode & PERMISSIONS;
        core.table.prepareAllocation();
        Inode[] created = new Inode[1];
        boolean done = false;
        try (LockedInodes locked = new LockedInodes(core)) {
            Inode parent = locked.pin(parentNumber);
            locked.lock();
            VolumeCore.checkDirectory(parent);
            if (parent.linkCount() == 0) {
                throw new FsException(Errno.ENOENT, parent + ": removed");
            }
            locked.lockOrphans();
            core.mutate(
                    "tmpfile",
                    tx -> {
                        dropFailedAttempt(created);
                        created[0] = core.table.allocate(tx);
                        fill(tx, created[0], parent, fileMode, caller);
                        VolumeCore.putLinkCount(tx, created[0], 0);
                        core.reclaimer.enter(tx, created[0]);
                    });
            created[0].setLinkable(linkable);
            done = true;
            return created[0].number();
        } finally {
            if (!done) {
                dropFailedAttempt(created);
            }
        }
    }

    private void dropFailedAttempt(Inode[] created) throws FsException {
        Inode dropped = created[0];
        created[0] = null; // the next attempt may fail before it has one
        if (dropped != null) {
            core.unpin(dropped);
        }
    }

    private void fill(Transaction tx, Inode inode, Inode parent, int asked, Caller caller)
            throws FsException {
        int mode = core.acls.inherit(tx, inode, parent, asked, caller);
        boolean directory = (mode & Inode.S_IFMT) == Inode.S_IFDIR;
        boolean groupFromParent = (parent.mode() & 02000) != 0;
        int inherited = parent.flags() & InodeFlags.INHERITED;
        if (!directory) {
            inherited &= ~InodeFlags.DIRECTORY_ONLY;
        }
        var buffer = inode.buffer();
        tx.putInt(buffer, InodeLayout.MODE, directory && groupFromParent ? mode | 02000 : mode);
        tx.putInt(buffer, InodeLayout.UID, caller.uid());
        tx.putInt(buffer, InodeLayout.GID, groupFromParent ? parent.gid() : caller.gid());
        tx.putInt(buffer, InodeLayout.LINK_COUNT, directory ? 2 : 1);
        tx.putInt(buffer, InodeLayout.FLAGS, inherited);
        if ((parent.flags() & InodeFlags.PROJINHERIT) != 0) {
            int project = parent.buffer().getInt(InodeLayout.PROJECT_ID);
            tx.putInt(buffer, InodeLayout.PROJECT_ID, project);
        }
        if (directory) {
            tx.putLong(buffer, InodeLayout.PARENT, parent.number());
        }
        Instant now = core.now();
        VolumeCore.putTime(tx, inode, InodeLayout.ATIME_SECONDS, InodeLayout.ATIME_NANOS, now);
        VolumeCore.putTime(tx, inode, InodeLayout.MTIME_SECONDS, InodeLayout.MTIME_NANOS, now);
        VolumeCore.putTime(tx, inode, InodeLayout.CTIME_SECONDS, InodeLayout.CTIME_NANOS, now);
        VolumeCore.putTime(tx, inode, InodeLayout.BIRTH_SECONDS, InodeLayout.BIRTH_NANOS, now);
        inode.noteDataChange(tx);
    }
}
