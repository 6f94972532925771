package io.fusedax.backing.volume;

import io.fusedax.backing.format.Geometry;
import io.fusedax.backing.format.GroupLayout;
import io.fusedax.backing.format.PackedExtent;

/** Which blocks somebody owns; memory grows with the groups in use. */
final class CheckOwnership {
    private static final int WORDS = GroupLayout.BITMAP_BYTES / Long.BYTES;

    private final Geometry geometry;
    private final long[][] groups;
    private long ownedBlocks;

    CheckOwnership(Geometry geometry) {
        this.geometry = geometry;
        this.groups = new long[(int) geometry.groupCount()][];
        mark(0, geometry.firstDataBlock());
        mark(geometry.totalBlocks() - 1, geometry.groupCount() * GroupLayout.BLOCKS_PER_GROUP);
        ownedBlocks = 0;
    }

    /**
     * Takes an extent for its owner.
     *
     * @return the first block that is outside the data area or has an owner, or -1 when all were
     *     free; then, and only then, they are taken
     */
    long claim(long packedExtent) {
        if (!geometry.isDataExtent(packedExtent)) {
            return PackedExtent.start(packedExtent);
        }
        long start = PackedExtent.start(packedExtent);
        long end = PackedExtent.end(packedExtent);
        for (long block = start; block < end; block++) {
            if (isOwned(block)) {
                return block;
            }
            if ((block & 63) == 0 && block + 64 <= end && word(block) == 0) {
                block += 63;
            }
        }
        mark(start, end);
        return -1;
    }

    private boolean isOwned(long block) {
        return (word(block) >>> bit(block) & 1) != 0;
    }

    private long word(long block) {
        long[] words = groups[(int) (block / GroupLayout.BLOCKS_PER_GROUP)];
        return words == null ? 0 : words[wordIndex(block)];
    }

    private static int wordIndex(long block) {
        return (int) (block % GroupLayout.BLOCKS_PER_GROUP) >>> 6;
    }

    /** A group's blocks are a multiple of 64, so the bit within a word is that of the block. */
    private static int bit(long block) {
        return (int) (block & 63);
    }

    private void mark(long start, long end) {
        for (long block = start; block < end; ) {
            int group = (int) (block / GroupLayout.BLOCKS_PER_GROUP);
            if (groups[group] == null) {
                groups[group] = new long[WORDS];
            }
            int length = (int) Math.min(end - block, 64 - bit(block));
            groups[group][wordIndex(block)] |= -1L >>> (64 - length) << bit(block);
            block += length;
        }
        ownedBlocks += end - start;
    }

    /** Blocks claimed, the volume's fixed structures not counted. */
    long ownedBlocks() {
        return ownedBlocks;
    }

    /** One word of a group's bitmap as it should be. */
    long word(int group, int index) {
        return groups[group] == null ? 0 : groups[group][index];
    }

    boolean touches(int group) {
        return groups[group] != null;
    }
}
