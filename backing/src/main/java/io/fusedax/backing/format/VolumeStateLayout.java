package io.fusedax.backing.format;

/** Journaled counters of the whole volume. See FORMAT.md, "Volume state". */
public final class VolumeStateLayout {
    public static final int MAGIC = 0; // u32
    public static final int CHECKSUM = MAGIC + Integer.BYTES; // u32
    public static final int FREE_BLOCKS = CHECKSUM + Integer.BYTES; // u64
    public static final int INITIALIZED_GROUPS = FREE_BLOCKS + Long.BYTES; // u64
    public static final int INODE_HIGH_WATER = INITIALIZED_GROUPS + Long.BYTES; // u64
    public static final int FREE_INODES = INODE_HIGH_WATER + Long.BYTES; // u64
    public static final int FREE_INODE_HEAD = FREE_INODES + Long.BYTES; // u64, 0: none
    public static final int RESERVED = FREE_INODE_HEAD + Long.BYTES; // zero
    public static final int SIZE_BYTES = 64;

    /** Byte offset in the region. */
    public static final long OFFSET = 2048;

    private VolumeStateLayout() {}
}
