package io.fusedax.mount;

import io.fusedax.backing.FsException;

/** Which inode a node id of the kernel means. Safe for any number of threads. */
interface Nodes {
    /** The node id of the root directory. */
    long ROOT_NODE = 1;

    /** The inode, 0 if not known here. */
    long inodeOf(long nodeId);

    /** The inode if it cannot go away while the request is carried out; otherwise 0. */
    long pinnedInodeOf(long nodeId);

    /** The inode if it can be opened without a path; otherwise 0. */
    long openableInodeOf(long nodeId);

    /** One more handle is open on the node. */
    void opened(long nodeId, long inode);

    /** One handle less is open on the node. */
    void closed(long nodeId);

    /** The kernel drops references to a node. */
    void forget(long nodeId, long lookups) throws FsException;

    /** How many inodes without a name the kernel's forgets have freed; only ever grows. */
    default long freed() {
        return 0;
    }

    /**
     * Space of removed files comes back with the kernel's forgets, a moment after unlink(2): waits
     * for the next one if any is to be expected.
     *
     * @param freedBefore what {@link #freed} was when there was no space
     * @return false if nothing was freed since until {@code deadlineNanos} of System.nanoTime
     */
    default boolean awaitFreed(long freedBefore, long deadlineNanos) {
        return false;
    }

    /** Told of a node. */
    @FunctionalInterface
    interface Visitor {
        void node(long nodeId, long inode) throws FsException;
    }

    /** Visits the nodes that the kernel may keep pages of, as far as they are known here. */
    void visit(Visitor visitor) throws FsException;

    /** The mount has ended: the kernel knows nothing any more. */
    void forgetAll() throws FsException;
}
