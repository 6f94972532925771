package io.fusedax.backing.volume;

import io.fusedax.backing.FsException;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.charset.StandardCharsets;
import jnr.constants.platform.Errno;

/**
 * A POSIX ACL as its extended attribute holds it (struct posix_acl_xattr_header and _entry of
 * linux/posix_acl_xattr.h). The kernel enforces it; the volume keeps it and the mode in step, and
 * hands it down to new files.
 */
final class AccessControlList {
    static final byte[] ACCESS = ascii("system.posix_acl_access");
    static final byte[] DEFAULT = ascii("system.posix_acl_default");

    private static final int VERSION = 2;
    private static final int HEAD_BYTES = Integer.BYTES;
    private static final int ENTRY_BYTES = 8;

    // Within an entry: tag (u16), permissions (u16), id (u32).
    private static final int PERMISSIONS = 2;

    private static final int USER_OBJ = 1;
    private static final int USER = 2;
    private static final int GROUP_OBJ = 4;
    private static final int GROUP = 8;
    private static final int MASK = 0x10;
    private static final int OTHER = 0x20;

    private final ByteBuffer bytes;

    private AccessControlList(byte[] value) {
        bytes = ByteBuffer.wrap(value).order(ByteOrder.LITTLE_ENDIAN);
    }

    private static byte[] ascii(String text) {
        return text.getBytes(StandardCharsets.US_ASCII);
    }

    /**
     * Takes an attribute's value.
     *
     * @throws FsException EINVAL if it is no valid ACL, EOPNOTSUPP if of another version
     */
    static AccessControlList of(byte[] value) throws FsException {
        if (value.length < HEAD_BYTES + 3 * ENTRY_BYTES
                || (value.length - HEAD_BYTES) % ENTRY_BYTES != 0) {
            throw new FsException(Errno.EINVAL, "acl_bytes=" + value.length);
        }
        AccessControlList list = new AccessControlList(value.clone());
        if (list.bytes.getInt(0) != VERSION) {
            throw new FsException(Errno.EOPNOTSUPP, "acl_version=" + list.bytes.getInt(0));
        }
        list.check();
        return list;
    }

    private int count() {
        return (bytes.capacity() - HEAD_BYTES) / ENTRY_BYTES;
    }

    private int tag(int entry) {
        return bytes.getShort(HEAD_BYTES + entry * ENTRY_BYTES) & 0xffff;
    }

    private int permissions(int entry) {
        return bytes.getShort(HEAD_BYTES + entry * ENTRY_BYTES + PERMISSIONS) & 0xffff;
    }

    private void setPermissions(int entry, int permissions) {
        bytes.putShort(HEAD_BYTES + entry * ENTRY_BYTES + PERMISSIONS, (short) permissions);
    }

    private int find(int tag) {
        for (int i = 0; i < count(); i++) {
            if (tag(i) == tag) {
                return i;
            }
        }
        return -1;
    }

    /** Tags in order; one owner, one group, one other; a mask where users or groups are named. */
    private void check() throws FsException {
        int[] seen = new int[OTHER + 1];
        int last = 0;
        for (int i = 0; i < count(); i++) {
            int tag = tag(i);
            boolean known = Integer.bitCount(tag) == 1 && tag <= OTHER;
            if (!known || tag < last || permissions(i) > 7) {
                throw new FsException(Errno.EINVAL, "acl entry " + i);
            }
            seen[tag]++;
            last = tag;
        }
        boolean named = seen[USER] + seen[GROUP] > 0;
        if (seen[USER_OBJ] != 1
                || seen[GROUP_OBJ] != 1
                || seen[OTHER] != 1
                || seen[MASK] > 1
                || named && seen[MASK] == 0) {
            throw new FsException(Errno.EINVAL, "acl entries missing or doubled");
        }
    }

    /** The attribute's value. */
    byte[] value() {
        return bytes.array();
    }

    /** Whether it says no more than a mode does. */
    boolean isMode() {
        return count() == 3;
    }

    /** The nine permission bits that show for it. */
    int mode() {
        int group = find(MASK) >= 0 ? find(MASK) : find(GROUP_OBJ);
        return permissions(find(USER_OBJ)) << 6
                | permissions(group) << 3
                | permissions(find(OTHER));
    }

    /** chmod(2): with a mask, the group's bits are the mask's. */
    void setMode(int mode) {
        setPermissions(find(USER_OBJ), mode >> 6 & 7);
        setPermissions(find(MASK) >= 0 ? find(MASK) : find(GROUP_OBJ), mode >> 3 & 7);
        setPermissions(find(OTHER), mode & 7);
    }

    /**
     * Makes a directory's default ACL the access ACL of a new file: nobody gets more than the mode
     * asked for.
     *
     * @return the file's permission bits
     */
    int restrict(int mode) {
        int owner = find(USER_OBJ);
        int group = find(MASK) >= 0 ? find(MASK) : find(GROUP_OBJ);
        int other = find(OTHER);
        setPermissions(owner, permissions(owner) & mode >> 6);
        setPermissions(group, permissions(group) & mode >> 3);
        setPermissions(other, permissions(other) & mode);
        return mode();
    }
}
