package io.fusedax.backing.volume;

import io.fusedax.backing.FsException;
import io.fusedax.backing.format.Geometry;
import io.fusedax.backing.inode.ExtentMap;
import io.fusedax.backing.inode.Inode;
import io.fusedax.backing.journal.CommitCause;
import io.fusedax.backing.region.BadBlocks;
import jnr.constants.platform.Errno;

/**
 * Faults of mapped files: what a load or a first store needs.
 *
 * <p>Invariants: blocks are zeroed and flushed before they are linked; nothing behind the end of
 * the file, rounded up to a block, is ever granted; what a grant shows behind the end within the
 * last block is zeros or what mappings stored there.
 *
 * <p>Where the region can be mapped in units of 2 MiB only, these units are what blocks are
 * elsewhere: what is granted are whole ones, each made one aligned extent before, by moving what it
 * has.
 */
final class FaultOperations {
    private static final int SHIFT = Geometry.BLOCK_SHIFT;
    private static final long BLOCK = Geometry.BLOCK_BYTES;
    private static final long HUGE_BYTES = 2 << 20;

    /** The kernel's clock for such times has this granularity. */
    private static final long TOUCH_NANOS = 4_000_000;

    private final VolumeCore core;
    private final boolean readOnly;

    /** What can be mapped: a block or, on some devices, 2 MiB. */
    private final long pageBytes;

    FaultOperations(VolumeCore core, boolean readOnly) {
        this.core = core;
        this.readOnly = readOnly;
        this.pageBytes = core.region.alignmentBytes();
    }

    private boolean wholeUnits() {
        return pageBytes > BLOCK;
    }

    void fault(long number, Fault fault) throws FsException {
        check(fault);
        if (fault.write && readOnly) {
            throw new FsException(Errno.EROFS, "store to a read-only volume");
        }
        Inode inode = core.pin(number);
        try {
            if (!answerShared(inode, fault)) {
                answerExclusively(inode, fault);
            }
        } finally {
            core.unpin(inode);
        }
    }

    /** Flushes the written blocks of a range; one that is gone has nothing to flush. */
    void flush(long number, long fromBytes, long toBytes) throws FsException {
        Inode inode = core.pin(number);
        try {
            long stamp = inode.lock().readLock();
            try {
                if (inode.isLive() && inode.isRegular()) {
                    flushLocked(inode, fromBytes >>> SHIFT, toBytes >>> SHIFT);
                }
            } finally {
                inode.lock().unlockRead(stamp);
            }
        } finally {
            core.unpin(inode);
        }
    }

    private void flushLocked(Inode inode, long fromBlock, long endBlock) throws FsException {
        ExtentMap.Mapping mapping = new ExtentMap.Mapping();
        long at = fromBlock;
        while (at < endBlock) {
            core.content.map().find(inode, at, mapping);
            long length = Math.min(mapping.lengthBlocks, endBlock - at);
            if (!mapping.isHole() && !mapping.unwritten) {
                core.region.flush(mapping.physicalBlock << SHIFT, length << SHIFT);
            }
            at += length;
        }
    }

    private void check(Fault fault) throws FsException {
        if (pageBytes > HUGE_BYTES) {
            throw new FsException(Errno.EOPNOTSUPP, "fault in units of " + pageBytes + " bytes");
        }
        long all = fault.offset | fault.areaStart | fault.areaEnd;
        if ((all & pageBytes - 1) != 0
                || fault.areaStart < 0
                || fault.offset < fault.areaStart
                || fault.offset >= fault.areaEnd) {
            throw new FsException(
                    Errno.EINVAL,
                    "fault at " + fault.offset + " of " + fault.areaStart + ".." + fault.areaEnd);
        }
    }

    /**
     * Answers what needs no change.
     *
     * @return false when something has to be changed
     */
    private boolean answerShared(Inode inode, Fault fault) throws FsException {
        long stamp = inode.lock().readLock();
        try {
            VolumeCore.checkRegular(inode);
            if (!begin(inode, fault)) {
                return true;
            }
            ExtentMap.Mapping mapping = new ExtentMap.Mapping();
            core.content.map().find(inode, fault.offset >>> SHIFT, mapping);
            if (wantsCleanTail(inode, fault)) {
                return false;
            }
            if (wholeUnits() && !isUnit(mapping)) {
                return !fault.write && grantsZeros(inode, fault);
            }
            if (!fault.write) {
                grantRead(inode, fault, mapping);
                return true;
            }
            return !inode.wantsTouch(System.nanoTime(), TOUCH_NANOS)
                    && grantsWhole(inode, fault, mapping);
        } finally {
            inode.lock().unlockRead(stamp);
        }
    }

    private void answerExclusively(Inode inode, Fault fault) throws FsException {
        long stamp = inode.lock().writeLock();
        try {
            VolumeCore.checkRegular(inode);
            if (!begin(inode, fault)) {
                return;
            }
            if (wantsCleanTail(inode, fault)) {
                if (core.content.growthNeedsCommit(
                        inode, Long.MAX_VALUE, core.journal.durableTid())) {
                    core.journal.commit(inode.dataChangedTid(), CommitCause.PRESSURE);
                }
                cleanTail(inode, fault);
            }
            ExtentMap.Mapping mapping = new ExtentMap.Mapping();
            if (wholeUnits()) {
                if (!fault.write && grantsZeros(inode, fault)) {
                    return;
                }
                moveTogether(inode, fault);
            } else if (fault.write) {
                makeWritten(inode, fault, mapping);
            }
            core.content.map().find(inode, fault.offset >>> SHIFT, mapping);
            if (fault.write) {
                grantWrite(inode, fault, mapping);
            } else {
                grantRead(inode, fault, mapping);
            }
        } finally {
            inode.lock().unlockWrite(stamp);
        }
    }

    /** Clears the answer; false behind the end of the file. */
    private boolean begin(Inode inode, Fault fault) {
        long end = endBytes(inode);
        fault.start = fault.offset;
        fault.length = 0;
        fault.regionOffset = 0;
        fault.changedStart = 0;
        fault.changedEnd = 0;
        fault.guardStart = 0;
        fault.guardLength = 0;
        fault.huge = false;
        fault.kind = Fault.Kind.BUS;
        if (wholeUnits()) {
            fault.grantBytes = (int) pageBytes;
            fault.wantsGuard = false;
        }
        long unit = fault.offset & -HUGE_BYTES;
        fault.wantsHuge =
                ((fault.offset ^ fault.address) & HUGE_BYTES - 1) == 0
                        && unit >= fault.areaStart
                        && unit + HUGE_BYTES <= Math.min(fault.areaEnd, end);
        return fault.offset < end;
    }

    /** End of the file, rounded up to what can be mapped. */
    private long endBytes(Inode inode) {
        return inode.sizeBytes() + pageBytes - 1 & -pageBytes;
    }

    /** Whether a unit's first block is that of an aligned extent of written blocks. */
    private static boolean isUnit(ExtentMap.Mapping mapping) {
        return !mapping.isHole()
                && !mapping.unwritten
                && mapping.lengthBlocks << SHIFT >= HUGE_BYTES
                && (mapping.physicalBlock << SHIFT & HUGE_BYTES - 1) == 0;
    }

    /** Grants zeros for a unit if nothing of it is written. */
    private boolean grantsZeros(Inode inode, Fault fault) throws FsException {
        ExtentMap.Mapping mapping = new ExtentMap.Mapping();
        long end = fault.offset + pageBytes;
        for (long at = fault.offset; at < end; at += mapping.lengthBlocks << SHIFT) {
            core.content.map().find(inode, at >>> SHIFT, mapping);
            if (!mapping.isHole() && !mapping.unwritten) {
                return false;
            }
        }
        fault.kind = Fault.Kind.ZERO;
        fault.start = fault.offset;
        fault.length = pageBytes;
        return true;
    }

    /** Makes a unit one aligned extent of written blocks. */
    private void moveTogether(Inode inode, Fault fault) throws FsException {
        if (readOnly) {
            throw new FsException(
                    Errno.EROFS,
                    inode
                            + ": what is at offset "
                            + fault.offset
                            + " is not in one piece, and cannot be moved on a read-only volume");
        }
        boolean[] changed = new boolean[1];
        core.mutate(
                "fault",
                tx -> {
                    changed[0] =
                            core.content.moveTogether(
                                    tx, inode, fault.offset >>> SHIFT, core.reclaimer.budget());
                    if (fault.write) {
                        touch(tx, inode);
                    }
                });
        if (changed[0]) {
            fault.changedStart = fault.offset;
            fault.changedEnd = fault.offset + pageBytes;
        }
    }

    private boolean wantsCleanTail(Inode inode, Fault fault) {
        return !readOnly
                && fault.areaEnd > inode.sizeBytes()
                && core.content.tailNeedsCleaning(inode)
                && core.journal.failure() == null;
    }

    /** A bad block there is no matter of pages before the last. */
    private void cleanTail(Inode inode, Fault fault) throws FsException {
        try {
            core.content.cleanTail(inode);
        } catch (FsException e) {
            long lastPage = inode.sizeBytes() & -pageBytes;
            if (e.errno() != Errno.EIO || fault.offset >= lastPage) {
                throw e;
            }
            fault.areaEnd = Math.min(fault.areaEnd, lastPage);
            begin(inode, fault);
        }
    }

    private void grantRead(Inode inode, Fault fault, ExtentMap.Mapping mapping) throws FsException {
        boolean zeros = mapping.isHole() || mapping.unwritten;
        if (!zeros) {
            avoidBadBlocks(inode, fault, mapping);
        }
        long from = wholeUnits() ? fault.offset : fault.areaStart;
        long end = wholeUnits() ? from + pageBytes : Math.min(fault.areaEnd, endBytes(inode));
        if (zeros) {
            from = Math.max(from, fault.offset & -HUGE_BYTES);
            end = Math.min(end, (fault.offset & -HUGE_BYTES) + HUGE_BYTES);
        }
        grant(fault, zeros ? Fault.Kind.ZERO : Fault.Kind.READ, mapping, from, end);
    }

    /**
     * Cuts the extent around the page down to what has no bad block.
     *
     * @throws FsException EIO when the page itself has one
     */
    private void avoidBadBlocks(Inode inode, Fault fault, ExtentMap.Mapping mapping)
            throws FsException {
        BadBlocks bad = core.region.badBlocks();
        if (!bad.any()) {
            return;
        }
        long page = mapping.physicalBlock << SHIFT;
        BadBlocks.Range good = bad.goodAround(page, BLOCK);
        if (good == null) {
            throw new FsException(
                    Errno.EIO,
                    "fault at offset %d of %s: bad block at offset %d of %s"
                            .formatted(
                                    fault.offset,
                                    inode,
                                    Math.max(page, bad.firstBehind(page)),
                                    core.region.description()));
        }
        if (wholeUnits() && good.offset() + good.lengthBytes() < page + pageBytes) {
            throw new FsException(
                    Errno.EIO, "fault at offset " + fault.offset + " of " + inode + ": bad block");
        }
        long goodFrom = good.offset() + BLOCK - 1 >>> SHIFT;
        long goodEnd = good.offset() + good.lengthBytes() >>> SHIFT;
        mapping.blocksBefore = Math.min(mapping.blocksBefore, mapping.physicalBlock - goodFrom);
        mapping.lengthBlocks = Math.min(mapping.lengthBlocks, goodEnd - mapping.physicalBlock);
    }

    /** The part of an extent or hole within a range. */
    private static void grant(
            Fault fault, Fault.Kind kind, ExtentMap.Mapping mapping, long from, long end) {
        long first = Math.max(from, fault.offset - (mapping.blocksBefore << SHIFT));
        long last = Math.min(end, fault.offset + (mapping.lengthBlocks << SHIFT));
        fault.kind = kind;
        fault.start = first;
        fault.length = last - first;
        if (kind != Fault.Kind.ZERO) {
            fault.regionOffset = (mapping.physicalBlock << SHIFT) - (fault.offset - first);
        }
        long unit = fault.offset & -HUGE_BYTES;
        fault.huge =
                fault.wantsHuge
                        && first <= unit
                        && last >= unit + HUGE_BYTES
                        && (fault.regionOffset + unit - first & HUGE_BYTES - 1) == 0;
    }

    /** Grants a store if all that it is to get is written already. */
    private boolean grantsWhole(Inode inode, Fault fault, ExtentMap.Mapping mapping)
            throws FsException {
        if (mapping.isHole() || mapping.unwritten) {
            return false;
        }
        grantWrite(inode, fault, mapping);
        return fault.grantBytes == 0
                || fault.start == windowStart(fault)
                        && fault.start + fault.length == windowEnd(inode, fault);
    }

    private void grantWrite(Inode inode, Fault fault, ExtentMap.Mapping mapping)
            throws FsException {
        avoidBadBlocks(inode, fault, mapping);
        if (fault.grantBytes == 0) {
            grant(
                    fault,
                    Fault.Kind.WRITE,
                    mapping,
                    fault.offset & -HUGE_BYTES,
                    (fault.offset & -HUGE_BYTES) + HUGE_BYTES);
            if (!fault.huge) {
                grant(fault, Fault.Kind.WRITE, mapping, fault.offset, fault.offset + BLOCK);
            }
        } else {
            grant(fault, Fault.Kind.WRITE, mapping, windowStart(fault), windowEnd(inode, fault));
        }
        core.region.provideAll(fault.regionOffset, fault.length);
        if (fault.wantsGuard && !fault.huge && fault.changedStart == fault.changedEnd) {
            offerGuard(inode, fault, mapping);
        }
    }

    /**
     * The rest of the extent, as far as one page of a page table reaches. Not where blocks were
     * just made: those around were, too, so nothing is won.
     */
    private void offerGuard(Inode inode, Fault fault, ExtentMap.Mapping mapping) {
        long unit = fault.offset - (fault.address & HUGE_BYTES - BLOCK);
        long first = Math.max(fault.areaStart, fault.offset - (mapping.blocksBefore << SHIFT));
        long last =
                Math.min(
                        Math.min(fault.areaEnd, endBytes(inode)),
                        fault.offset + (mapping.lengthBlocks << SHIFT));
        fault.guardStart = Math.max(first, unit);
        fault.guardLength = Math.min(last, unit + HUGE_BYTES) - fault.guardStart;
    }

    private static long windowStart(Fault fault) {
        return Math.max(fault.areaStart, fault.offset & -(long) fault.grantBytes);
    }

    private long windowEnd(Inode inode, Fault fault) {
        long end = (fault.offset & -(long) fault.grantBytes) + fault.grantBytes;
        return Math.min(Math.min(fault.areaEnd, endBytes(inode)), end);
    }

    /** Allocates or converts what the grant is to cover; at least the page itself. */
    private void makeWritten(Inode inode, Fault fault, ExtentMap.Mapping mapping)
            throws FsException {
        core.content.map().find(inode, fault.offset >>> SHIFT, mapping);
        if (fault.grantBytes == 0) {
            // A unit with a written block is what it is: the kernel does not move it either.
            boolean written = !mapping.isHole() && !mapping.unwritten;
            if (fault.wantsHuge && !written && makeUnit(inode, fault)) {
                return;
            }
            makeRange(inode, fault, fault.offset, fault.offset + BLOCK);
            return;
        }
        long from = windowStart(fault);
        long end = windowEnd(inode, fault);
        try {
            makeRange(inode, fault, from, end);
        } catch (FsException e) {
            if (e.errno() != Errno.ENOSPC || end - from == BLOCK) {
                throw e;
            }
            makeRange(inode, fault, fault.offset, fault.offset + BLOCK);
        }
    }

    private boolean makeUnit(Inode inode, Fault fault) throws FsException {
        long unit = fault.offset & -HUGE_BYTES;
        boolean[] made = new boolean[1];
        core.mutate(
                "fault",
                tx -> {
                    made[0] = core.content.ensureUnitWritten(tx, inode, unit >>> SHIFT);
                    if (made[0]) {
                        touch(tx, inode);
                    }
                });
        if (made[0]) {
            fault.changedStart = unit;
            fault.changedEnd = unit + HUGE_BYTES;
        }
        return made[0];
    }

    private void makeRange(Inode inode, Fault fault, long from, long end) throws FsException {
        boolean[] changed = new boolean[1];
        core.mutate(
                "fault",
                tx -> {
                    changed[0] =
                            core.content.ensureWritten(tx, inode, from >>> SHIFT, end >>> SHIFT);
                    touch(tx, inode);
                });
        if (changed[0]) {
            fault.changedStart = from;
            fault.changedEnd = end;
        }
    }

    private void touch(io.fusedax.backing.journal.Transaction tx, Inode inode) {
        long now = System.nanoTime();
        if (inode.wantsTouch(now, TOUCH_NANOS)) {
            core.touchModified(tx, inode);
            inode.noteTouch(now);
        }
    }
}
