package io.fusedax.backing.inode;

import io.fusedax.backing.FsException;
import io.fusedax.backing.alloc.ExtentAllocator;
import io.fusedax.backing.format.Geometry;
import io.fusedax.backing.format.PackedExtent;
import io.fusedax.backing.format.StructureType;
import io.fusedax.backing.journal.MetadataCache;
import io.fusedax.backing.journal.Transaction;

/**
 * The block map of a file: logical block to extent, in the inode's record tree.
 *
 * <p>Invariants: extents do not overlap; neighbours that could be one extent are one. The inode's
 * lock is held, exclusively for changes. Adding or taking extents keeps the inode's block count.
 */
public final class ExtentMap {
    /** Where a logical block is; reused. */
    public static final class Mapping {
        /** First physical block of the logical block asked for; -1 in a hole. */
        public long physicalBlock;

        /** Blocks from the one asked for to the end of the extent or hole. */
        public long lengthBlocks;

        /** Blocks from the start of the extent or hole to the one asked for. */
        public long blocksBefore;

        public boolean unwritten;

        /** For the search. */
        private final TreeRecord record = new TreeRecord();

        public boolean isHole() {
            return physicalBlock < 0;
        }
    }

    private static final long BLOCKS_PER_COST_UNIT = 3072;

    private static final long MAX_BLOCKS = Geometry.MAX_FILE_BYTES >>> Geometry.BLOCK_SHIFT;

    private final RecordTree tree;
    private final ExtentAllocator allocator;
    private final Geometry geometry;

    public ExtentMap(RecordTree tree, ExtentAllocator allocator, Geometry geometry) {
        this.tree = tree;
        this.allocator = allocator;
        this.geometry = geometry;
    }

    /** Finds the extent or hole at a logical block. */
    public void find(Inode inode, long logicalBlock, Mapping out) throws FsException {
        TreeRecord record = out.record;
        out.blocksBefore = logicalBlock;
        if (tree.floor(inode, logicalBlock, record)) {
            checkExtent(inode, record);
            long into = logicalBlock - record.key;
            long left = PackedExtent.length(record.value) - into;
            out.blocksBefore = left > 0 ? into : -left;
            if (left > 0) {
                out.physicalBlock = PackedExtent.start(record.value) + into;
                out.lengthBlocks = left;
                out.unwritten = PackedExtent.unwritten(record.value);
                return;
            }
        }
        out.physicalBlock = -1;
        out.unwritten = false;
        out.lengthBlocks = MAX_BLOCKS - logicalBlock;
        if (tree.ceiling(inode, logicalBlock, record)) {
            checkExtent(inode, record);
            out.lengthBlocks = record.key - logicalBlock;
        }
    }

    /**
     * The first extent that ends after a logical block.
     *
     * @return false when there is none
     */
    public boolean extentAtOrAfter(Inode inode, long logicalBlock, TreeRecord out)
            throws FsException {
        boolean found =
                tree.floor(inode, logicalBlock, out)
                                && out.key + PackedExtent.length(out.value) > logicalBlock
                        || tree.ceiling(inode, logicalBlock, out);
        if (found) {
            checkExtent(inode, out);
        }
        return found;
    }

    private void checkExtent(Inode inode, TreeRecord record) throws FsException {
        if (!geometry.isDataExtent(record.value)
                || record.key > MAX_BLOCKS - PackedExtent.length(record.value)) {
            throw MetadataCache.corrupt(
                    StructureType.INODE,
                    inode.buffer().address(),
                    inode
                            + ": extent at logical block "
                            + record.key
                            + " of blocks "
                            + PackedExtent.start(record.value)
                            + ".."
                            + PackedExtent.end(record.value));
        }
    }

    /** Adds an extent where there is a hole, joined with its neighbours where they continue. */
    public void add(Transaction tx, Inode inode, long logicalBlock, long packedExtent)
            throws FsException {
        link(tx, inode, logicalBlock, packedExtent);
        inode.addBlocks(tx, PackedExtent.length(packedExtent));
    }

    private void link(Transaction tx, Inode inode, long logicalBlock, long packedExtent)
            throws FsException {
        TreeRecord before = new TreeRecord();
        TreeRecord after = new TreeRecord();
        long key = logicalBlock;
        long value = packedExtent;
        boolean joinsBefore =
                tree.floor(inode, key, before) && continues(before.key, before.value, key, value);
        long end = key + PackedExtent.length(value);
        boolean joinsAfter =
                tree.ceiling(inode, end, after) && continues(key, value, after.key, after.value);
        if (joinsAfter) {
            value = join(value, after.value);
            tree.remove(tx, inode, after.key);
        }
        if (joinsBefore) {
            tree.replace(tx, inode, before.key, join(before.value, value));
        } else {
            tree.insert(tx, inode, key, value);
        }
    }

    private static boolean continues(long key, long value, long nextKey, long nextValue) {
        return key + PackedExtent.length(value) == nextKey
                && PackedExtent.end(value) == PackedExtent.start(nextValue)
                && PackedExtent.unwritten(value) == PackedExtent.unwritten(nextValue)
                && PackedExtent.length(value) + PackedExtent.length(nextValue)
                        <= PackedExtent.MAX_LENGTH_BLOCKS;
    }

    private static long join(long value, long nextValue) {
        return PackedExtent.of(
                PackedExtent.start(value),
                PackedExtent.length(value) + PackedExtent.length(nextValue),
                PackedExtent.unwritten(value));
    }

    private static long part(long value, long fromBlocks, long lengthBlocks) {
        return PackedExtent.of(
                PackedExtent.start(value) + fromBlocks,
                lengthBlocks,
                PackedExtent.unwritten(value));
    }

    /**
     * Cuts the first extent in a range out of the map, without freeing it.
     *
     * @param endBlock end of the range, exclusive
     * @param out logical block and extent of what was cut
     * @return false when the range is a hole
     */
    private boolean unlinkFirst(
            Transaction tx, Inode inode, long logicalBlock, long endBlock, TreeRecord out)
            throws FsException {
        if (!extentAtOrAfter(inode, logicalBlock, out) || out.key >= endBlock) {
            return false;
        }
        long key = out.key;
        long value = out.value;
        long cutFrom = Math.max(key, logicalBlock);
        long cutEnd = Math.min(key + PackedExtent.length(value), endBlock);
        long headBlocks = cutFrom - key;
        long tailBlocks = key + PackedExtent.length(value) - cutEnd;
        long tail = tailBlocks == 0 ? 0 : part(value, cutEnd - key, tailBlocks);
        if (headBlocks > 0) {
            tree.replace(tx, inode, key, part(value, 0, headBlocks));
            if (tailBlocks > 0) {
                tree.insert(tx, inode, cutEnd, tail);
            }
        } else if (tailBlocks > 0) {
            tree.remove(tx, inode, key);
            tree.insert(tx, inode, cutEnd, tail);
        } else {
            tree.remove(tx, inode, key);
        }
        out.key = cutFrom;
        out.value = part(value, cutFrom - key, cutEnd - cutFrom);
        return true;
    }

    /**
     * What changing the allocation of an extent costs in the journal, in units of about 512 bytes:
     * its record, and the bitmaps of all groups that it crosses.
     */
    static long logCost(long lengthBlocks) {
        return 1 + lengthBlocks / BLOCKS_PER_COST_UNIT;
    }

    /**
     * Makes a range a hole and frees its blocks, as far as a bounded transaction goes.
     *
     * @param endBlock end of the range, exclusive
     * @param budget cost to spend at most, see {@link #logCost}; begins at the range's start
     * @return true when the range is a hole now; false when more is to be done
     */
    public boolean free(Transaction tx, Inode inode, long logicalBlock, long endBlock, long budget)
            throws FsException {
        TreeRecord cut = new TreeRecord();
        long left = budget;
        while (extentAtOrAfter(inode, logicalBlock, cut) && cut.key < endBlock) {
            if (left <= 0) {
                return false;
            }
            long from = Math.max(cut.key, logicalBlock);
            unlinkFirst(
                    tx, inode, from, Math.min(endBlock, from + left * BLOCKS_PER_COST_UNIT), cut);
            long length = PackedExtent.length(cut.value);
            allocator.free(tx, cut.value & ~PackedExtent.UNWRITTEN);
            inode.addBlocks(tx, -length);
            left -= logCost(length);
        }
        return true;
    }

    /**
     * Marks the allocated blocks of a range written or unwritten; holes stay. Nodes of the tree may
     * come out of the reserve: who preallocated has been promised that stores find room.
     */
    public void convert(
            Transaction tx, Inode inode, long logicalBlock, long endBlock, boolean unwritten)
            throws FsException {
        boolean mayUseReserve = tx.mayUseReserve();
        tx.mayUseReserve(true);
        try {
            convertRange(tx, inode, logicalBlock, endBlock, unwritten);
        } finally {
            tx.mayUseReserve(mayUseReserve);
        }
    }

    private void convertRange(
            Transaction tx, Inode inode, long logicalBlock, long endBlock, boolean unwritten)
            throws FsException {
        TreeRecord cut = new TreeRecord();
        long at = logicalBlock;
        while (at < endBlock && unlinkFirst(tx, inode, at, endBlock, cut)) {
            long extent =
                    PackedExtent.of(
                            PackedExtent.start(cut.value),
                            PackedExtent.length(cut.value),
                            unwritten);
            link(tx, inode, cut.key, extent);
            at = cut.key + PackedExtent.length(extent);
        }
    }

    /**
     * Moves all extents at or after a logical block, which no extent crosses. Towards the start the
     * range they move into is a hole.
     */
    public void shift(Transaction tx, Inode inode, long fromBlock, long deltaBlocks)
            throws FsException {
        TreeRecord record = new TreeRecord();
        if (deltaBlocks < 0) {
            long at = fromBlock;
            while (tree.ceiling(inode, at, record)) {
                long key = record.key;
                long value = record.value;
                tree.remove(tx, inode, key);
                link(tx, inode, key + deltaBlocks, value);
                at = key + PackedExtent.length(value);
            }
        } else {
            long below = MAX_BLOCKS;
            while (tree.floor(inode, below - 1, record) && record.key >= fromBlock) {
                long key = record.key;
                long value = record.value;
                tree.remove(tx, inode, key);
                tree.insert(tx, inode, key + deltaBlocks, value);
                below = key;
            }
        }
    }

    /** Logical block behind the last extent; 0 when there is none. */
    public long endBlock(Inode inode) throws FsException {
        TreeRecord last = new TreeRecord();
        boolean any = tree.floor(inode, MAX_BLOCKS - 1, last);
        return any ? last.key + PackedExtent.length(last.value) : 0;
    }

    /** Splits the extent that crosses a logical block, so that it can be shifted. */
    public void splitAt(Transaction tx, Inode inode, long logicalBlock) throws FsException {
        TreeRecord record = new TreeRecord();
        if (tree.floor(inode, logicalBlock, record)
                && record.key < logicalBlock
                && record.key + PackedExtent.length(record.value) > logicalBlock) {
            long head = logicalBlock - record.key;
            long tail = PackedExtent.length(record.value) - head;
            long value = record.value;
            tree.replace(tx, inode, record.key, part(value, 0, head));
            tree.insert(tx, inode, logicalBlock, part(value, head, tail));
        }
    }

    /** Cost of freeing everything behind a logical block; counted until it reaches the limit. */
    public long costBehind(Inode inode, long logicalBlock, long limit) throws FsException {
        TreeRecord record = new TreeRecord();
        long cost = 0;
        long at = logicalBlock;
        while (cost < limit && extentAtOrAfter(inode, at, record)) {
            at = record.key + PackedExtent.length(record.value);
            cost += logCost(PackedExtent.length(record.value));
        }
        return cost;
    }
}
