package io.fusedax.mount;

import io.fusedax.backing.FsException;
import io.fusedax.backing.volume.Volume;
import java.io.ByteArrayOutputStream;
import java.nio.charset.StandardCharsets;
import java.util.Arrays;
import jnr.constants.platform.Errno;

/**
 * Extended attributes as the transport allows them. On jnr-fuse POSIX ACLs are refused: the kernel
 * checks permissions by mode alone there, so a stored ACL would promise what nobody enforces. On
 * the native transport the kernel enforces them.
 */
final class Xattrs {
    private static final byte[] ACL_PREFIX = ascii("system.posix_acl_");
    private static final byte[] TRUSTED_PREFIX = ascii("trusted.");
    private static final byte[][] NAMESPACES = {
        ascii("user."), ascii("security."), TRUSTED_PREFIX,
    };

    private final Volume volume;
    private final boolean enforcesAcls;

    Xattrs(Volume volume, boolean enforcesAcls) {
        this.volume = volume;
        this.enforcesAcls = enforcesAcls;
    }

    /**
     * @param killsSetGid for an access ACL: clear the set-group-id bit
     */
    void set(long inode, byte[] name, byte[] value, int flags, boolean killsSetGid)
            throws FsException {
        if (isAcl(name)) {
            volume.setAcl(inode, name, value, killsSetGid);
        } else {
            checkName(name);
            volume.setxattr(inode, name, value, flags);
        }
    }

    byte[] get(long inode, byte[] name) throws FsException {
        if (!isAcl(name)) {
            checkName(name);
        }
        return volume.getxattr(inode, name);
    }

    void remove(long inode, byte[] name) throws FsException {
        if (isAcl(name)) {
            volume.setAcl(inode, name, new byte[0], false);
        } else {
            checkName(name);
            volume.removexattr(inode, name);
        }
    }

    private boolean isAcl(byte[] name) {
        return enforcesAcls && startsWith(name, 0, name.length, ACL_PREFIX);
    }

    /** The names, each with a NUL; "trusted." ones for root only, ACLs' where they hold. */
    byte[] list(long inode, boolean root) throws FsException {
        byte[] names = volume.listxattr(inode);
        ByteArrayOutputStream shown = new ByteArrayOutputStream(names.length);
        for (int start = 0; start < names.length; ) {
            int end = start;
            while (names[end] != 0) {
                end++;
            }
            boolean hidden =
                    !enforcesAcls && startsWith(names, start, end, ACL_PREFIX)
                            || !root && startsWith(names, start, end, TRUSTED_PREFIX);
            if (!hidden) {
                shown.write(names, start, end + 1 - start);
            }
            start = end + 1;
        }
        return shown.toByteArray();
    }

    private static byte[] ascii(String text) {
        return text.getBytes(StandardCharsets.US_ASCII);
    }

    /** Lets names of the known namespaces pass; that of ACLs is not among them. */
    private static void checkName(byte[] name) throws FsException {
        for (byte[] namespace : NAMESPACES) {
            if (startsWith(name, 0, name.length, namespace)) {
                if (name.length == namespace.length) {
                    throw new FsException(Errno.EINVAL, "attribute without a name");
                }
                return;
            }
        }
        throw new FsException(Errno.EOPNOTSUPP, "namespace of the attribute");
    }

    private static boolean startsWith(byte[] bytes, int start, int end, byte[] prefix) {
        return end - start >= prefix.length
                && Arrays.equals(bytes, start, start + prefix.length, prefix, 0, prefix.length);
    }
}
