package io.fusedax.backing.inode;

import io.fusedax.backing.FsException;
import io.fusedax.backing.alloc.ExtentAllocator;
import io.fusedax.backing.format.Geometry;
import io.fusedax.backing.format.InodeLayout;
import io.fusedax.backing.format.PackedExtent;
import io.fusedax.backing.format.RecordNodeLayout;
import io.fusedax.backing.format.RecordRootLayout;
import io.fusedax.backing.format.StructureType;
import io.fusedax.backing.journal.MetaBuffer;
import io.fusedax.backing.journal.MetadataCache;
import io.fusedax.backing.journal.Transaction;

/**
 * An ordered map from u64 to u64, rooted in an inode: files map logical blocks to extents with it,
 * directories hashes to leaves. A B+tree with preemptive splits; a node that becomes empty is
 * freed, others are not merged.
 *
 * <p>Invariants: keys are below 2^62 and ascend in a node; no node but the root is empty; all
 * values are at level 0. The key of the first record of an index node is a lower bound only. The
 * inode's lock is held, exclusively for changes.
 */
public final class RecordTree {
    private static final int ROOT_LEVEL = InodeLayout.PAYLOAD + RecordRootLayout.LEVEL;
    private static final int ROOT_COUNT = InodeLayout.PAYLOAD + RecordRootLayout.COUNT;
    private static final int ROOT_RECORDS = InodeLayout.PAYLOAD + RecordRootLayout.RECORDS;
    private static final int RECORD = RecordNodeLayout.RECORD_BYTES;

    /**
     * Children of a node that a search looks into: a key may lie before its node's first, but then
     * the neighbour has the answer. More would let a damaged tree keep a search busy for ever.
     */
    private static final int MAX_STEPS = 2;

    private final MetadataCache cache;
    private final ExtentAllocator allocator;

    public RecordTree(MetadataCache cache, ExtentAllocator allocator) {
        this.cache = cache;
        this.allocator = allocator;
    }

    /**
     * The record with the greatest key at or below {@code key}.
     *
     * @return false when there is none
     */
    public boolean floor(Inode inode, long key, TreeRecord out) throws FsException {
        return floor(inode, inode.buffer(), level(inode.buffer()), key, out);
    }

    /** Index keys are lower bounds, so the answer may be in the child before. */
    private boolean floor(Inode inode, MetaBuffer node, int level, long key, TreeRecord out)
            throws FsException {
        int index = floorIndex(node, key);
        if (level == 0) {
            return fill(node, index, out);
        }
        int start = Math.max(index, 0);
        for (int i = start; i >= 0 && start - i < MAX_STEPS; i--) {
            if (floor(inode, child(inode, node, i, level), level - 1, key, out)) {
                return true;
            }
        }
        return start == 0 ? false : wrongOrder(node);
    }

    private static boolean wrongOrder(MetaBuffer node) throws FsException {
        throw MetadataCache.corrupt(node.type(), node.address(), "keys in wrong order");
    }

    /**
     * The record with the least key at or above {@code key}.
     *
     * @return false when there is none
     */
    public boolean ceiling(Inode inode, long key, TreeRecord out) throws FsException {
        return ceiling(inode, inode.buffer(), level(inode.buffer()), key, out);
    }

    private boolean ceiling(Inode inode, MetaBuffer node, int level, long key, TreeRecord out)
            throws FsException {
        int index = floorIndex(node, key);
        if (level == 0) {
            boolean exact = index >= 0 && keyAt(node, index) == key;
            return fill(node, exact ? index : index + 1, out);
        }
        int start = Math.max(index, 0);
        int end = count(node);
        for (int i = start; i < end && i - start < MAX_STEPS; i++) {
            if (ceiling(inode, child(inode, node, i, level), level - 1, key, out)) {
                return true;
            }
        }
        return end - start < MAX_STEPS ? false : wrongOrder(node);
    }

    private static boolean fill(MetaBuffer node, int index, TreeRecord out) {
        if (index < 0 || index >= count(node)) {
            return false;
        }
        out.key = keyAt(node, index);
        out.value = valueAt(node, index);
        return true;
    }

    /** Adds a record; its key must not be there. */
    public void insert(Transaction tx, Inode inode, long key, long value) throws FsException {
        if (count(inode.buffer()) == RecordRootLayout.CAPACITY) {
            pushDown(tx, inode);
        }
        MetaBuffer node = inode.buffer();
        for (int level = level(node); level > 0; level--) {
            int index = floorIndex(node, key);
            if (index < 0) {
                // the first key of an index node stays a lower bound, or a split would break the
                // order
                index = 0;
                tx.putLong(node, recordOffset(node, 0), key);
            }
            MetaBuffer child = child(inode, node, index, level);
            if (count(child) == RecordNodeLayout.CAPACITY) {
                split(tx, inode, node, index, child, key);
                index = Math.max(floorIndex(node, key), 0);
                child = child(inode, node, index, level);
            }
            node = child;
        }
        insertAt(tx, node, floorIndex(node, key) + 1, key, value);
    }

    /**
     * Replaces the value of the record with {@code key}.
     *
     * @throws FsException EUCLEAN when there is no such record, which the caller has seen
     */
    public void replace(Transaction tx, Inode inode, long key, long newValue) throws FsException {
        MetaBuffer node = inode.buffer();
        for (int level = level(node); level > 0; level--) {
            node = child(inode, node, Math.max(floorIndex(node, key), 0), level);
        }
        putRecord(tx, node, exactIndex(node, key), key, newValue);
    }

    /** Removes the record with {@code key}, and nodes that are empty then. */
    public void remove(Transaction tx, Inode inode, long key) throws FsException {
        MetaBuffer root = inode.buffer();
        int height = level(root);
        MetaBuffer[] path = new MetaBuffer[height + 1];
        int[] indexes = new int[height + 1];
        path[height] = root;
        for (int level = height; level > 0; level--) {
            indexes[level] = Math.max(floorIndex(path[level], key), 0);
            path[level - 1] = child(inode, path[level], indexes[level], level);
        }
        indexes[0] = exactIndex(path[0], key);
        for (int level = 0; level <= height; level++) {
            removeAt(tx, path[level], indexes[level]);
            if (level == height || count(path[level]) > 0) {
                break;
            }
            freeNode(tx, inode, path[level]);
        }
        shrinkRoot(tx, inode);
    }

    /** Visits every node block, root excluded; for checks. */
    public interface NodeVisitor {
        void node(long block, int level) throws FsException;
    }

    /** Visits the blocks of all nodes below the root, parents first. */
    public void visitNodes(Inode inode, NodeVisitor visitor) throws FsException {
        visitNodes(inode, inode.buffer(), level(inode.buffer()), visitor);
    }

    private void visitNodes(Inode inode, MetaBuffer node, int level, NodeVisitor visitor)
            throws FsException {
        for (int i = 0; level > 0 && i < count(node); i++) {
            MetaBuffer child = child(inode, node, i, level);
            visitor.node(child.block(), level - 1);
            visitNodes(inode, child, level - 1, visitor);
        }
    }

    /** Levels above the records: 0 when they are all in the root. */
    public static int height(Inode inode) {
        return inode.buffer().getU16(ROOT_LEVEL);
    }

    private static boolean isRoot(MetaBuffer node) {
        return node.type() == StructureType.INODE;
    }

    private static int level(MetaBuffer node) {
        return node.getU16(isRoot(node) ? ROOT_LEVEL : RecordNodeLayout.LEVEL);
    }

    private static int count(MetaBuffer node) {
        return node.getU16(isRoot(node) ? ROOT_COUNT : RecordNodeLayout.COUNT);
    }

    private static int recordOffset(MetaBuffer node, int index) {
        return (isRoot(node) ? ROOT_RECORDS : RecordNodeLayout.RECORDS) + index * RECORD;
    }

    private static long keyAt(MetaBuffer node, int index) {
        return node.getLong(recordOffset(node, index));
    }

    private static long valueAt(MetaBuffer node, int index) {
        return node.getLong(recordOffset(node, index) + Long.BYTES);
    }

    /** Index of the last record with a key at or below, or -1. */
    private static int floorIndex(MetaBuffer node, long key) {
        int low = 0;
        int high = count(node) - 1;
        while (low <= high) {
            int middle = low + high >>> 1;
            if (keyAt(node, middle) <= key) {
                low = middle + 1;
            } else {
                high = middle - 1;
            }
        }
        return high;
    }

    private static int exactIndex(MetaBuffer node, long key) throws FsException {
        int index = floorIndex(node, key);
        if (index < 0 || keyAt(node, index) != key) {
            throw MetadataCache.corrupt(
                    node.type(), node.address(), "no record with key " + key + " where it belongs");
        }
        return index;
    }

    private MetaBuffer child(Inode inode, MetaBuffer node, int index, int level)
            throws FsException {
        if (level > RecordNodeLayout.MAX_LEVEL || index >= count(node)) {
            throw MetadataCache.corrupt(
                    node.type(), node.address(), "level " + level + ", records " + count(node));
        }
        MetaBuffer child =
                cache.load(StructureType.RECORD_NODE, valueAt(node, index), inode.number());
        int childCount = count(child);
        if (level(child) != level - 1
                || childCount == 0
                || childCount > RecordNodeLayout.CAPACITY) {
            throw MetadataCache.corrupt(
                    child.type(),
                    child.address(),
                    "level " + level(child) + ", records " + childCount + " under level " + level);
        }
        return child;
    }

    /** Moves the root's records into a new node, which becomes its only child. */
    private void pushDown(Transaction tx, Inode inode) throws FsException {
        MetaBuffer root = inode.buffer();
        MetaBuffer node = newNode(tx, inode, level(root), inode.buffer().block());
        int count = count(root);
        tx.copy(root, ROOT_RECORDS, node, RecordNodeLayout.RECORDS, count * RECORD);
        tx.putShort(node, RecordNodeLayout.COUNT, count);
        tx.putShort(root, ROOT_LEVEL, level(root) + 1);
        tx.putShort(root, ROOT_COUNT, 1);
        putRecord(tx, root, 0, keyAt(node, 0), node.block());
    }

    /** Splits a full child; sequential growth leaves the old half full. */
    private void split(
            Transaction tx, Inode inode, MetaBuffer parent, int index, MetaBuffer child, long key)
            throws FsException {
        int count = count(child);
        int keep = key > keyAt(child, count - 1) ? count - 1 : count / 2;
        MetaBuffer sibling = newNode(tx, inode, level(child), child.block());
        tx.copy(
                child,
                recordOffset(child, keep),
                sibling,
                RecordNodeLayout.RECORDS,
                (count - keep) * RECORD);
        tx.putShort(sibling, RecordNodeLayout.COUNT, count - keep);
        tx.putShort(child, RecordNodeLayout.COUNT, keep);
        insertAt(tx, parent, index + 1, keyAt(sibling, 0), sibling.block());
    }

    private MetaBuffer newNode(Transaction tx, Inode inode, int level, long nearBlock)
            throws FsException {
        long goal = cache.geometry().isDataBlock(nearBlock) ? nearBlock + 1 : 0;
        long block = PackedExtent.start(allocator.allocate(tx, goal, 1));
        MetaBuffer node = tx.create(StructureType.RECORD_NODE, block << Geometry.BLOCK_SHIFT);
        tx.putLong(node, RecordNodeLayout.OWNER_INODE, inode.number());
        tx.putShort(node, RecordNodeLayout.LEVEL, level);
        inode.addBlocks(tx, 1);
        return node;
    }

    private void freeNode(Transaction tx, Inode inode, MetaBuffer node) throws FsException {
        tx.discard(node);
        allocator.free(tx, PackedExtent.of(node.block(), 1));
        inode.addBlocks(tx, -1);
    }

    private static void putCount(Transaction tx, MetaBuffer node, int count) {
        tx.putShort(node, isRoot(node) ? ROOT_COUNT : RecordNodeLayout.COUNT, count);
    }

    private static void putRecord(
            Transaction tx, MetaBuffer node, int index, long key, long value) {
        int offset = recordOffset(node, index);
        tx.putLong(node, offset, key);
        tx.putLong(node, offset + Long.BYTES, value);
    }

    private static void insertAt(Transaction tx, MetaBuffer node, int index, long key, long value) {
        int count = count(node);
        int offset = recordOffset(node, index);
        tx.copy(node, offset, node, offset + RECORD, (count - index) * RECORD);
        putCount(tx, node, count + 1);
        putRecord(tx, node, index, key, value);
    }

    private static void removeAt(Transaction tx, MetaBuffer node, int index) {
        int count = count(node);
        int offset = recordOffset(node, index);
        tx.copy(node, offset + RECORD, node, offset, (count - index - 1) * RECORD);
        putCount(tx, node, count - 1);
    }

    /** Takes levels away that a small tree no longer needs. */
    private void shrinkRoot(Transaction tx, Inode inode) throws FsException {
        MetaBuffer root = inode.buffer();
        while (level(root) > 0) {
            if (count(root) == 0) {
                tx.putShort(root, ROOT_LEVEL, 0);
                return;
            }
            if (count(root) > 1) {
                return;
            }
            MetaBuffer child = child(inode, root, 0, level(root));
            int count = count(child);
            if (count > RecordRootLayout.CAPACITY / 2) {
                return;
            }
            tx.putShort(root, ROOT_LEVEL, level(child));
            tx.putShort(root, ROOT_COUNT, count);
            tx.copy(child, RecordNodeLayout.RECORDS, root, ROOT_RECORDS, count * RECORD);
            freeNode(tx, inode, child);
        }
    }
}
