package io.fusedax.mount;

/** One open file or directory. It pins its inode in the volume. */
final class OpenHandle {
    /** The inode that is open. */
    final long inode;

    /** O_* flags of open(2). */
    final int flags;

    /** The kernel's node, 0 while a create is not yet answered. */
    volatile long nodeId;

    /** Counted by the {@link DaxPolicy}. Set before anybody else knows the handle. */
    volatile boolean isFile;

    OpenHandle(long inode, int flags, long nodeId) {
        this.inode = inode;
        this.flags = flags;
        this.nodeId = nodeId;
    }

    boolean writable() {
        return (flags & Libc.O_ACCMODE) != Libc.O_RDONLY;
    }
}
