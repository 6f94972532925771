package io.fusedax.backing.format;

/** The extended attributes of an inode. See FORMAT.md, "Extended attributes". */
public final class XattrBlockLayout {
    public static final int MAGIC = 0; // u32
    public static final int CHECKSUM = MAGIC + Integer.BYTES; // u32
    public static final int OWNER_INODE = CHECKSUM + Integer.BYTES; // u64
    public static final int USED_BYTES = OWNER_INODE + Long.BYTES; // u16, end of the last entry
    public static final int COUNT = USED_BYTES + Short.BYTES; // u16
    public static final int RESERVED = COUNT + Short.BYTES; // zero
    public static final int NEXT = RESERVED + Integer.BYTES; // u64, block with more, 0: none
    public static final int RESERVED_TAIL = NEXT + Long.BYTES; // zero
    public static final int ENTRIES = 64;
    public static final int SIZE_BYTES = 4096;

    /** Blocks of one inode, at most. */
    public static final int MAX_BLOCKS = 16;

    private XattrBlockLayout() {}
}
