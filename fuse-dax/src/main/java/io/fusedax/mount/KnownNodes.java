package io.fusedax.mount;

import io.fusedax.backing.FsException;
import java.util.concurrent.atomic.AtomicReferenceArray;
import org.jctools.maps.NonBlockingHashMapLong;

/**
 * Which inode a node id of the kernel means.
 *
 * <p>libfuse deals node ids out, one for each name that the kernel knows, and tells its callbacks
 * only paths. That is too little for a file that is open and has lost its name, so node ids are
 * learned here, when a path is resolved under libfuse's lock and when a name is made.
 *
 * <p>Nodes with open handles are always known, and their inodes pinned. Others are known as far as
 * a cache of fixed size reaches. Invariants of the cache:
 *
 * <ul>
 *   <li>A node id keeps its inode from the reply that makes it known until the kernel forgets it;
 *       {@link #forget} comes before libfuse sees that and so before the number is dealt out again.
 *   <li>An inode that may lose its last name is taken out ({@link #forgetInode}) before it does, so
 *       that a dead node never means a new file with the same inode number. A request that is under
 *       way at that moment may still hold the number, unless libfuse's lock on the path keeps the
 *       two apart; therefore only pinned inodes are changed without that lock.
 * </ul>
 *
 * <p>Safe for any number of threads.
 */
final class KnownNodes implements Nodes {
    private static final int CACHE_SLOTS = 1 << 14;

    private final NonBlockingHashMapLong<OpenNode> open = new NonBlockingHashMapLong<>();

    /** An entry counts only while it stands in both tables. */
    private final AtomicReferenceArray<Node> byNodeId = new AtomicReferenceArray<>(CACHE_SLOTS);

    private final AtomicReferenceArray<Node> byInode = new AtomicReferenceArray<>(CACHE_SLOTS);
    private final long rootInode;

    KnownNodes(long rootInode) {
        this.rootInode = rootInode;
    }

    /** The inode, 0 if not known here. Not for changes outside libfuse's lock on the path. */
    @Override
    public long inodeOf(long nodeId) {
        Node cached = byNodeId.get(slot(nodeId));
        if (cached != null
                && cached.nodeId == nodeId
                && byInode.get(slot(cached.inode)) == cached) {
            return cached.inode;
        }
        return pinnedInodeOf(nodeId);
    }

    /** The inode if it cannot go away: the root, or open. Otherwise 0. */
    @Override
    public long pinnedInodeOf(long nodeId) {
        if (nodeId == ROOT_NODE) {
            return rootInode;
        }
        OpenNode node = open.get(nodeId);
        return node == null ? 0 : node.inode;
    }

    /** The root is open or not like any other, and libfuse has its path. */
    @Override
    public long openableInodeOf(long nodeId) {
        return nodeId == ROOT_NODE ? 0 : pinnedInodeOf(nodeId);
    }

    /** Takes note of a node that the kernel knows or is about to know. */
    void learn(long nodeId, long inode) {
        Node node = new Node(nodeId, inode);
        byInode.set(slot(inode), node);
        byNodeId.set(slot(nodeId), node);
    }

    /** libfuse counts, so all or some are the same here. */
    @Override
    public void forget(long nodeId, long lookups) {
        forget(nodeId);
    }

    @Override
    public void visit(Visitor visitor) throws FsException {
        for (long nodeId : open.keySetLong()) {
            long inode = pinnedInodeOf(nodeId);
            if (inode != 0) {
                visitor.node(nodeId, inode);
            }
        }
        for (int slot = 0; slot < CACHE_SLOTS; slot++) {
            Node cached = byNodeId.get(slot);
            if (cached != null) {
                visitor.node(cached.nodeId, cached.inode);
            }
        }
    }

    @Override
    public void forgetAll() {
        // nothing is held
    }

    /** The kernel drops its references to a node, all or some. */
    void forget(long nodeId) {
        int slot = slot(nodeId);
        Node cached = byNodeId.get(slot);
        if (cached != null && cached.nodeId == nodeId) {
            byNodeId.set(slot, null);
        }
    }

    /** An inode may be about to go away. */
    void forgetInode(long inode) {
        byInode.set(slot(inode), null);
    }

    @Override
    public synchronized void opened(long nodeId, long inode) {
        OpenNode node = open.get(nodeId);
        if (node == null) {
            node = new OpenNode(inode);
            open.put(nodeId, node);
        }
        node.handles++;
    }

    @Override
    public synchronized void closed(long nodeId) {
        OpenNode node = open.get(nodeId);
        if (node != null && --node.handles == 0) {
            open.remove(nodeId);
        }
    }

    private static int slot(long number) {
        return (int) number & CACHE_SLOTS - 1;
    }

    /** Equal only to itself. */
    private static final class Node {
        final long nodeId;
        final long inode;

        Node(long nodeId, long inode) {
            this.nodeId = nodeId;
            this.inode = inode;
        }
    }

    private static final class OpenNode {
        final long inode;
        int handles; // guarded by KnownNodes

        OpenNode(long inode) {
            this.inode = inode;
        }
    }
}
