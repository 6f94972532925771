package io.fusedax.backing.alloc;

import io.fusedax.backing.Counter;
import io.fusedax.backing.Counters;
import io.fusedax.backing.FsException;
import io.fusedax.backing.format.Geometry;
import io.fusedax.backing.format.GroupLayout;
import io.fusedax.backing.format.PackedExtent;
import io.fusedax.backing.journal.JournalClient;
import io.fusedax.backing.journal.MetadataCache;
import io.fusedax.backing.journal.Transaction;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.atomic.AtomicLong;
import java.util.concurrent.atomic.AtomicReferenceArray;
import jnr.constants.platform.Errno;

/**
 * Free space: which blocks may be taken, and where best.
 *
 * <p>Invariants: a block freed by an operation is quarantined until the transaction is durable, so
 * that nothing overwrites what a crash may bring back. The count of free blocks is exact at all
 * times and costs nothing to read. A group's monitor is held for a moment only and never two at
 * once.
 */
public final class ExtentAllocator implements JournalClient {
    // As ext4_set_resv_clusters in fs/ext4/super.c of Linux.
    private static final long MAX_RESERVED_BLOCKS = 4096;

    /** Passed over at once where the host has no storage: 1 MiB. */
    private static final long PIECE_BLOCKS = 256;

    private static final long RESERVED_FRACTION = 50;

    private final MetadataCache cache;
    private final Geometry geometry;
    private final VolumeState state;
    private final Counters counters;
    private final AtomicReferenceArray<BlockGroup> groups;
    private final Object initializeLock = new Object();
    private final AtomicLong quarantinedBlocks = new AtomicLong();
    private final List<Long> held = new ArrayList<>(); // guarded by itself

    private boolean holding; // guarded by held

    /** Reservations made under an older epoch are void. */
    private volatile long reservationEpoch = 1;

    /** Free blocks that only operations with {@link Transaction#mayUseReserve} may take. */
    private volatile long reservedBlocks;

    private volatile long smallCursor;

    /** The host had no storage for blocks that are free; for messages. */
    private volatile boolean hostFull;

    private volatile long unitCursor;

    public ExtentAllocator(MetadataCache cache, VolumeState state, Counters counters) {
        this.cache = cache;
        this.geometry = cache.geometry();
        this.state = state;
        this.counters = counters;
        this.groups = new AtomicReferenceArray<>((int) geometry.groupCount());
    }

    /** Blocks that no file and no metadata owns; includes those that a commit will free. */
    public long freeBlocks() {
        return state.freeBlocks.get();
    }

    /** Blocks freed by transactions that are not durable: a commit makes them usable. */
    public long quarantinedBlocks() {
        return quarantinedBlocks.get();
    }

    /**
     * Keeps free blocks back for operations that may not fail on a full volume, as ext4 does: a
     * fiftieth of the volume, at most 16 MiB. Called before the first operation.
     */
    public void keepReserve() {
        long dataBlocks = geometry.totalBlocks() - geometry.reservedBlocks();
        reservedBlocks = Math.min(MAX_RESERVED_BLOCKS, dataBlocks / RESERVED_FRACTION);
    }

    /** Free blocks that any operation may take. */
    public long availableBlocks() {
        return Math.max(0, freeBlocks() - reservedBlocks);
    }

    /**
     * Allocates one contiguous extent, at {@code goalBlock} if that is free, else near it.
     *
     * @param goalBlock wanted first block, 0: anywhere
     * @param wantBlocks wanted length in blocks, at least 1
     * @return an extent of 1..wantBlocks blocks; durable only after {@code tx} commits. What the
     *     blocks hold is undefined: write or zero them before the transaction ends
     * @throws FsException ENOSPC when no block can be had, or the host has no storage for it
     */
    public long allocate(Transaction tx, long goalBlock, long wantBlocks) throws FsException {
        long claimed = claim(tx, Math.min(wantBlocks, GroupLayout.BLOCKS_PER_GROUP));
        long extent = 0;
        try {
            extent = claimed == 0 ? 0 : findAndTake(tx, goalBlock, (int) claimed);
        } finally {
            settle(claimed, extent);
        }
        if (extent == 0) {
            throw noSpace(wantBlocks);
        }
        if (goalBlock == 0) {
            smallCursor = PackedExtent.end(extent);
        }
        return extent;
    }

    /** Takes blocks off the count, as many as the operation may have; 0 when there are none. */
    private long claim(Transaction tx, long want) {
        long keep = tx.mayUseReserve() ? 0 : reservedBlocks;
        while (true) {
            long free = state.freeBlocks.get();
            long claimed = Math.min(want, free - keep);
            if (claimed <= 0) {
                return 0;
            }
            if (state.freeBlocks.compareAndSet(free, free - claimed)) {
                return claimed;
            }
        }
    }

    /** Puts back on the count what was claimed and not taken. */
    private void settle(long claimed, long extent) {
        long taken = extent == 0 ? 0 : PackedExtent.length(extent);
        if (claimed != taken) {
            state.freeBlocks.addAndGet(claimed - taken);
        }
    }

    private long findAndTake(Transaction tx, long goalBlock, int want) throws FsException {
        long extent = 0;
        if (goalBlock != 0) {
            extent = takeAt(tx, goalBlock, want);
        }
        if (extent == 0) {
            extent = searchRun(tx, goalBlock != 0 ? goalBlock : smallCursor, want);
        }
        if (extent == 0) {
            dropReservations();
            extent = searchRun(tx, goalBlock, want);
        }
        if (extent == 0 && tx.mayUseReserve() && cache.region().releaseStorage()) {
            dropReservations();
            extent = searchRun(tx, goalBlock, want);
        }
        return extent;
    }

    /**
     * Allocates whole, aligned units of 2 MiB.
     *
     * @param goalBlock where to begin looking, 0: anywhere
     * @param wantUnits most units, at least 1
     * @return an extent of 1..wantUnits units, or 0 when there is none
     */
    public long allocateUnits(Transaction tx, long goalBlock, long wantUnits) throws FsException {
        long most = GroupLayout.BLOCKS_PER_GROUP / BlockGroup.UNIT_BLOCKS;
        long claimed = claim(tx, Math.min(wantUnits, most) * BlockGroup.UNIT_BLOCKS);
        long extent = 0;
        try {
            long units = claimed / BlockGroup.UNIT_BLOCKS;
            if (units > 0) {
                long from = goalBlock != 0 ? goalBlock : unitCursor;
                extent = searchUnits(tx, from, (int) units, true);
            }
        } finally {
            settle(claimed, extent);
        }
        if (extent != 0) {
            unitCursor = PackedExtent.end(extent);
        }
        return extent;
    }

    /**
     * Keeps one aligned unit of 2 MiB for a growing file, in memory only: it stays free on media.
     *
     * @return the unit, or 0 when there is none; void once {@link #reservationEpoch} changes
     */
    public long reserveUnit(Transaction tx, long goalBlock) throws FsException {
        long extent = searchUnits(tx, goalBlock != 0 ? goalBlock : unitCursor, 1, false);
        if (extent != 0) {
            unitCursor = PackedExtent.end(extent);
        }
        return extent;
    }

    /** Changes when space is short and all reservations were dropped. */
    public long reservationEpoch() {
        return reservationEpoch;
    }

    /**
     * Takes blocks out of a reservation.
     *
     * @return an extent of 1..lengthBlocks blocks, or 0 when the reservation is void
     */
    public long allocateReserved(Transaction tx, long epoch, long block, long lengthBlocks)
            throws FsException {
        long claimed = claim(tx, lengthBlocks);
        long extent = 0;
        try {
            extent = claimed == 0 ? 0 : takeReserved(tx, epoch, block, (int) claimed);
        } finally {
            settle(claimed, extent);
        }
        return extent;
    }

    private long takeReserved(Transaction tx, long epoch, long block, int want) throws FsException {
        BlockGroup group = groupOf(block);
        int bit = bitOf(block);
        synchronized (group) {
            if (epoch != reservationEpoch) {
                return 0;
            }
            group.endReservation(bit, want);
            return takeHere(tx, group, bit, want);
        }
    }

    /** Gives back what is left of a reservation. */
    public void endReservation(long epoch, long block, long lengthBlocks) {
        BlockGroup group = groupOf(block);
        synchronized (group) {
            if (epoch == reservationEpoch) {
                group.endReservation(bitOf(block), (int) lengthBlocks);
            }
        }
    }

    private void dropReservations() {
        synchronized (initializeLock) {
            reservationEpoch++;
        }
        for (int i = 0; i < state.initializedGroups; i++) {
            BlockGroup group = groups.get(i);
            if (group != null) {
                synchronized (group) {
                    group.dropReservations();
                }
            }
        }
    }

    /**
     * Frees an extent; it may span groups. Its blocks are not used again before {@code tx} is
     * durable.
     *
     * @throws FsException EUCLEAN when a block lies outside the data area or is free already
     */
    public void free(Transaction tx, long packedExtent) throws FsException {
        if (!geometry.isDataExtent(packedExtent)) {
            throw new FsException(
                    Errno.EUCLEAN,
                    "extent of blocks "
                            + PackedExtent.start(packedExtent)
                            + ".."
                            + PackedExtent.end(packedExtent)
                            + ": outside the data area");
        }
        long block = PackedExtent.start(packedExtent);
        while (block < PackedExtent.end(packedExtent)) {
            int bit = bitOf(block);
            int length =
                    (int)
                            Math.min(
                                    PackedExtent.end(packedExtent) - block,
                                    GroupLayout.BLOCKS_PER_GROUP - bit);
            BlockGroup group = groupOf(block);
            synchronized (group) {
                group.giveBack(tx, bit, length);
                group.quarantine(bit, length);
            }
            state.freeBlocks.addAndGet(length);
            quarantinedBlocks.addAndGet(length);
            tx.noteFree(PackedExtent.of(block, length));
            counters.increment(Counter.FREES);
            counters.add(Counter.FREED_BLOCKS, length);
            block += length;
        }
    }

    @Override
    public void undoAllocation(Transaction tx, long extent) {
        BlockGroup group = groupOf(PackedExtent.start(extent));
        try {
            synchronized (group) {
                group.giveBack(
                        tx, bitOf(PackedExtent.start(extent)), (int) PackedExtent.length(extent));
            }
        } catch (FsException e) {
            throw new IllegalStateException("undo of an allocation", e);
        }
        state.freeBlocks.addAndGet(PackedExtent.length(extent));
    }

    @Override
    public void undoFree(Transaction tx, long extent) {
        BlockGroup group = groupOf(PackedExtent.start(extent));
        int bit = bitOf(PackedExtent.start(extent));
        int length = (int) PackedExtent.length(extent);
        try {
            synchronized (group) {
                group.endQuarantine(bit, length);
                group.take(tx, bit, length);
            }
        } catch (FsException e) {
            throw new IllegalStateException("undo of a free", e);
        }
        state.freeBlocks.addAndGet(-length);
        quarantinedBlocks.addAndGet(-length);
    }

    /**
     * While held, blocks stay in quarantine even when what freed them is durable. Without a hold
     * those kept so far are let go.
     */
    public void holdFreed(boolean hold) {
        synchronized (held) {
            holding = hold;
            for (int i = 0; !hold && i < held.size(); i++) {
                endQuarantine(held.get(i));
            }
            if (!hold) {
                held.clear();
            }
        }
    }

    @Override
    public void freedDurably(long extent) {
        synchronized (held) {
            if (holding) {
                held.add(extent);
                return;
            }
        }
        endQuarantine(extent);
    }

    /** What is free holds nothing, and what was allocated is overwritten as a whole. */
    private void makeGood(long extent) {
        cache.region()
                .badBlocks()
                .clear(
                        PackedExtent.start(extent) << Geometry.BLOCK_SHIFT,
                        PackedExtent.length(extent) << Geometry.BLOCK_SHIFT);
    }

    private void endQuarantine(long extent) {
        makeGood(extent);
        BlockGroup group = groupOf(PackedExtent.start(extent));
        int length = (int) PackedExtent.length(extent);
        synchronized (group) {
            group.endQuarantine(bitOf(PackedExtent.start(extent)), length);
        }
        quarantinedBlocks.addAndGet(-length);
    }

    @Override
    public void prepareCommit(Transaction tx) {
        state.store(tx);
    }

    private long takeAt(Transaction tx, long goalBlock, int want) throws FsException {
        if (!geometry.isDataBlock(goalBlock) || !ensureInitialized(tx, goalBlock)) {
            return 0;
        }
        BlockGroup group = groupOf(goalBlock);
        synchronized (group) {
            return takeHere(tx, group, bitOf(goalBlock), want);
        }
    }

    private long takeHere(Transaction tx, BlockGroup group, int bit, int want) throws FsException {
        int free = group.freeRunAt(bit, want);
        int length = free == 0 ? 0 : provide(group, bit, free, 1);
        return length == 0 ? 0 : take(tx, group, bit, length);
    }

    /** Initializes the goal's group when it is the next in line. */
    private boolean ensureInitialized(Transaction tx, long block) throws FsException {
        long number = block / GroupLayout.BLOCKS_PER_GROUP;
        if (number == state.initializedGroups) {
            initializeNext(tx, number);
        }
        return number < state.initializedGroups;
    }

    private boolean initializeNext(Transaction tx, long number) throws FsException {
        synchronized (initializeLock) {
            if (state.initializedGroups == number
                    && number < geometry.groupCount()
                    && group(number).hasStorage()) {
                group(number).initialize(tx);
                state.initializedGroups = number + 1;
            }
        }
        return number < state.initializedGroups;
    }

    /** From the goal's group on, a run of the wanted length; else new groups; else the longest. */
    private long searchRun(Transaction tx, long goalBlock, int want) throws FsException {
        long start = goalBlock / GroupLayout.BLOCKS_PER_GROUP;
        long extent = searchGroups(tx, start, bitOf(goalBlock), want, want);
        if (extent != 0) {
            return extent;
        }
        while (initializeNext(tx, state.initializedGroups)) {
            long number = state.initializedGroups - 1;
            extent = searchGroups(tx, number, 0, want, 1);
            if (extent != 0) {
                return extent;
            }
        }
        return want == 1 ? 0 : searchGroups(tx, longestGroup(), 0, want, 1);
    }

    private long longestGroup() {
        long best = 0;
        int bestBound = 0;
        for (long i = 0; i < state.initializedGroups; i++) {
            int bound = group(i).longestRunBound();
            if (bound > bestBound) {
                bestBound = bound;
                best = i;
            }
        }
        return best;
    }

    private long searchGroups(Transaction tx, long start, int fromBit, int want, int least)
            throws FsException {
        long count = state.initializedGroups;
        for (long i = 0; i < count; i++) {
            long number = (start + i) % count;
            BlockGroup group = group(number);
            if (group.longestRunBound() < least) {
                continue;
            }
            synchronized (group) {
                long extent = takeRun(tx, group, i == 0 ? fromBit : 0, want, least);
                if (extent != 0) {
                    return extent;
                }
            }
        }
        return 0;
    }

    private long takeRun(Transaction tx, BlockGroup group, int fromBit, int want, int least)
            throws FsException {
        while (true) {
            long found = group.findRun(fromBit, want, least);
            if (found < 0) {
                return 0;
            }
            int bit = (int) found;
            int length = provide(group, bit, (int) (found >>> 32), 1);
            if (length != 0) {
                return take(tx, group, bit, length);
            }
        }
    }

    /**
     * Has the host give blocks their storage. Where it is full, those that have none are passed
     * over, as if they were reserved, until nothing else is left.
     *
     * @param unit what the length is a multiple of
     * @return how many of the blocks may be taken
     */
    private int provide(BlockGroup group, int bit, int length, int unit) throws FsException {
        long first = group.firstBlock() + bit;
        if (!geometry.isDataBlock(first) || !geometry.isDataBlock(first + length - 1)) {
            return length; // refused when they are taken
        }
        long bytes = (long) length << Geometry.BLOCK_SHIFT;
        long thereBytes = cache.region().provide(first << Geometry.BLOCK_SHIFT, bytes);
        int there = (int) (thereBytes >>> Geometry.BLOCK_SHIFT);
        there -= there % unit;
        if (there == 0) {
            hostFull = true;
            int piece = (int) (PIECE_BLOCKS - (first & PIECE_BLOCKS - 1));
            group.reserve(bit, Math.min(length, Math.max(piece, unit)));
        } else if (hostFull && there == length) {
            hostFull = false;
        }
        return there;
    }

    /** In the groups from the goal's on, else in new ones. */
    private long searchUnits(Transaction tx, long goalBlock, int want, boolean take)
            throws FsException {
        long start = goalBlock / GroupLayout.BLOCKS_PER_GROUP;
        long count = state.initializedGroups;
        for (long i = 0; i < count; i++) {
            int fromBit = i == 0 ? bitOf(goalBlock) : 0;
            long extent = unitsOf(tx, group((start + i) % count), fromBit, want, take);
            if (extent != 0) {
                return extent;
            }
        }
        while (initializeNext(tx, state.initializedGroups)) {
            long extent = unitsOf(tx, group(state.initializedGroups - 1), 0, want, take);
            if (extent != 0) {
                return extent;
            }
        }
        return 0;
    }

    private long unitsOf(Transaction tx, BlockGroup group, int fromBit, int want, boolean take)
            throws FsException {
        if (!group.mayHaveFreeUnit()) {
            return 0;
        }
        synchronized (group) {
            while (true) {
                long found = group.findUnits(fromBit, want);
                if (found < 0) {
                    return 0;
                }
                int bit = (int) found;
                int length = provide(group, bit, (int) (found >>> 32), BlockGroup.UNIT_BLOCKS);
                if (length != 0) {
                    return takeOrReserve(tx, group, bit, length, take);
                }
            }
        }
    }

    private long takeOrReserve(Transaction tx, BlockGroup group, int bit, int length, boolean take)
            throws FsException {
        if (take) {
            return take(tx, group, bit, length);
        }
        group.reserve(bit, length);
        return PackedExtent.of(group.firstBlock() + bit, length);
    }

    /** Takes claimed blocks. */
    private long take(Transaction tx, BlockGroup group, int bit, int length) throws FsException {
        group.take(tx, bit, length);
        long extent = PackedExtent.of(group.firstBlock() + bit, length);
        tx.noteAllocation(extent);
        makeGood(extent);
        counters.increment(Counter.ALLOCATIONS);
        counters.add(Counter.ALLOCATED_BLOCKS, length);
        return extent;
    }

    /** Is told of blocks in a row. */
    @FunctionalInterface
    public interface RunVisitor {
        void visit(long block, long lengthBlocks);
    }

    /**
     * Tells the blocks in use, the volume's fixed structures among them; groups without any are not
     * there.
     */
    public void visitUsed(RunVisitor visitor) throws FsException {
        for (long number = 0; number < state.initializedGroups; number++) {
            BlockGroup group = group(number);
            synchronized (group) {
                group.visitUsed(visitor);
            }
        }
    }

    private BlockGroup groupOf(long block) {
        return group(block / GroupLayout.BLOCKS_PER_GROUP);
    }

    private BlockGroup group(long number) {
        BlockGroup group = groups.get((int) number);
        if (group == null) {
            groups.compareAndSet((int) number, null, new BlockGroup(cache, number));
            group = groups.get((int) number);
        }
        return group;
    }

    private static int bitOf(long block) {
        return (int) (block % GroupLayout.BLOCKS_PER_GROUP);
    }

    private FsException noSpace(long wantBlocks) {
        return new FsException(
                Errno.ENOSPC,
                "want_blocks="
                        + wantBlocks
                        + " free_blocks="
                        + freeBlocks()
                        + " reserved_blocks="
                        + reservedBlocks
                        + " quarantined_blocks="
                        + quarantinedBlocks()
                        + (hostFull ? " and the host has no storage for some" : ""));
    }
}
