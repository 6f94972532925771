package io.fusedax.backing.format;

/**
 * A run of physical blocks in 64 bits: bits 0..31 first block, 32..62 length in blocks, 63 set when
 * unwritten (allocated, reads as zeros). The value of a file's extent record, an xattr's extent,
 * and the allocator's currency, so that extents cost no object.
 */
public final class PackedExtent {
    public static final long UNWRITTEN = 1L << 63;

    /** Longest run that fits. */
    public static final int MAX_LENGTH_BLOCKS = Integer.MAX_VALUE;

    public static long of(long startBlock, long lengthBlocks) {
        assert startBlock >>> 32 == 0 && lengthBlocks > 0 && lengthBlocks <= MAX_LENGTH_BLOCKS;
        return startBlock | lengthBlocks << 32;
    }

    public static long of(long startBlock, long lengthBlocks, boolean unwritten) {
        return of(startBlock, lengthBlocks) | (unwritten ? UNWRITTEN : 0);
    }

    public static long start(long extent) {
        return extent & 0xFFFF_FFFFL;
    }

    public static long length(long extent) {
        return extent >>> 32 & 0x7FFF_FFFFL;
    }

    /** First block after the run. */
    public static long end(long extent) {
        return start(extent) + length(extent);
    }

    public static boolean unwritten(long extent) {
        return extent < 0;
    }

    private PackedExtent() {}
}
