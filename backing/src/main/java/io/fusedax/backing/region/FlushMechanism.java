package io.fusedax.backing.region;

/**
 * What a region's {@link Region#flush} and {@link Region#drain} come down to. Clients of a mount
 * know these by their ordinals.
 */
public enum FlushMechanism {
    /** Nothing: the region is read-only. */
    NONE,
    /** A fence: memory that needs no flush, or has nothing to be flushed to. */
    FENCE,
    /** msync(2) and fdatasync(2). */
    MSYNC,
    /** Cache lines are written back, by libpmem's pmem_persist(3). */
    LIBPMEM,
    /** Cache lines are written back, by what the JDK has for MappedByteBuffer.force(). */
    JDK
}
