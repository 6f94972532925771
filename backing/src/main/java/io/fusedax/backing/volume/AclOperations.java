package io.fusedax.backing.volume;

import io.fusedax.backing.FsException;
import io.fusedax.backing.format.InodeLayout;
import io.fusedax.backing.inode.Inode;
import io.fusedax.backing.journal.Transaction;
import java.util.Arrays;
import jnr.constants.platform.Errno;

/** POSIX ACLs of inodes: kept in step with the mode, inherited by new files. */
final class AclOperations {
    private static final int PERMISSIONS = 0777;
    private static final int SET_GID = 02000;

    private final VolumeCore core;

    AclOperations(VolumeCore core) {
        this.core = core;
    }

    private static boolean mayHaveAny(Inode inode) {
        return inode.buffer().getLong(InodeLayout.XATTR_BLOCK) != 0;
    }

    /** The ACL of that name, or null. */
    private AccessControlList find(Inode inode, byte[] name) throws FsException {
        if (!mayHaveAny(inode)) {
            return null;
        }
        try {
            return AccessControlList.of(core.xattrs.get(inode, name));
        } catch (FsException e) {
            if (e.errno() == Errno.ENODATA) {
                return null;
            }
            throw e;
        }
    }

    private void put(Transaction tx, Inode inode, byte[] name, AccessControlList list)
            throws FsException {
        core.xattrs.set(tx, inode, name, list.value(), 0);
    }

    private void remove(Transaction tx, Inode inode, byte[] name) throws FsException {
        if (find(inode, name) != null) {
            core.xattrs.remove(tx, inode, name);
        }
    }

    /**
     * Gives a new inode its mode, and what its directory hands down.
     *
     * @param mode as asked for, the caller's umask not yet applied
     * @return the mode
     */
    int inherit(Transaction tx, Inode inode, Inode parent, int mode, Caller caller)
            throws FsException {
        int type = mode & Inode.S_IFMT;
        AccessControlList list =
                type == Inode.S_IFLNK ? null : find(parent, AccessControlList.DEFAULT);
        if (list == null) {
            return type == Inode.S_IFLNK ? mode : mode & ~(caller.umask() & PERMISSIONS);
        }
        if (type == Inode.S_IFDIR) {
            put(tx, inode, AccessControlList.DEFAULT, list);
        }
        int permissions = list.restrict(mode);
        if (!list.isMode()) {
            put(tx, inode, AccessControlList.ACCESS, list);
        }
        return mode & ~PERMISSIONS | permissions;
    }

    /** chmod(2). */
    void changeMode(Transaction tx, Inode inode, int mode) throws FsException {
        AccessControlList list = find(inode, AccessControlList.ACCESS);
        if (list != null) {
            list.setMode(mode);
            put(tx, inode, AccessControlList.ACCESS, list);
        }
    }

    /**
     * Sets or, with an empty value, removes an ACL. The inode is locked.
     *
     * @param killsSetGid clear the set-group-id bit, for an access ACL
     */
    void set(Transaction tx, Inode inode, byte[] name, byte[] value, boolean killsSetGid)
            throws FsException {
        boolean access = Arrays.equals(name, AccessControlList.ACCESS);
        if (!access && !Arrays.equals(name, AccessControlList.DEFAULT) || inode.isSymlink()) {
            throw new FsException(Errno.EOPNOTSUPP, "no ACL of this name");
        }
        if (!access && !inode.isDirectory() && value.length > 0) {
            throw new FsException(Errno.EACCES, inode + ": a default ACL is a directory's");
        }
        if (value.length <= Integer.BYTES) { // no entries, maybe a head
            remove(tx, inode, name);
            return;
        }
        AccessControlList list = AccessControlList.of(value);
        if (access) {
            int mode = inode.mode() & ~PERMISSIONS | list.mode();
            tx.putInt(inode.buffer(), InodeLayout.MODE, killsSetGid ? mode & ~SET_GID : mode);
        }
        if (access && list.isMode()) {
            remove(tx, inode, name);
        } else {
            put(tx, inode, name, list);
        }
        inode.noteChange(tx);
    }
}
