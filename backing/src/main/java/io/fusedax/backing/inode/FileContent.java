package io.fusedax.backing.inode;

import io.fusedax.backing.FsException;
import io.fusedax.backing.format.Geometry;
import io.fusedax.backing.format.InodeLayout;
import io.fusedax.backing.format.PackedExtent;
import io.fusedax.backing.journal.Transaction;
import io.fusedax.backing.region.MediaErrorException;
import io.fusedax.backing.region.Region;
import io.fusedax.backing.region.UserBuffer;
import jnr.constants.platform.Errno;

/**
 * The bytes of a file: reads, writes and the operations of fallocate(2) on them.
 *
 * <p>Invariants: a block's content is stored and flushed before the transaction that exposes it can
 * commit; nothing but zeros shows in unwritten extents and holes. What a mapped block holds behind
 * the end of the file is undefined, and zeroed when the file grows over it. The inode's lock is
 * held, exclusively for changes.
 */
public final class FileContent {
    private static final int SHIFT = Geometry.BLOCK_SHIFT;
    private static final int BLOCK = Geometry.BLOCK_BYTES;

    /** One for each thread that reads or writes, so that this allocates none. */
    private final ThreadLocal<ExtentMap.Mapping> mappings =
            ThreadLocal.withInitial(ExtentMap.Mapping::new);

    private final Region region;
    private final ExtentMap map;
    private final BlockSource source;

    /** What mappings show of a file's end: a block, or 2 MiB where the region has such pages. */
    private final long pageBytes;

    public FileContent(
            Region region, ExtentMap map, io.fusedax.backing.alloc.ExtentAllocator allocator) {
        this.region = region;
        this.map = map;
        this.source = new BlockSource(allocator, map);
        boolean units = region.alignmentBytes() == BlockSource.UNIT_BLOCKS * BLOCK;
        this.pageBytes = units ? region.alignmentBytes() : BLOCK;
    }

    public ExtentMap map() {
        return map;
    }

    /**
     * Copies file bytes to a buffer.
     *
     * @return bytes copied: fewer than {@code length} at the end of the file
     * @throws FsException EIO when a bad block lies anywhere in the range: the kernel, which takes
     *     fewer bytes for the end of the file, then asks for smaller pieces
     */
    public int read(Inode inode, long offset, UserBuffer buffer, int length) throws FsException {
        long available = inode.sizeBytes() - offset;
        if (available <= 0) {
            return 0;
        }
        int wanted = (int) Math.min(length, available);
        ExtentMap.Mapping mapping = mappings.get();
        int done = 0;
        while (done < wanted) {
            long at = offset + done;
            map.find(inode, at >>> SHIFT, mapping);
            int inBlock = (int) (at & BLOCK - 1);
            int part = (int) Math.min(wanted - done, (mapping.lengthBlocks << SHIFT) - inBlock);
            if (mapping.isHole() || mapping.unwritten) {
                buffer.zero(done, part);
            } else {
                load(inode, at, (mapping.physicalBlock << SHIFT) + inBlock, buffer, done, part);
            }
            done += part;
        }
        return wanted;
    }

    /** How far a write came before space ran out; reused by the caller. */
    public static final class Progress {
        /** Bytes whose blocks are there. */
        public int doneBytes;
    }

    /**
     * Stores bytes, allocating what is missing, and moves the end of the file if need be.
     *
     * @param progress tells how many bytes were stored when this throws
     * @throws FsException ENOSPC when blocks run out: discard the transaction
     */
    public void write(
            Transaction tx,
            Inode inode,
            long offset,
            UserBuffer buffer,
            int length,
            Progress progress)
            throws FsException {
        if (offset > inode.sizeBytes()) {
            zeroTail(inode, offset);
        }
        ExtentMap.Mapping mapping = mappings.get();
        progress.doneBytes = 0;
        boolean mapChanged = false;
        while (progress.doneBytes < length) {
            long at = offset + progress.doneBytes;
            int left = length - progress.doneBytes;
            map.find(inode, at >>> SHIFT, mapping);
            int inBlock = (int) (at & BLOCK - 1);
            int part = (int) Math.min(left, (mapping.lengthBlocks << SHIFT) - inBlock);
            if (mapping.isHole()) {
                part = writeHole(tx, inode, at, buffer, progress.doneBytes, part);
                mapChanged = true;
            } else {
                long physical = mapping.physicalBlock << SHIFT;
                if (mapping.unwritten) {
                    region.provideAll(physical, inBlock + part);
                    storeFresh(physical, inBlock, buffer, progress.doneBytes, part);
                    map.convert(tx, inode, at >>> SHIFT, at + part + BLOCK - 1 >>> SHIFT, false);
                    mapChanged = true;
                } else {
                    store(inode, at, physical + inBlock, buffer, progress.doneBytes, part);
                }
            }
            progress.doneBytes += part;
        }
        if (offset + length > inode.sizeBytes()) {
            moveTail(inode, offset + length);
            tx.putLong(inode.buffer(), InodeLayout.FILE_SIZE, offset + length);
            mapChanged = true;
        }
        if (mapChanged) {
            inode.noteDataChange(tx);
        }
    }

    /**
     * Stores bytes over bytes, if all of them are there: no metadata changes, so a shared lock of
     * the inode is enough.
     *
     * @return false if blocks are missing or the file would grow; nothing was stored then
     */
    public boolean overwrite(Inode inode, long offset, UserBuffer buffer, int length)
            throws FsException {
        ExtentMap.Mapping mapping = mappings.get();
        return offset <= inode.sizeBytes() - length
                && walkWritten(inode, offset, buffer, length, mapping, false)
                && walkWritten(inode, offset, buffer, length, mapping, true);
    }

    /** Whether all of a range is written; stores into it if told to. */
    private boolean walkWritten(
            Inode inode,
            long offset,
            UserBuffer buffer,
            int length,
            ExtentMap.Mapping mapping,
            boolean store)
            throws FsException {
        int done = 0;
        while (done < length) {
            long at = offset + done;
            map.find(inode, at >>> SHIFT, mapping);
            if (mapping.isHole() || mapping.unwritten) {
                return false;
            }
            int inBlock = (int) (at & BLOCK - 1);
            int part = (int) Math.min(length - done, (mapping.lengthBlocks << SHIFT) - inBlock);
            if (store) {
                long physical = (mapping.physicalBlock << SHIFT) + inBlock;
                store(inode, at, physical, buffer, done, part);
            }
            done += part;
        }
        return true;
    }

    private int writeHole(
            Transaction tx, Inode inode, long at, UserBuffer buffer, int position, int length)
            throws FsException {
        int inBlock = (int) (at & BLOCK - 1);
        long blocks = (long) inBlock + length + BLOCK - 1 >>> SHIFT;
        long extent = source.allocate(tx, inode, at >>> SHIFT, blocks);
        int part = (int) Math.min(length, (PackedExtent.length(extent) << SHIFT) - inBlock);
        storeFresh(PackedExtent.start(extent) << SHIFT, inBlock, buffer, position, part);
        map.add(tx, inode, at >>> SHIFT, extent);
        return part;
    }

    /** Stores into blocks that hold nothing yet: zeros around, so that no old data shows. */
    private void storeFresh(
            long physicalOffset, int inBlock, UserBuffer buffer, int position, int length) {
        int end = inBlock + length;
        int padding = -end & BLOCK - 1;
        region.badBlocks().clear(physicalOffset, end + padding); // in three stores, but all of it
        if (inBlock > 0) {
            region.zero(physicalOffset, inBlock);
        }
        buffer.store(region, physicalOffset + inBlock, position, length);
        if (padding > 0) {
            region.zero(physicalOffset + end, padding);
        }
        region.flush(physicalOffset, end + padding);
    }

    /** Zeros what the last page holds behind the end of the file, before the file grows over it. */
    private void zeroTail(Inode inode, long newEnd) throws FsException {
        long size = inode.sizeBytes();
        long inPage = size & pageBytes - 1;
        if (inPage == 0 || inode.keptTailBytes == size) {
            return;
        }
        long end = Math.min(newEnd, size - inPage + pageBytes);
        for (long at = size; at < end; at = (at | BLOCK - 1) + 1) {
            zeroWritten(inode, at, Math.min(end, (at | BLOCK - 1) + 1));
        }
    }

    /** The file grows: what its last page holds behind the end stays true within that page. */
    private void moveTail(Inode inode, long newSizeBytes) {
        long size = inode.sizeBytes();
        boolean samePage = ((size - 1 ^ newSizeBytes - 1) & -pageBytes) == 0;
        inode.keptTailBytes =
                samePage && size > 0 && inode.keptTailBytes == size ? newSizeBytes : -1;
    }

    /**
     * Whether the last page may show, behind the end of the file, what a mapping must not see: it
     * is to be cleaned before it is mapped.
     */
    public boolean tailNeedsCleaning(Inode inode) {
        long size = inode.sizeBytes();
        return (size & pageBytes - 1) != 0 && inode.keptTailBytes != size;
    }

    /**
     * Zeros the rest of the last page. From now on stores through mappings may reach it, and growth
     * shows them, as on ext4. {@link #growthNeedsCommit} holds for this as for growth.
     */
    public void cleanTail(Inode inode) throws FsException {
        long size = inode.sizeBytes();
        zeroTail(inode, Long.MAX_VALUE);
        inode.keptTailBytes = size;
    }

    /** Zeros bytes within one block if it is allocated and written. */
    private void zeroWritten(Inode inode, long from, long end) throws FsException {
        ExtentMap.Mapping mapping = new ExtentMap.Mapping();
        map.find(inode, from >>> SHIFT, mapping);
        if (!mapping.isHole() && !mapping.unwritten) {
            long physical = (mapping.physicalBlock << SHIFT) + (from & BLOCK - 1);
            region.provideAll(physical, end - from);
            try {
                region.zero(physical, end - from);
            } catch (MediaErrorException e) {
                throw mediaError(inode, from, e);
            }
            region.flush(physical, end - from);
        }
    }

    private void load(
            Inode inode, long at, long regionOffset, UserBuffer buffer, int position, int length)
            throws FsException {
        try {
            buffer.load(region, regionOffset, position, length);
        } catch (MediaErrorException e) {
            throw mediaError(inode, at, e);
        }
    }

    /** Stores over what is written already; a region's file may have holes even there. */
    private void store(
            Inode inode, long at, long regionOffset, UserBuffer buffer, int position, int length)
            throws FsException {
        region.provideAll(regionOffset, length);
        try {
            buffer.store(region, regionOffset, position, length);
        } catch (MediaErrorException e) {
            throw mediaError(inode, at, e);
        }
        region.flush(regionOffset, length);
    }

    /** Bad blocks among a file's data are no matter of the volume's. */
    private static FsException mediaError(Inode inode, long at, MediaErrorException cause) {
        return new FsException(
                Errno.EIO, inode + ": data from offset " + at + ": " + cause.getMessage(), cause);
    }

    /**
     * Whether growing the file would zero bytes that a crash may bring back: the file was made
     * shorter within a block by a transaction that is not durable. Commit that first.
     */
    public boolean growthNeedsCommit(Inode inode, long newEnd, long durableTid) {
        return inode.shrunkTid > durableTid
                && newEnd > inode.sizeBytes()
                && (inode.sizeBytes() & pageBytes - 1) != 0;
    }

    /** Moves the end of the file outwards; the new bytes are zeros. */
    public void grow(Transaction tx, Inode inode, long newSizeBytes) throws FsException {
        zeroTail(inode, newSizeBytes);
        moveTail(inode, newSizeBytes);
        tx.putLong(inode.buffer(), InodeLayout.FILE_SIZE, newSizeBytes);
        inode.noteDataChange(tx);
    }

    /**
     * Moves the end of the file inwards and frees blocks behind it.
     *
     * @param budget cost of the frees at most, see {@link ExtentMap#free}
     * @return false when blocks are left behind the end: call {@link #freeBehindEnd}
     */
    public boolean shrink(Transaction tx, Inode inode, long newSizeBytes, long budget)
            throws FsException {
        source.release(inode);
        inode.forgetTail();
        tx.putLong(inode.buffer(), InodeLayout.FILE_SIZE, newSizeBytes);
        inode.noteDataChange(tx);
        inode.shrunkTid = tx.tid();
        return freeBehindEnd(tx, inode, budget);
    }

    /** Goes on freeing blocks behind the end of the file; true when none is left. */
    public boolean freeBehindEnd(Transaction tx, Inode inode, long budget) throws FsException {
        inode.noteDataChange(tx);
        long from = inode.sizeBytes() + BLOCK - 1 >>> SHIFT;
        return map.free(tx, inode, from, Geometry.MAX_FILE_BYTES >>> SHIFT, budget);
    }

    /** Gives back blocks kept for growth. */
    public void endReservation(Inode inode) {
        source.release(inode);
    }

    /**
     * Allocates the holes of a block range as unwritten extents.
     *
     * @param budget cost of the allocations at most, as for {@link ExtentMap#free}
     * @return first block that may not be allocated yet: {@code endBlock} when all is done
     */
    public long preallocate(Transaction tx, Inode inode, long fromBlock, long endBlock, long budget)
            throws FsException {
        ExtentMap.Mapping mapping = new ExtentMap.Mapping();
        long at = fromBlock;
        long left = budget;
        while (at < endBlock && left > 0) {
            map.find(inode, at, mapping);
            long length = Math.min(mapping.lengthBlocks, endBlock - at);
            if (mapping.isHole()) {
                long toUnitEnd = BlockSource.UNIT_BLOCKS - at % BlockSource.UNIT_BLOCKS;
                boolean headOfUnits = toUnitEnd < BlockSource.UNIT_BLOCKS && toUnitEnd < length;
                long extent = source.allocate(tx, inode, at, headOfUnits ? toUnitEnd : length);
                map.add(tx, inode, at, extent | PackedExtent.UNWRITTEN);
                length = PackedExtent.length(extent);
                left -= ExtentMap.logCost(length);
            }
            at += length;
        }
        inode.noteDataChange(tx);
        return at;
    }

    /**
     * Marks the written blocks of a range unwritten: they read as zeros and stay the file's.
     *
     * @param budget as for {@link #preallocate}
     * @return first block that may still be written: {@code endBlock} when all is done
     */
    public long unwrite(Transaction tx, Inode inode, long fromBlock, long endBlock, long budget)
            throws FsException {
        ExtentMap.Mapping mapping = new ExtentMap.Mapping();
        long at = fromBlock;
        long left = budget;
        while (at < endBlock && left > 0) {
            map.find(inode, at, mapping);
            long length = Math.min(mapping.lengthBlocks, endBlock - at);
            if (!mapping.isHole() && !mapping.unwritten) {
                map.convert(tx, inode, at, at + length, true);
                left -= ExtentMap.logCost(length);
            }
            at += length;
        }
        inode.noteDataChange(tx);
        return at;
    }

    /**
     * Gives every block of a range a written one: what is missing is zeroed, flushed and then
     * linked.
     *
     * @return whether the map changed
     * @throws FsException ENOSPC: discard the transaction
     */
    public boolean ensureWritten(Transaction tx, Inode inode, long fromBlock, long endBlock)
            throws FsException {
        ExtentMap.Mapping mapping = new ExtentMap.Mapping();
        boolean changed = false;
        long at = fromBlock;
        while (at < endBlock) {
            map.find(inode, at, mapping);
            long length = Math.min(mapping.lengthBlocks, endBlock - at);
            if (mapping.isHole()) {
                long extent = source.allocate(tx, inode, at, length);
                length = PackedExtent.length(extent);
                zeroBlocks(PackedExtent.start(extent), length);
                map.add(tx, inode, at, extent);
                changed = true;
            } else if (mapping.unwritten) {
                zeroBlocks(mapping.physicalBlock, length);
                map.convert(tx, inode, at, at + length, false);
                changed = true;
            }
            at += length;
        }
        if (changed) {
            inode.noteDataChange(tx);
        }
        return changed;
    }

    /**
     * As {@link #ensureWritten} for 2 MiB that are to be one aligned extent.
     *
     * @param fromBlock a multiple of 512
     * @return false if that cannot be: nothing was changed
     */
    public boolean ensureUnitWritten(Transaction tx, Inode inode, long fromBlock)
            throws FsException {
        ExtentMap.Mapping mapping = new ExtentMap.Mapping();
        map.find(inode, fromBlock, mapping);
        if (mapping.lengthBlocks < BlockSource.UNIT_BLOCKS) {
            return false;
        }
        if (mapping.isHole()) {
            long extent = source.allocateUnit(tx, inode, fromBlock);
            if (extent == 0) {
                return false;
            }
            zeroBlocks(PackedExtent.start(extent), BlockSource.UNIT_BLOCKS);
            map.add(tx, inode, fromBlock, extent);
        } else if (mapping.physicalBlock % BlockSource.UNIT_BLOCKS != 0) {
            return false;
        } else if (mapping.unwritten) {
            zeroBlocks(mapping.physicalBlock, BlockSource.UNIT_BLOCKS);
            map.convert(tx, inode, fromBlock, fromBlock + BlockSource.UNIT_BLOCKS, false);
        }
        inode.noteDataChange(tx);
        return true;
    }

    /**
     * Makes 2 MiB one aligned extent of written blocks. What is written elsewhere is copied to it,
     * and flushed before it is linked; nobody may have that mapped.
     *
     * @param fromBlock a multiple of 512
     * @param budget as for {@link ExtentMap#free}
     * @return whether the map changed
     * @throws FsException ENOSPC when there is no such extent, or the pieces are too many to be
     *     freed by one transaction: discard it
     */
    public boolean moveTogether(Transaction tx, Inode inode, long fromBlock, long budget)
            throws FsException {
        ExtentMap.Mapping mapping = new ExtentMap.Mapping();
        long endBlock = fromBlock + BlockSource.UNIT_BLOCKS;
        map.find(inode, fromBlock, mapping);
        if (mapping.lengthBlocks >= BlockSource.UNIT_BLOCKS
                && !mapping.isHole()
                && mapping.physicalBlock % BlockSource.UNIT_BLOCKS == 0) {
            if (mapping.unwritten) {
                zeroBlocks(mapping.physicalBlock, BlockSource.UNIT_BLOCKS);
                map.convert(tx, inode, fromBlock, endBlock, false);
                inode.noteDataChange(tx);
            }
            return mapping.unwritten;
        }
        long unit = source.allocateUnit(tx, inode, fromBlock);
        if (unit == 0) {
            throw new FsException(Errno.ENOSPC, inode + ": no aligned 2 MiB are free");
        }
        long to = PackedExtent.start(unit);
        for (long at = fromBlock; at < endBlock; at += mapping.lengthBlocks) {
            map.find(inode, at, mapping);
            copyBlocks(inode, at, mapping, to + at - fromBlock, endBlock - at);
        }
        if (!map.free(tx, inode, fromBlock, endBlock, budget)) {
            throw new FsException(
                    Errno.ENOSPC, inode + ": block " + fromBlock + ": 2 MiB in too many pieces");
        }
        map.add(tx, inode, fromBlock, unit);
        inode.noteDataChange(tx);
        return true;
    }

    private void copyBlocks(
            Inode inode, long at, ExtentMap.Mapping from, long toBlock, long maxBlocks)
            throws FsException {
        long length = Math.min(from.lengthBlocks, maxBlocks);
        if (from.isHole() || from.unwritten) {
            zeroBlocks(toBlock, length);
            return;
        }
        try {
            region.copy(from.physicalBlock << SHIFT, toBlock << SHIFT, length << SHIFT);
        } catch (MediaErrorException e) {
            throw mediaError(inode, at << SHIFT, e);
        }
        region.flush(toBlock << SHIFT, length << SHIFT);
    }

    private void zeroBlocks(long physicalBlock, long lengthBlocks) {
        region.zero(physicalBlock << SHIFT, lengthBlocks << SHIFT);
        region.flush(physicalBlock << SHIFT, lengthBlocks << SHIFT);
    }

    /** Zeros the parts of a byte range that do not fill their block, at either end. */
    public void zeroEdges(Inode inode, long offset, long end) throws FsException {
        long firstWhole = offset + BLOCK - 1 & -BLOCK;
        long lastWhole = end & -BLOCK;
        if (offset < firstWhole) {
            zeroWritten(inode, offset, Math.min(firstWhole, end));
        }
        if (end > lastWhole && lastWhole >= firstWhole) {
            zeroWritten(inode, lastWhole, end);
        }
    }

    /** Checks the arguments that collapse and insert have in common. */
    public static void checkAligned(long offset, long length) throws FsException {
        if ((offset & BLOCK - 1) != 0 || (length & BLOCK - 1) != 0) {
            throw new FsException(
                    Errno.EINVAL, "offset=" + offset + " length=" + length + ": not block-aligned");
        }
    }
}
