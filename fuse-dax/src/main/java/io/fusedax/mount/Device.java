package io.fusedax.mount;

/** The open /dev/fuse of one mount: sends replies and notifications. Safe for any thread. */
final class Device {
    /** Notification code of FUSE_NOTIFY_INVAL_INODE. */
    private static final int NOTIFY_INVALIDATE_INODE = 2;

    private final Libc libc;
    private final int fd;

    Device(Libc libc, int fd) {
        this.libc = libc;
        this.fd = fd;
    }

    int fd() {
        return fd;
    }

    /**
     * Sends a reply whose body is in place.
     *
     * @param header where the header goes, directly before the body
     * @param unique of the request
     * @param error 0 or -errno
     * @param bodyBytes length of the body, 0 with an error
     * @return false if nobody waits for the answer any more: interrupted, or unmounted
     */
    boolean reply(long header, long unique, int error, int bodyBytes) {
        int length = ReplyLayout.Header.SIZE_BYTES + bodyBytes;
        Memory.putInt(header + ReplyLayout.Header.LENGTH, length);
        Memory.putInt(header + ReplyLayout.Header.ERROR, error);
        Memory.putLong(header + ReplyLayout.Header.UNIQUE, unique);
        return libc.write(fd, header, length) == length;
    }

    /**
     * Sends on a reply as libfuse made it.
     *
     * @param vector address of struct iovec[count]
     * @return 0 or -errno, as libfuse wants it
     */
    int send(long vector, int count) {
        return libc.writev(fd, vector, count) < 0 ? -Libc.errno() : 0;
    }

    /** Waits for a request; its length, or -errno. */
    int receive(long buffer, int sizeBytes) {
        long length = libc.read(fd, buffer, sizeBytes);
        return length < 0 ? -Libc.errno() : (int) length;
    }

    /** Makes the kernel forget a node's attributes. Takes no locks in the kernel. */
    void invalidateAttributes(long nodeId) {
        invalidate(nodeId, -1, 0);
    }

    /**
     * Makes the kernel write back and drop a node's cached pages from an offset to the end, and
     * forget its attributes. Waits for READs and WRITEs of the node, so it must not run on a thread
     * that serves them.
     */
    void invalidatePages(long nodeId, long offset) {
        invalidate(nodeId, offset, 0);
    }

    /** The same for a range; what it touches is dropped as whole pages. */
    void invalidatePages(long nodeId, long offset, long lengthBytes) {
        invalidate(nodeId, offset, lengthBytes);
    }

    private void invalidate(long nodeId, long offset, long length) {
        int size = ReplyLayout.Header.SIZE_BYTES + ReplyLayout.InvalidateInode.SIZE_BYTES;
        long message = Memory.allocate(size);
        try {
            Memory.putInt(message + ReplyLayout.Header.LENGTH, size);
            Memory.putInt(message + ReplyLayout.Header.ERROR, NOTIFY_INVALIDATE_INODE);
            long body = message + ReplyLayout.Header.SIZE_BYTES;
            Memory.putLong(body + ReplyLayout.InvalidateInode.NODE_ID, nodeId);
            Memory.putLong(body + ReplyLayout.InvalidateInode.OFFSET, offset);
            Memory.putLong(body + ReplyLayout.InvalidateInode.LENGTH, length);
            libc.write(fd, message, size); // ENOENT: the kernel has nothing to forget
        } finally {
            Memory.free(message);
        }
    }
}
