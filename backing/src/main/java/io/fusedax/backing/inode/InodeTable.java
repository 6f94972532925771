package io.fusedax.backing.inode;

import io.fusedax.backing.Counter;
import io.fusedax.backing.Counters;
import io.fusedax.backing.FsException;
import io.fusedax.backing.alloc.ExtentAllocator;
import io.fusedax.backing.alloc.VolumeState;
import io.fusedax.backing.format.Geometry;
import io.fusedax.backing.format.InodeLayout;
import io.fusedax.backing.format.PackedExtent;
import io.fusedax.backing.format.RecordRootLayout;
import io.fusedax.backing.format.StructureType;
import io.fusedax.backing.format.VolumeStateLayout;
import io.fusedax.backing.journal.Clock;
import io.fusedax.backing.journal.Journal;
import io.fusedax.backing.journal.MetaBuffer;
import io.fusedax.backing.journal.MetadataCache;
import io.fusedax.backing.journal.Transaction;
import java.util.Arrays;
import jnr.constants.platform.Errno;
import org.jctools.maps.NonBlockingHashMapLong;

/**
 * The inodes: where each lies, which are free, which are in memory.
 *
 * <p>The table is a file of 256-byte inodes that grows and never shrinks. Numbers at or above the
 * high-water mark were never used; the free ones below form a chain through PARENT. The cache keeps
 * one object for a number, and keeps it while it is pinned.
 */
public final class InodeTable {
    /** Never-used inodes that stay prepared, for all operations that may be under way at once. */
    private static final int SPARE_INODES = 256;

    private static final int MAX_GROWTH_BLOCKS = 512;

    private final Journal journal;
    private final MetadataCache cache;
    private final ExtentAllocator allocator;
    private final RecordTree tree;
    private final VolumeState.InodeCounters numbers;
    private final Counters counters;
    private final Inode table;

    /** Copy of the table's inode for fsck; written whenever the table grows. */
    private final MetaBuffer tableBackup;

    private final NonBlockingHashMapLong<Inode> inMemory = new NonBlockingHashMapLong<>(false);
    private final Clock<Inode> clock;

    /** Held while the table grows, from before its transaction to after. */
    private final Object growLock = new Object();

    /**
     * Chunks of the table, ascending: logical block of each, and its extent. Replaced as a whole.
     */
    private volatile Chunks chunks;

    private static final class Chunks {
        final long[] logicalBlocks;
        final long[] extents;

        Chunks(long[] logicalBlocks, long[] extents) {
            this.logicalBlocks = logicalBlocks;
            this.extents = extents;
        }

        long capacityBlocks() {
            int last = extents.length - 1;
            return last < 0 ? 0 : logicalBlocks[last] + PackedExtent.length(extents[last]);
        }
    }

    /**
     * Opens the table of a volume.
     *
     * @param capacity inodes to keep in memory when nobody uses them
     */
    public InodeTable(
            Journal journal,
            ExtentAllocator allocator,
            VolumeState state,
            int capacity,
            Counters counters)
            throws FsException {
        this.journal = journal;
        this.cache = journal.cache();
        this.allocator = allocator;
        this.tree = new RecordTree(cache, allocator);
        this.numbers = state.inodes();
        this.counters = counters;
        this.clock = new Clock<>(Math.max(capacity, 64), this::tryEvict);
        this.table =
                new Inode(
                        InodeNumbers.TABLE,
                        cache.loadUncached(StructureType.INODE, InodeNumbers.TABLE_INODE_OFFSET));
        verify(table.buffer(), InodeNumbers.TABLE);
        this.tableBackup =
                cache.createUncached(
                        StructureType.INODE,
                        cache.geometry().backupSuperblockOffset()
                                + InodeNumbers.TABLE_INODE_BACKUP);
        this.chunks = readChunks();
        // mkfs starts with ROOT and no chunk
        if (numbers.highWater < InodeNumbers.ROOT
                || numbers.highWater > InodeNumbers.ROOT
                        && numbers.highWater > chunks.capacityBlocks() * InodeNumbers.PER_BLOCK) {
            throw corruptTable("inode_high_water " + numbers.highWater);
        }
    }

    private FsException corruptTable(String problem) {
        return MetadataCache.corrupt(StructureType.INODE, InodeNumbers.TABLE_INODE_OFFSET, problem);
    }

    private Chunks readChunks() throws FsException {
        long[] logicalBlocks = new long[16];
        long[] extents = new long[16];
        int count = 0;
        long expected = 0;
        TreeRecord record = new TreeRecord();
        while (tree.ceiling(table, expected, record)) {
            if (record.key != expected || !cache.geometry().isDataExtent(record.value)) {
                throw corruptTable("extent at logical block " + record.key);
            }
            if (count == extents.length) {
                logicalBlocks = Arrays.copyOf(logicalBlocks, 2 * count);
                extents = Arrays.copyOf(extents, 2 * count);
            }
            logicalBlocks[count] = record.key;
            extents[count++] = record.value;
            expected += PackedExtent.length(record.value);
        }
        return new Chunks(Arrays.copyOf(logicalBlocks, count), Arrays.copyOf(extents, count));
    }

    /** Byte offset in the region of an inode, or -1 when the table has no such number. */
    public long addressOf(long number) {
        Chunks current = chunks;
        long block = number / InodeNumbers.PER_BLOCK;
        if (number < 0 || block >= current.capacityBlocks()) {
            return -1;
        }
        int index = Arrays.binarySearch(current.logicalBlocks, block);
        if (index < 0) {
            index = -index - 2;
        }
        long physical =
                PackedExtent.start(current.extents[index]) + block - current.logicalBlocks[index];
        return (physical << Geometry.BLOCK_SHIFT)
                + number % InodeNumbers.PER_BLOCK * InodeLayout.SIZE_BYTES;
    }

    /** The inode of the table itself; for checks. */
    public Inode tableInode() {
        return table;
    }

    /** Numbers at and above this were never used. */
    public synchronized long highWater() {
        return numbers.highWater;
    }

    /** Inodes in use. */
    public synchronized long used() {
        return numbers.highWater - InodeNumbers.FIRST - numbers.freeInodes;
    }

    /**
     * The inode, which stays in memory until it is unpinned.
     *
     * @throws FsException ESTALE when there is no inode of that number; EUCLEAN when it is damaged
     */
    public Inode pin(long number) throws FsException {
        while (true) {
            Inode inode = inMemory.get(number);
            if (inode == null) {
                inode = load(number);
            } else {
                counters.increment(Counter.INODE_CACHE_HITS);
            }
            if (inode.tryPin()) {
                return inode;
            }
        }
    }

    private Inode load(long number) throws FsException {
        if (number < InodeNumbers.ROOT || number >= highWater()) {
            throw new FsException(Errno.ESTALE, "inode=" + number + ": no such inode");
        }
        counters.increment(Counter.INODE_CACHE_MISSES);
        MetaBuffer buffer = cache.loadUncached(StructureType.INODE, addressOf(number));
        verify(buffer, number);
        return publish(new Inode(number, buffer));
    }

    private Inode publish(Inode inode) {
        Inode other = inMemory.putIfAbsent(inode.number(), inode);
        if (other != null) {
            return other;
        }
        clock.add(inode);
        return inode;
    }

    /** What must hold of an inode before its fields are believed. */
    private static void verify(MetaBuffer buffer, long number) throws FsException {
        if (buffer.getLong(InodeLayout.INODE) != number) {
            throw MetadataCache.corrupt(
                    StructureType.INODE,
                    buffer.address(),
                    "is inode " + buffer.getLong(InodeLayout.INODE) + ", expected " + number);
        }
        int records = buffer.getU16(InodeLayout.PAYLOAD + RecordRootLayout.COUNT);
        long size = buffer.getLong(InodeLayout.FILE_SIZE);
        int type = buffer.getInt(InodeLayout.MODE) & Inode.S_IFMT;
        boolean hasTree =
                type == Inode.S_IFREG
                        || type == Inode.S_IFDIR
                        || type == Inode.S_IFLNK && size > InodeLayout.PAYLOAD_BYTES;
        if (hasTree && records > RecordRootLayout.CAPACITY) {
            throw MetadataCache.corrupt(
                    StructureType.INODE, buffer.address(), "records " + records);
        }
        if (size < 0 || size > Geometry.MAX_FILE_BYTES) {
            throw MetadataCache.corrupt(StructureType.INODE, buffer.address(), "size " + size);
        }
    }

    /**
     * Ends a use of the inode.
     *
     * @return true when it was the last one and the inode has no name left: it is to be reclaimed
     */
    public boolean unpin(Inode inode) {
        return inode.unpin() == 0 && inode.isReclaimable();
    }

    private boolean tryEvict(Inode inode) {
        if (!cache.isEvictable(inode.buffer()) || !inode.tryEvict()) {
            return false;
        }
        inMemory.remove(inode.number(), inode);
        counters.increment(Counter.INODE_CACHE_EVICTIONS);
        return true;
    }

    /**
     * Makes sure that {@link #allocate} finds room. Outside of any transaction.
     *
     * @throws FsException ENOSPC when the table cannot grow and no inode is free
     */
    public void prepareAllocation() throws FsException {
        synchronized (this) {
            long left = chunks.capacityBlocks() * InodeNumbers.PER_BLOCK - numbers.highWater;
            if (left >= SPARE_INODES || numbers.freeInodes >= SPARE_INODES) {
                return;
            }
        }
        synchronized (growLock) {
            try (Transaction tx = journal.begin("grow inode table")) {
                grow(tx);
                tx.commit();
                chunks = readChunks();
            } catch (FsException e) {
                if (e.errno() != Errno.ENOSPC || !hasFreeInode()) {
                    throw e;
                }
            }
        }
    }

    private synchronized boolean hasFreeInode() {
        return numbers.freeInodes > 0
                || numbers.highWater < chunks.capacityBlocks() * InodeNumbers.PER_BLOCK;
    }

    /**
     * What lay in the new blocks must never pass for inodes: a file's bytes may look like any, and
     * those of an earlier volume with this UUID verify.
     */
    private void wipe(long extent) {
        long offset = PackedExtent.start(extent) << Geometry.BLOCK_SHIFT;
        long lengthBytes = PackedExtent.length(extent) << Geometry.BLOCK_SHIFT;
        cache.region().zero(offset, lengthBytes);
        cache.region().flush(offset, lengthBytes); // drained before the growth is committed
    }

    private void grow(Transaction tx) throws FsException {
        long capacityBlocks = chunks.capacityBlocks();
        long wanted =
                Math.min(
                        Math.max(SPARE_INODES / InodeNumbers.PER_BLOCK, capacityBlocks / 4),
                        MAX_GROWTH_BLOCKS);
        int last = chunks.extents.length - 1;
        long goal = last < 0 ? 0 : PackedExtent.end(chunks.extents[last]);
        long extent = allocator.allocate(tx, goal, wanted);
        wipe(extent);
        if (last >= 0 && PackedExtent.start(extent) == goal) {
            long merged =
                    PackedExtent.of(
                            PackedExtent.start(chunks.extents[last]),
                            PackedExtent.length(chunks.extents[last])
                                    + PackedExtent.length(extent));
            long key = chunks.logicalBlocks[last];
            tree.replace(tx, table, key, merged);
        } else {
            tree.insert(tx, table, capacityBlocks, extent);
        }
        table.addBlocks(tx, PackedExtent.length(extent));
        tx.putLong(
                table.buffer(),
                InodeLayout.FILE_SIZE,
                capacityBlocks + PackedExtent.length(extent) << Geometry.BLOCK_SHIFT);
        tx.copy(table.buffer(), 0, tableBackup, 0, InodeLayout.SIZE_BYTES);
    }

    /**
     * A free inode, pinned, all zero but for number and generation.
     *
     * @throws FsException ENOSPC when there is none: {@link #prepareAllocation} was not called
     */
    public Inode allocate(Transaction tx) throws FsException {
        Inode inode;
        synchronized (this) {
            if (numbers.freeHead != 0) {
                if (numbers.freeHead < InodeNumbers.ROOT || numbers.freeHead >= numbers.highWater) {
                    throw MetadataCache.corrupt(
                            StructureType.VOLUME_STATE,
                            VolumeStateLayout.OFFSET,
                            "free_inode_head " + numbers.freeHead);
                }
                inode = pin(numbers.freeHead);
                if (inode.isLive()) {
                    unpin(inode);
                    throw MetadataCache.corrupt(
                            StructureType.INODE, inode.buffer().address(), "free but in use");
                }
                numbers.freeHead = inode.parent();
                numbers.freeInodes--;
            } else {
                inode = takeNeverUsed();
            }
        }
        int generation = inode.buffer().getInt(InodeLayout.GENERATION) + 1;
        initialize(tx, inode, generation);
        tx.onRollback(() -> pushFree(tx, inode, generation));
        return inode;
    }

    private Inode takeNeverUsed() throws FsException {
        if (numbers.highWater >= chunks.capacityBlocks() * InodeNumbers.PER_BLOCK) {
            throw new FsException(Errno.ENOSPC, "no free inode");
        }
        long number = numbers.highWater;
        MetaBuffer buffer = cache.createUncached(StructureType.INODE, addressOf(number));
        Inode inode = new Inode(number, buffer);
        inode.tryPin();
        publish(inode);
        numbers.highWater = number + 1;
        return inode;
    }

    private static void initialize(Transaction tx, Inode inode, int generation) {
        tx.initialize(inode.buffer());
        tx.putLong(inode.buffer(), InodeLayout.INODE, inode.number());
        tx.putInt(inode.buffer(), InodeLayout.GENERATION, generation);
    }

    private void pushFree(Transaction tx, Inode inode, int generation) {
        initialize(tx, inode, generation);
        synchronized (this) {
            tx.putLong(inode.buffer(), InodeLayout.PARENT, numbers.freeHead);
            numbers.freeHead = inode.number();
            numbers.freeInodes++;
        }
    }

    /**
     * Frees an inode that owns nothing any more. The last step of an operation: it cannot be taken
     * back, since another operation may use the inode at once.
     */
    public void free(Transaction tx, Inode inode) {
        inode.noteDataChange(tx);
        pushFree(tx, inode, inode.buffer().getInt(InodeLayout.GENERATION));
    }
}
