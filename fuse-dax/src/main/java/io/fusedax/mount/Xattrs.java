package io.fusedax.mount;

import io.fusedax.backing.FsException;
import io.fusedax.backing.volume.Volume;
import java.io.ByteArrayOutputStream;
import java.nio.charset.StandardCharsets;
import java.util.Arrays;
import jnr.constants.platform.Errno;

/**
 * Extended attributes as this transport allows them. POSIX ACLs are refused: the kernel checks
 * permissions by mode alone here, so a stored ACL would promise what nobody enforces.
 */
final class Xattrs {
    private static final byte[] ACL_PREFIX = ascii("system.posix_acl_");
    private static final byte[] TRUSTED_PREFIX = ascii("trusted.");
    private static final byte[][] NAMESPACES = {
        ascii("user."), ascii("security."), TRUSTED_PREFIX,
    };

    private final Volume volume;

    Xattrs(Volume volume) {
        this.volume = volume;
    }

    void set(long inode, byte[] name, byte[] value, int flags) throws FsException {
        checkName(name);
        volume.setxattr(inode, name, value, flags);
    }

    byte[] get(long inode, byte[] name) throws FsException {
        checkName(name);
        return volume.getxattr(inode, name);
    }

    void remove(long inode, byte[] name) throws FsException {
        checkName(name);
        volume.removexattr(inode, name);
    }

    /** The names, each with a NUL; those of ACLs never, "trusted." ones for root only. */
    byte[] list(long inode, boolean root) throws FsException {
        byte[] names = volume.listxattr(inode);
        ByteArrayOutputStream shown = new ByteArrayOutputStream(names.length);
        for (int start = 0; start < names.length; ) {
            int end = start;
            while (names[end] != 0) {
                end++;
            }
            boolean hidden =
                    startsWith(names, start, end, ACL_PREFIX)
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

    /** Lets names of the known namespaces pass; ACLs are not among them. */
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
