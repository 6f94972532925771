package io.fusedax.backing.volume;

/**
 * A page of a mapped file that is needed, and what may be mapped there. The caller sets the first
 * part; {@link Volume#fault} answers in the second. Reusable.
 */
public final class Fault {
    /** What is to be mapped. */
    public enum Kind {
        /** Zeros, read-only: a hole or unwritten. */
        ZERO,
        /** The region, read-only. */
        READ,
        /** The region, writable. */
        WRITE,
        /** Nothing: behind the end of the file. */
        BUS
    }

    /** File offset of the page, a multiple of 4096. */
    public long offset;

    /** File range that the mapping shows, multiples of 4096. */
    public long areaStart;

    public long areaEnd;

    /** Of the page in the program: decides on huge pages. */
    public long address;

    /** Whether it is for a store. */
    public boolean write;

    /** What a store is granted: 0 as the kernel does (4 KiB or 2 MiB), else bytes. */
    public int grantBytes;

    /** Whether the store's surroundings are wanted, too. */
    public boolean wantsGuard;

    public Kind kind;

    /** File offset of what to map. */
    public long start;

    public long length;

    /** Place in the region of what to map; meaningless for zeros. */
    public long regionOffset;

    /**
     * File range around a granted store, as far from it in the region as in the file: written
     * blocks, which may be mapped if a store to them is stopped and asked for. Length 0: none.
     */
    public long guardStart;

    public long guardLength;

    /** Whether offset, address, mapping and file would allow a page of 2 MiB. */
    public boolean wantsHuge;

    /** Whether the answer holds that page. */
    public boolean huge;

    /** File range in which zeros became blocks; empty when both are equal. */
    public long changedStart;

    public long changedEnd;
}
