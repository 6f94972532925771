package io.fusedax.backing.volume;

/**
 * What statfs(2) reports, in blocks of 4 KiB.
 *
 * @param totalBlocks blocks that files and their metadata may use
 * @param freeBlocks free blocks, exact
 * @param availableBlocks free blocks without those kept back for operations that free
 * @param usedInodes inodes in use
 * @param freeInodes inodes that could still be made from the free blocks
 */
public record VolumeStatistics(
        long totalBlocks,
        long freeBlocks,
        long availableBlocks,
        long usedInodes,
        long freeInodes) {}
