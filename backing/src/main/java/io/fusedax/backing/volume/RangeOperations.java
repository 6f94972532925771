package io.fusedax.backing.volume;

import io.fusedax.backing.FsException;
import io.fusedax.backing.format.Geometry;
import io.fusedax.backing.format.InodeLayout;
import io.fusedax.backing.inode.FileContent;
import io.fusedax.backing.inode.Inode;
import io.fusedax.backing.journal.CommitCause;
import jnr.constants.platform.Errno;

/** The modes of fallocate(2). */
final class RangeOperations {
    static final int KEEP_SIZE = 0x01;
    static final int PUNCH_HOLE = 0x02;
    static final int COLLAPSE_RANGE = 0x08;
    static final int ZERO_RANGE = 0x10;
    static final int INSERT_RANGE = 0x20;

    private static final int SHIFT = Geometry.BLOCK_SHIFT;

    /** Extents that one collapse or insert moves at most. */
    private static final long MAX_SHIFT_COST = 1 << 20;

    /** Log bytes that moving one extent may cost. */
    private static final int BYTES_PER_SHIFT = 256;

    private final VolumeCore core;

    RangeOperations(VolumeCore core) {
        this.core = core;
    }

    void fallocate(long number, int mode, long offset, long length, Caller caller)
            throws FsException {
        checkMode(mode);
        if (offset < 0 || length <= 0) {
            throw new FsException(Errno.EINVAL, "offset=" + offset + " length=" + length);
        }
        if (offset > Geometry.MAX_FILE_BYTES - length) {
            throw new FsException(Errno.EFBIG, "offset=" + offset + " length=" + length);
        }
        try (LockedInodes locked = new LockedInodes(core)) {
            Inode inode = locked.pin(number);
            locked.lock();
            VolumeCore.checkRegular(inode);
            VolumeCore.refuseFlags(inode, InodeFlags.IMMUTABLE);
            if (mode != 0 && mode != KEEP_SIZE) {
                VolumeCore.refuseFlags(inode, InodeFlags.APPEND);
            }
            apply(inode, mode, offset, length, caller);
        }
    }

    private static void checkMode(int mode) throws FsException {
        boolean known =
                switch (mode) {
                    case 0,
                            KEEP_SIZE,
                            PUNCH_HOLE | KEEP_SIZE,
                            COLLAPSE_RANGE,
                            ZERO_RANGE,
                            ZERO_RANGE | KEEP_SIZE,
                            INSERT_RANGE ->
                            true;
                    default -> false;
                };
        if (!known) {
            throw new FsException(Errno.EOPNOTSUPP, "fallocate_mode=" + mode);
        }
    }

    private void apply(Inode inode, int mode, long offset, long length, Caller caller)
            throws FsException {
        long end = offset + length;
        boolean keepSize = (mode & KEEP_SIZE) != 0;
        VolumeCore.Mutation finish =
                tx -> {
                    core.touchModified(tx, inode);
                    VolumeCore.dropSetId(tx, inode, caller);
                };
        switch (mode & ~KEEP_SIZE) {
            case PUNCH_HOLE -> punch(inode, offset, end, finish);
            case COLLAPSE_RANGE -> collapse(inode, offset, length, finish);
            case INSERT_RANGE -> insert(inode, offset, length, finish);
            case ZERO_RANGE -> zero(inode, offset, end, keepSize, finish);
            default -> preallocate(inode, offset, end, keepSize, finish);
        }
    }

    /**
     * Whole blocks become holes; the rest of the range is zeroed in place.
     *
     * @param finish ends the last transaction
     */
    private void punch(Inode inode, long offset, long end, VolumeCore.Mutation finish)
            throws FsException {
        commitShrink(inode, end);
        core.content.zeroEdges(inode, offset, end);
        long fromBlock = offset + Geometry.BLOCK_BYTES - 1 >>> SHIFT;
        long endBlock = end >>> SHIFT;
        long budget = core.reclaimer.budget();
        boolean[] done = new boolean[1];
        while (!done[0]) {
            core.mutateFreeing(
                    "punch",
                    tx -> {
                        done[0] =
                                fromBlock >= endBlock
                                        || core.content
                                                .map()
                                                .free(tx, inode, fromBlock, endBlock, budget);
                        inode.noteDataChange(tx);
                        if (done[0]) {
                            finish.run(tx);
                        }
                    });
        }
    }

    /**
     * Holes get blocks, whole blocks become unwritten, the rest of the range is zeroed in place. If
     * blocks run out in the first transaction, nothing has changed.
     */
    private void zero(
            Inode inode, long offset, long end, boolean keepSize, VolumeCore.Mutation finish)
            throws FsException {
        commitShrink(inode, end);
        long firstWhole = offset + Geometry.BLOCK_BYTES - 1 >>> SHIFT;
        long endWhole = Math.max(firstWhole, end >>> SHIFT);
        long endBlock = end + Geometry.BLOCK_BYTES - 1 >>> SHIFT;
        long[] at = {offset >>> SHIFT};
        refuseIfTooLarge(inode, at[0], endBlock);
        long budget = Math.max(1, core.reclaimer.budget() / 2);
        while (at[0] < endBlock) {
            long from = at[0];
            core.mutate(
                    "zero",
                    tx -> {
                        long there = core.content.preallocate(tx, inode, from, endBlock, budget);
                        long whole = Math.min(there, endWhole);
                        long zeros =
                                core.content.unwrite(
                                        tx, inode, Math.max(from, firstWhole), whole, budget);
                        boolean done = there == endBlock && zeros >= whole;
                        if (done) {
                            core.content.zeroEdges(inode, offset, end);
                            if (!keepSize && end > inode.sizeBytes()) {
                                core.content.grow(tx, inode, end);
                            }
                            finish.run(tx);
                        }
                        at[0] = zeros < whole ? zeros : there;
                    });
        }
    }

    /** What is about to be zeroed behind the end of the file must not come back with a crash. */
    private void commitShrink(Inode inode, long end) throws FsException {
        if (core.content.growthNeedsCommit(inode, end, core.journal.durableTid())) {
            core.journal.commit(inode.dataChangedTid(), CommitCause.PRESSURE);
        }
    }

    private void preallocate(
            Inode inode, long offset, long end, boolean keepSize, VolumeCore.Mutation finish)
            throws FsException {
        boolean grows = !keepSize && end > inode.sizeBytes();
        if (grows) {
            commitShrink(inode, end);
        }
        long endBlock = end + Geometry.BLOCK_BYTES - 1 >>> SHIFT;
        long[] at = {offset >>> SHIFT};
        refuseIfTooLarge(inode, at[0], endBlock);
        long budget = core.reclaimer.budget();
        while (at[0] < endBlock) {
            long from = at[0];
            core.mutate(
                    "fallocate",
                    tx -> {
                        long next = core.content.preallocate(tx, inode, from, endBlock, budget);
                        if (next == endBlock && grows) {
                            core.content.grow(tx, inode, end);
                        }
                        if (next == endBlock) {
                            finish.run(tx);
                        }
                        at[0] = next;
                    });
        }
    }

    /** Fails before anything is taken when the range can never fit. */
    private void refuseIfTooLarge(Inode inode, long fromBlock, long endBlock) throws FsException {
        long owned = inode.buffer().getLong(InodeLayout.BLOCK_COUNT);
        if (endBlock - fromBlock > core.allocator.availableBlocks() + owned) {
            throw new FsException(
                    Errno.ENOSPC,
                    "want_blocks="
                            + (endBlock - fromBlock)
                            + " available_blocks="
                            + core.allocator.availableBlocks());
        }
    }

    private void collapse(Inode inode, long offset, long length, VolumeCore.Mutation finish)
            throws FsException {
        FileContent.checkAligned(offset, length);
        if (offset + length >= inode.sizeBytes()) {
            throw new FsException(
                    Errno.EINVAL, "range ends at " + (offset + length) + ", behind the file's end");
        }
        long fromBlock = offset >>> SHIFT;
        long endBlock = offset + length >>> SHIFT;
        refuseIfFragmented(inode, fromBlock);
        core.content.endReservation(inode);
        core.mutate(
                "collapse",
                tx -> {
                    core.content.map().free(tx, inode, fromBlock, endBlock, MAX_SHIFT_COST);
                    core.content.map().shift(tx, inode, endBlock, fromBlock - endBlock);
                    putSize(tx, inode, inode.sizeBytes() - length);
                    finish.run(tx);
                });
    }

    private void insert(Inode inode, long offset, long length, VolumeCore.Mutation finish)
            throws FsException {
        FileContent.checkAligned(offset, length);
        if (offset >= inode.sizeBytes()) {
            throw new FsException(
                    Errno.EINVAL, "offset=" + offset + " at or behind the file's end");
        }
        long endBytes = core.content.map().endBlock(inode) << SHIFT; // may lie behind the file's
        if (Math.max(inode.sizeBytes(), endBytes) > Geometry.MAX_FILE_BYTES - length) {
            throw new FsException(Errno.EFBIG, "length=" + length);
        }
        refuseIfFragmented(inode, offset >>> SHIFT);
        core.content.endReservation(inode);
        core.mutate(
                "insert",
                tx -> {
                    core.content.map().splitAt(tx, inode, offset >>> SHIFT);
                    core.content.map().shift(tx, inode, offset >>> SHIFT, length >> SHIFT);
                    putSize(tx, inode, inode.sizeBytes() + length);
                    finish.run(tx);
                });
    }

    private static void putSize(
            io.fusedax.backing.journal.Transaction tx, Inode inode, long sizeBytes) {
        inode.forgetTail();
        tx.putLong(inode.buffer(), InodeLayout.FILE_SIZE, sizeBytes);
        inode.noteDataChange(tx);
    }

    /** All extents move in one transaction, which must fit the journal. */
    private void refuseIfFragmented(Inode inode, long fromBlock) throws FsException {
        long limit =
                Math.min(MAX_SHIFT_COST, core.journal.maximumOperationBytes() / BYTES_PER_SHIFT);
        if (core.content.map().costBehind(inode, fromBlock, limit) >= limit) {
            throw new FsException(
                    Errno.EFBIG, inode + ": more than " + limit + " extents to move at once");
        }
    }
}
