package io.fusedax.backing.alloc;

import io.fusedax.backing.FsException;
import io.fusedax.backing.format.Geometry;
import io.fusedax.backing.format.GroupLayout;
import io.fusedax.backing.format.StructureType;
import io.fusedax.backing.journal.MetaBuffer;
import io.fusedax.backing.journal.MetadataCache;
import io.fusedax.backing.journal.Transaction;

/**
 * One block group: the bitmap on media and, in memory, the free blocks that must not be taken.
 * Guarded by its monitor.
 *
 * <p>A block can be taken when its bit is clear on media and in both memory bitmaps: quarantined
 * (freed by a transaction that is not durable yet) and reserved (kept for a growing file).
 */
final class BlockGroup {
    static final int WORDS = GroupLayout.BITMAP_BYTES / Long.BYTES;

    /** Blocks of 2 MiB. */
    static final int UNIT_BLOCKS = 512;

    private static final int UNIT_WORDS = UNIT_BLOCKS / Long.SIZE;

    private final MetadataCache cache;
    private final long number;
    private long[] quarantined;
    private long[] reserved;
    private int quarantinedCount;

    /** No free run is longer than this; lowered by searches, raised by frees. */
    private int longestRunBound = GroupLayout.BLOCKS_PER_GROUP;

    /** No more wholly free 2 MiB units than this. */
    private boolean mayHaveFreeUnit = true;

    BlockGroup(MetadataCache cache, long number) {
        this.cache = cache;
        this.number = number;
    }

    long number() {
        return number;
    }

    long firstBlock() {
        return number * GroupLayout.BLOCKS_PER_GROUP;
    }

    /** May be read without the monitor, as a hint. */
    int longestRunBound() {
        return longestRunBound;
    }

    boolean mayHaveFreeUnit() {
        return mayHaveFreeUnit;
    }

    private MetaBuffer buffer() throws FsException {
        long address = cache.geometry().groupOffset(number);
        MetaBuffer buffer = cache.loadFixed(StructureType.GROUP, address);
        if (buffer.getLong(GroupLayout.GROUP) != number) {
            throw MetadataCache.corrupt(
                    StructureType.GROUP, address, "is group " + buffer.getLong(GroupLayout.GROUP));
        }
        return buffer;
    }

    /** Whether the host has storage for the group's block. */
    boolean hasStorage() throws FsException {
        long offset = cache.geometry().groupOffset(number);
        return cache.region().provide(offset, Geometry.BLOCK_BYTES) == Geometry.BLOCK_BYTES;
    }

    /**
     * Makes the group's block: all free but for the volume's fixed structures and what is not
     * there.
     */
    void initialize(Transaction tx) {
        Geometry geometry = cache.geometry();
        MetaBuffer buffer = tx.createShared(StructureType.GROUP, geometry.groupOffset(number));
        tx.putLong(buffer, GroupLayout.GROUP, number);
        int used =
                (int)
                        Math.max(
                                0,
                                Math.min(
                                        geometry.firstDataBlock() - firstBlock(),
                                        GroupLayout.BLOCKS_PER_GROUP));
        int present = geometry.blocksInGroup(number);
        if (firstBlock() + present == geometry.totalBlocks()) {
            present--; // the backup superblock's block
        }
        putBits(tx, buffer, 0, used, true);
        putBits(tx, buffer, present, GroupLayout.BLOCKS_PER_GROUP - present, true);
        tx.putInt(buffer, GroupLayout.FREE_BLOCKS, Math.max(0, present - used));
    }

    /**
     * Looks for free blocks.
     *
     * @param from first bit to look at
     * @param want run that ends the search
     * @param least shortest run to accept when none of {@code want} exists; the longest is taken
     * @return first bit and length packed as {@code length << 32 | bit}, or -1
     */
    long findRun(int from, int want, int least) throws FsException {
        MetaBuffer buffer = buffer();
        int best = 0;
        int bestAt = -1;
        for (int pass = 0; pass < 2; pass++) {
            int at = pass == 0 ? from : 0;
            int end = GroupLayout.BLOCKS_PER_GROUP;
            while (at < end) {
                int start = nextFree(buffer, at);
                if (start >= end) {
                    break;
                }
                int stop = nextUsed(buffer, start, Math.min(end, start + want));
                if (stop - start >= want) {
                    return (long) want << 32 | start;
                }
                if (stop - start > best) {
                    best = stop - start;
                    bestAt = start;
                }
                at = stop + 1;
            }
            if (from == 0) {
                break;
            }
        }
        longestRunBound = best;
        return best >= least && bestAt >= 0 ? (long) best << 32 | bestAt : -1;
    }

    /** Length of the free run at exactly this bit, at most {@code want}; 0 when it is taken. */
    int freeRunAt(int bit, int want) throws FsException {
        MetaBuffer buffer = buffer();
        int end = Math.min(GroupLayout.BLOCKS_PER_GROUP, bit + want);
        return nextFree(buffer, bit) == bit ? nextUsed(buffer, bit, end) - bit : 0;
    }

    /**
     * Looks for wholly free, aligned 2 MiB units at or after a bit, then from the start.
     *
     * @param want most units, at least 1
     * @return first bit and length of the first run of units, packed as above, or -1
     */
    long findUnits(int from, int want) throws FsException {
        MetaBuffer buffer = buffer();
        int units = WORDS / UNIT_WORDS;
        int firstUnit = (from + UNIT_BLOCKS - 1) / UNIT_BLOCKS;
        for (int i = 0; i < units; i++) {
            int unit = (firstUnit + i) % units;
            int length = 0;
            while (length < want && unit + length < units && unitFree(buffer, unit + length)) {
                length++;
            }
            if (length > 0) {
                return (((long) length * UNIT_BLOCKS) << 32) | ((long) unit * UNIT_BLOCKS);
            }
        }
        mayHaveFreeUnit = false;
        return -1;
    }

    private boolean unitFree(MetaBuffer buffer, int unit) {
        for (int word = unit * UNIT_WORDS; word < (unit + 1) * UNIT_WORDS; word++) {
            if (takenWord(buffer, word) != 0) {
                return false;
            }
        }
        return true;
    }

    /**
     * Marks blocks used on media.
     *
     * @throws FsException EUCLEAN when they are none that may be used, whatever the bitmap says
     */
    void take(Transaction tx, int bit, int length) throws FsException {
        MetaBuffer buffer = buffer();
        long block = firstBlock() + bit;
        if (!cache.geometry().isDataBlock(block)
                || !cache.geometry().isDataBlock(block + length - 1)) {
            throw MetadataCache.corrupt(
                    StructureType.GROUP,
                    buffer.address(),
                    "blocks " + block + ".." + (block + length - 1) + " of no file are free");
        }
        putBits(tx, buffer, bit, length, true);
        tx.putInt(buffer, GroupLayout.FREE_BLOCKS, buffer.getInt(GroupLayout.FREE_BLOCKS) - length);
    }

    /**
     * Marks blocks free on media.
     *
     * @throws FsException EUCLEAN when one of them is free already
     */
    void giveBack(Transaction tx, int bit, int length) throws FsException {
        MetaBuffer buffer = buffer();
        checkUsed(buffer, bit, length);
        putBits(tx, buffer, bit, length, false);
        tx.putInt(buffer, GroupLayout.FREE_BLOCKS, buffer.getInt(GroupLayout.FREE_BLOCKS) + length);
        raiseHints();
    }

    private void checkUsed(MetaBuffer buffer, int bit, int length) throws FsException {
        for (int at = bit; at < bit + length; ) {
            int part = Math.min(bit + length - at, Long.SIZE - (at & 63));
            long mask = mask(at, part);
            if ((mediaWord(buffer, at >> 6) & mask) != mask) {
                throw MetadataCache.corrupt(
                        StructureType.GROUP,
                        buffer.address(),
                        "block " + (firstBlock() + at) + " is freed but free");
            }
            at += part;
        }
    }

    void quarantine(int bit, int length) {
        if (quarantined == null) {
            quarantined = new long[WORDS];
        }
        setMemory(quarantined, bit, length, true);
        quarantinedCount += length;
    }

    void endQuarantine(int bit, int length) {
        setMemory(quarantined, bit, length, false);
        quarantinedCount -= length;
        if (quarantinedCount == 0) {
            quarantined = null;
        }
        raiseHints();
    }

    void reserve(int bit, int length) {
        if (reserved == null) {
            reserved = new long[WORDS];
        }
        setMemory(reserved, bit, length, true);
    }

    void endReservation(int bit, int length) {
        if (reserved != null) {
            setMemory(reserved, bit, length, false);
            raiseHints();
        }
    }

    void dropReservations() {
        if (reserved != null) {
            reserved = null;
            raiseHints();
        }
    }

    /** Tells the runs of blocks that are in use on media. */
    void visitUsed(ExtentAllocator.RunVisitor visitor) throws FsException {
        MetaBuffer buffer = buffer();
        int present = cache.geometry().blocksInGroup(number);
        for (int from = 0; from < present; ) {
            boolean used = isUsed(buffer, from);
            int end = from + 1;
            while (end < present && isUsed(buffer, end) == used) {
                end++;
            }
            if (used) {
                visitor.visit(firstBlock() + from, end - from);
            }
            from = end;
        }
    }

    private static boolean isUsed(MetaBuffer buffer, int bit) {
        return (mediaWord(buffer, bit >> 6) >>> bit & 1) != 0;
    }

    private void raiseHints() {
        longestRunBound = GroupLayout.BLOCKS_PER_GROUP;
        mayHaveFreeUnit = true;
    }

    private int nextFree(MetaBuffer buffer, int from) {
        int word = from >> 6;
        if (word >= WORDS) {
            return GroupLayout.BLOCKS_PER_GROUP;
        }
        long free = ~takenWord(buffer, word) & -1L << from;
        while (free == 0) {
            if (++word == WORDS) {
                return GroupLayout.BLOCKS_PER_GROUP;
            }
            free = ~takenWord(buffer, word);
        }
        return (word << 6) + Long.numberOfTrailingZeros(free);
    }

    private int nextUsed(MetaBuffer buffer, int from, int end) {
        int word = from >> 6;
        long used = takenWord(buffer, word) & -1L << from;
        while (used == 0) {
            if (++word << 6 >= end) {
                return end;
            }
            used = takenWord(buffer, word);
        }
        return Math.min(end, (word << 6) + Long.numberOfTrailingZeros(used));
    }

    private static long mediaWord(MetaBuffer buffer, int word) {
        return buffer.getLong(GroupLayout.BITMAP + word * Long.BYTES);
    }

    private long takenWord(MetaBuffer buffer, int word) {
        long taken = mediaWord(buffer, word);
        if (quarantined != null) {
            taken |= quarantined[word];
        }
        if (reserved != null) {
            taken |= reserved[word];
        }
        return taken;
    }

    private static long mask(int bit, int length) {
        return (-1L >>> (Long.SIZE - length)) << (bit & 63);
    }

    private static void putBits(
            Transaction tx, MetaBuffer buffer, int bit, int length, boolean used) {
        for (int at = bit; at < bit + length; ) {
            int part = Math.min(bit + length - at, Long.SIZE - (at & 63));
            long old = mediaWord(buffer, at >> 6);
            long mask = mask(at, part);
            int offset = GroupLayout.BITMAP + (at >> 6) * Long.BYTES;
            tx.putLong(buffer, offset, used ? old | mask : old & ~mask);
            at += part;
        }
    }

    private static void setMemory(long[] words, int bit, int length, boolean value) {
        for (int at = bit; at < bit + length; ) {
            int part = Math.min(bit + length - at, Long.SIZE - (at & 63));
            long mask = mask(at, part);
            words[at >> 6] = value ? words[at >> 6] | mask : words[at >> 6] & ~mask;
            at += part;
        }
    }
}
