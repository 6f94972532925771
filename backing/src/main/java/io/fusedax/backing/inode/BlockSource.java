package io.fusedax.backing.inode;

import io.fusedax.backing.FsException;
import io.fusedax.backing.alloc.ExtentAllocator;
import io.fusedax.backing.format.PackedExtent;
import io.fusedax.backing.journal.Transaction;

/**
 * Where a file's new blocks come from: behind its last ones while it is small; once it is past 2
 * MiB, from aligned units of 2 MiB in the phase that a huge page wants, kept for it in memory while
 * it grows.
 */
final class BlockSource {
    /** Blocks of 2 MiB. */
    static final int UNIT_BLOCKS = 512;

    /** A first write this long announces a large file. */
    private static final int LARGE_WRITE_BLOCKS = 16;

    private final ExtentAllocator allocator;
    private final ExtentMap map;

    BlockSource(ExtentAllocator allocator, ExtentMap map) {
        this.allocator = allocator;
        this.map = map;
    }

    /**
     * Allocates blocks for a hole.
     *
     * @param logicalBlock first block of the hole
     * @param lengthBlocks wanted, at least 1
     * @return an extent of 1..lengthBlocks blocks
     */
    long allocate(Transaction tx, Inode inode, long logicalBlock, long lengthBlocks)
            throws FsException {
        long phase = logicalBlock % UNIT_BLOCKS;
        long extent = fromReservation(tx, inode, logicalBlock, lengthBlocks);
        if (extent != 0) {
            return extent;
        }
        boolean large = logicalBlock >= UNIT_BLOCKS || lengthBlocks >= LARGE_WRITE_BLOCKS;
        long goal = goal(inode, logicalBlock);
        if (large && phase == 0) {
            extent = fromUnits(tx, inode, goal, logicalBlock, lengthBlocks);
            if (extent != 0) {
                return extent;
            }
        }
        long wanted = large ? Math.min(lengthBlocks, UNIT_BLOCKS - phase) : lengthBlocks;
        return allocator.allocate(tx, goal, wanted);
    }

    private long fromUnits(
            Transaction tx, Inode inode, long goal, long logicalBlock, long lengthBlocks)
            throws FsException {
        if (lengthBlocks >= UNIT_BLOCKS) {
            return allocator.allocateUnits(tx, goal, lengthBlocks / UNIT_BLOCKS);
        }
        release(inode);
        long epoch = allocator.reservationEpoch();
        long unit = allocator.reserveUnit(tx, goal);
        if (unit == 0) {
            return 0;
        }
        inode.reservation = unit;
        inode.reservationEpoch = epoch;
        inode.reservationLogicalBlock = logicalBlock;
        return fromReservation(tx, inode, logicalBlock, lengthBlocks);
    }

    /** One whole aligned unit for a hole, 0 when there is none. */
    long allocateUnit(Transaction tx, Inode inode, long logicalBlock) throws FsException {
        return allocator.allocateUnits(tx, goal(inode, logicalBlock), 1);
    }

    private long fromReservation(Transaction tx, Inode inode, long logicalBlock, long lengthBlocks)
            throws FsException {
        if (inode.reservation == 0) {
            return 0;
        }
        long into = logicalBlock - inode.reservationLogicalBlock;
        long left = PackedExtent.length(inode.reservation) - into;
        if (into < 0 || left <= 0) {
            return 0;
        }
        long block = PackedExtent.start(inode.reservation) + into;
        long extent =
                allocator.allocateReserved(
                        tx, inode.reservationEpoch, block, Math.min(left, lengthBlocks));
        if (extent == 0) {
            inode.reservation = 0;
        }
        return extent;
    }

    /** Gives back what the file did not grow into. */
    void release(Inode inode) {
        if (inode.reservation != 0) {
            allocator.endReservation(
                    inode.reservationEpoch,
                    PackedExtent.start(inode.reservation),
                    PackedExtent.length(inode.reservation));
            inode.reservation = 0;
        }
    }

    /** Behind the block before, if there is one; near the inode's others otherwise. */
    private long goal(Inode inode, long logicalBlock) throws FsException {
        if (logicalBlock == 0) {
            return 0;
        }
        ExtentMap.Mapping before = new ExtentMap.Mapping();
        map.find(inode, logicalBlock - 1, before);
        return before.isHole() ? 0 : before.physicalBlock + 1;
    }
}
