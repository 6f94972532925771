package io.fusedax.backing.format;

/** A block of directory entries, in no order. See FORMAT.md, "Directory leaf". */
public final class DirectoryLeafLayout {
    public static final int MAGIC = 0; // u32
    public static final int CHECKSUM = MAGIC + Integer.BYTES; // u32
    public static final int OWNER_INODE = CHECKSUM + Integer.BYTES; // u64
    public static final int USED_BYTES = OWNER_INODE + Long.BYTES; // u16, end of the last entry
    public static final int LIVE_BYTES = USED_BYTES + Short.BYTES; // u16, sum of live entries
    public static final int LIVE_COUNT = LIVE_BYTES + Short.BYTES; // u16
    public static final int RESERVED = LIVE_COUNT + Short.BYTES; // zero
    public static final int ENTRIES = 64;
    public static final int SIZE_BYTES = 4096;

    private DirectoryLeafLayout() {}
}
