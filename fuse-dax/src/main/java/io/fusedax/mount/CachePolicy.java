package io.fusedax.mount;

import io.fusedax.backing.volume.InodeAttributes;
import java.util.concurrent.atomic.AtomicLongArray;

/**
 * What the kernel may keep of an inode, and for how long.
 *
 * <p>Everything, practically for ever: a volume changes only through its one mount, so the kernel
 * sees every change. The exception is an inode with several names. Through libfuse the kernel takes
 * each name for a file of its own, so what it keeps of one goes stale by a change through another.
 * Such inodes, and those that had several names at any time since the mount, are "aliased": their
 * attributes are never kept, and opening them drops their pages. So are those that a program ever
 * mapped directly since the mount.
 *
 * <p>The set of aliased inodes is a Bloom filter of fixed size with one hash: a false positive only
 * costs caching, a false negative cannot be. Safe for any number of threads.
 */
final class CachePolicy {
    private static final int FILTER_BITS_LOG2 = 20;
    private static final int TYPE_MASK = 0170000;
    private static final int TYPE_DIRECTORY = 0040000;

    private final AtomicLongArray filter = new AtomicLongArray(1 << (FILTER_BITS_LOG2 - 6));
    private final double attributeTimeout;
    private final double nameTimeout;
    private final double absenceTimeout;
    private final boolean nodePerName;

    /**
     * @param attributeTimeout how long attributes may be kept, in seconds; then the same of names
     *     and of the knowledge that a name is absent
     * @param nodePerName whether the kernel has a node for each name, not for each file
     */
    CachePolicy(
            double attributeTimeout,
            double nameTimeout,
            double absenceTimeout,
            boolean nodePerName) {
        this.attributeTimeout = attributeTimeout;
        this.nameTimeout = nameTimeout;
        this.absenceTimeout = absenceTimeout;
        this.nodePerName = nodePerName;
    }

    /** How long attributes may be kept: whole seconds, and the rest in nanoseconds. */
    long attributeSeconds() {
        return (long) attributeTimeout;
    }

    int attributeNanos() {
        return nanos(attributeTimeout);
    }

    /** How long names may be kept: whole seconds, and the rest in nanoseconds. */
    long nameSeconds() {
        return (long) nameTimeout;
    }

    int nameNanos() {
        return nanos(nameTimeout);
    }

    /** How long it may be kept that a name is absent. */
    long absenceSeconds() {
        return (long) absenceTimeout;
    }

    int absenceNanos() {
        return nanos(absenceTimeout);
    }

    private static int nanos(double seconds) {
        return (int) ((seconds - (long) seconds) * 1e9);
    }

    /** Whether attributes just read may be kept. Remembers an inode seen with several names. */
    boolean mayKeep(long inode, int mode, int linkCount) {
        if ((mode & TYPE_MASK) == TYPE_DIRECTORY) {
            return true; // has one name; its link count says something else
        }
        if (linkCount > 1 && nodePerName) {
            markAliased(inode);
            return false;
        }
        return !isAliased(inode);
    }

    boolean mayKeep(InodeAttributes attributes) {
        return mayKeep(attributes.inode, attributes.mode, attributes.linkCount);
    }

    /** Says that an inode has, or is about to have, several names. */
    void markAliased(long inode) {
        int bit = bit(inode);
        long mask = 1L << bit;
        int word = bit >>> 6;
        if ((filter.getPlain(word) & mask) == 0) {
            filter.getAndUpdate(word, value -> value | mask);
        }
    }

    /**
     * Says that a program maps the inode directly: its attributes change by stores that the kernel
     * does not see.
     */
    void markStoredUnseen(long inode) {
        markAliased(inode);
    }

    private boolean isAliased(long inode) {
        int bit = bit(inode);
        return (filter.get(bit >>> 6) >>> bit & 1) != 0;
    }

    private static int bit(long inode) {
        return (int) (inode * 0x9E3779B97F4A7C15L >>> (64 - FILTER_BITS_LOG2));
    }
}
