package io.fusedax.backing.volume;

/** Receives the extents of a file in logical order; holes are not reported. */
@FunctionalInterface
public interface ExtentVisitor {
    /**
     * @param logicalBlock first block within the file, in units of 4 KiB
     * @param physicalBlock first block within the region, in units of 4 KiB
     * @param lengthBlocks length, at least 1
     * @param unwritten allocated but reads as zeros
     * @return false to stop
     */
    boolean extent(long logicalBlock, long physicalBlock, long lengthBlocks, boolean unwritten);
}
