package io.fusedax.backing.volume;

import io.fusedax.backing.format.Geometry;
import io.fusedax.backing.format.GroupLayout;

/**
 * Which blocks have an owner, as computed from everything that points to blocks: one bit each, by
 * group, made when a group's first block is claimed. The volume's fixed structures, and what lies
 * behind the end, count as owned.
 */
final class CheckOwnership {
    static final int WORDS = GroupLayout.BITMAP_BYTES / Long.BYTES;

    private final Geometry geometry;
    private final long[][] owned;

    /**
     * Blocks given up by a repair, and broken ones. The media still refers to them until the repair
     * is stored, so they are allocated last.
     */
    private final long[][] givenUp;

    /** Bits that a repair has changed since the media was read. */
    private final long[][] repaired;

    private long ownedDataBlocks;

    /** Groups below have no free block; the second counts blocks given up as free. */
    private final int[] firstGroupToSearch = new int[2];

    CheckOwnership(Geometry geometry) {
        this(geometry, new long[(int) geometry.groupCount()][]);
    }

    private CheckOwnership(Geometry geometry, long[][] givenUp) {
        this.geometry = geometry;
        this.owned = new long[(int) geometry.groupCount()][];
        this.repaired = new long[(int) geometry.groupCount()][];
        this.givenUp = givenUp;
    }

    /** Empty again, but for what was given up. */
    CheckOwnership nextPass() {
        return new CheckOwnership(geometry, givenUp);
    }

    /** Data blocks that nobody owns. */
    long freeBlocks() {
        return geometry.totalBlocks() - geometry.reservedBlocks() - ownedDataBlocks;
    }

    /** Whether any block of the group is owned by a file or its metadata. */
    boolean anyOwned(long group) {
        long[] words = owned[(int) group];
        return words != null && !java.util.Arrays.equals(words, reservedBits(group));
    }

    /** The group's bitmap as it should be. */
    long[] expected(long group) {
        long[] words = owned[(int) group];
        return words != null ? words : reservedBits(group);
    }

    /** The same without what this pass has allocated and given up. */
    long[] expectedOnMedia(long group) {
        long[] words = expected(group).clone();
        long[] changed = repaired[(int) group];
        for (int i = 0; changed != null && i < WORDS; i++) {
            words[i] ^= changed[i];
        }
        return words;
    }

    /** The bits of a group that are never free. */
    long[] reservedBits(long group) {
        long[] words = new long[WORDS];
        long first = group * GroupLayout.BLOCKS_PER_GROUP;
        setBits(words, 0, clamp(geometry.firstDataBlock() - first), true);
        int end = clamp(geometry.totalBlocks() - 1 - first);
        setBits(words, end, GroupLayout.BLOCKS_PER_GROUP, true);
        return words;
    }

    private static int clamp(long bit) {
        return (int) Math.max(0, Math.min(bit, GroupLayout.BLOCKS_PER_GROUP));
    }

    private static void setBits(long[] words, int from, int end, boolean value) {
        for (int at = from; at < end; ) {
            int part = Math.min(end - at, Long.SIZE - (at & 63));
            long mask = (-1L >>> (Long.SIZE - part)) << (at & 63);
            words[at >> 6] = value ? words[at >> 6] | mask : words[at >> 6] & ~mask;
            at += part;
        }
    }

    private long[] words(long group) {
        int index = (int) group;
        if (owned[index] == null) {
            owned[index] = reservedBits(group);
        }
        return owned[index];
    }

    private static boolean isSet(long[] words, int bit) {
        return words != null && (words[bit >> 6] >>> bit & 1) != 0;
    }

    boolean isOwned(long block) {
        return isSet(
                owned[(int) (block / GroupLayout.BLOCKS_PER_GROUP)],
                (int) (block % GroupLayout.BLOCKS_PER_GROUP));
    }

    /** First block after {@code block}, at most {@code end}, that is owned or not as it is. */
    long endOfRun(long block, long end) {
        boolean state = isOwned(block);
        long at = block + 1;
        while (at < end) {
            int bit = (int) (at % GroupLayout.BLOCKS_PER_GROUP);
            long[] words = owned[(int) (at / GroupLayout.BLOCKS_PER_GROUP)];
            long word = words == null ? 0 : words[bit >> 6];
            long others = (state ? ~word : word) >>> (bit & 63);
            if (others != 0) {
                return Math.min(end, at + Long.numberOfTrailingZeros(others));
            }
            at += Long.SIZE - (bit & 63);
        }
        return end;
    }

    private boolean anyOwned(long from, long end) {
        long at = from;
        while (at < end) {
            int bit = (int) (at % GroupLayout.BLOCKS_PER_GROUP);
            int part = (int) Math.min(end - at, Long.SIZE - (bit & 63));
            long[] words = owned[(int) (at / GroupLayout.BLOCKS_PER_GROUP)];
            long mask = (-1L >>> (Long.SIZE - part)) << (bit & 63);
            if (words != null && (words[bit >> 6] & mask) != 0) {
                return true;
            }
            at += part;
        }
        return false;
    }

    /**
     * Makes data blocks owned.
     *
     * @return false, with nothing changed, when one of them is already
     */
    boolean claim(long block, long lengthBlocks) {
        if (anyOwned(block, block + lengthBlocks)) {
            return false;
        }
        set(block, lengthBlocks, true);
        ownedDataBlocks += lengthBlocks;
        return true;
    }

    /** A repair gives owned data blocks up. */
    void giveUp(long block, long lengthBlocks) {
        for (long at = block; at < block + lengthBlocks; at++) {
            flip(repaired, at);
            allocateLast(at);
        }
        set(block, lengthBlocks, false);
        ownedDataBlocks -= lengthBlocks;
        firstGroupToSearch[1] = 0;
    }

    /**
     * The media still refers to this block until the repair is stored: what is stored there before
     * could be taken for what it held.
     */
    void allocateLast(long block) {
        if (!wasGivenUp(block)) {
            flip(givenUp, block);
        }
    }

    private static void flip(long[][] bitmaps, long block) {
        int group = (int) (block / GroupLayout.BLOCKS_PER_GROUP);
        int bit = (int) (block % GroupLayout.BLOCKS_PER_GROUP);
        if (bitmaps[group] == null) {
            bitmaps[group] = new long[WORDS];
        }
        bitmaps[group][bit >> 6] ^= 1L << bit;
    }

    /** Takes back that blocks were given up. */
    void keep(long block, long lengthBlocks) {
        claim(block, lengthBlocks);
        for (long at = block; at < block + lengthBlocks; at++) {
            flip(repaired, at);
        }
    }

    private void set(long block, long lengthBlocks, boolean value) {
        long at = block;
        while (at < block + lengthBlocks) {
            long group = at / GroupLayout.BLOCKS_PER_GROUP;
            int bit = (int) (at % GroupLayout.BLOCKS_PER_GROUP);
            int end = clamp(block + lengthBlocks - group * GroupLayout.BLOCKS_PER_GROUP);
            setBits(words(group), bit, end, value);
            at += end - bit;
        }
    }

    /** Whether a repair gave this block up: its content on the media still counts. */
    boolean wasGivenUp(long block) {
        return isSet(
                givenUp[(int) (block / GroupLayout.BLOCKS_PER_GROUP)],
                (int) (block % GroupLayout.BLOCKS_PER_GROUP));
    }

    /**
     * Makes one free block owned; one that was given up if there is no other. Only once everything
     * else that owns blocks has claimed them.
     *
     * @return 0 when there is none
     */
    long allocate() {
        long block = allocateUnused();
        return block != 0 ? block : take(findFree(true));
    }

    /** As {@link #allocate}, but never a block that was given up. */
    long allocateUnused() {
        return take(findFree(false));
    }

    private long take(long block) {
        if (block != 0) {
            claim(block, 1);
            flip(repaired, block);
        }
        return block;
    }

    private long findFree(boolean givenUpToo) {
        int flavour = givenUpToo ? 1 : 0;
        for (int group = firstGroupToSearch[flavour]; group < owned.length; group++) {
            firstGroupToSearch[flavour] = group;
            long[] taken = words(group);
            for (int word = 0; word < WORDS; word++) {
                long bits = taken[word];
                if (!givenUpToo && givenUp[group] != null) {
                    bits |= givenUp[group][word];
                }
                if (bits != -1L) {
                    long first = (long) group * GroupLayout.BLOCKS_PER_GROUP;
                    return first + (word << 6) + Long.numberOfTrailingZeros(~bits);
                }
            }
        }
        return 0;
    }
}
