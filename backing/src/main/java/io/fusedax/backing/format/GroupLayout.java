package io.fusedax.backing.format;

/** A block group: header and allocation bitmap in one block. See FORMAT.md, "Block group". */
public final class GroupLayout {
    public static final int MAGIC = 0; // u32
    public static final int CHECKSUM = MAGIC + Integer.BYTES; // u32
    public static final int GROUP = CHECKSUM + Integer.BYTES; // u64
    public static final int FREE_BLOCKS = GROUP + Long.BYTES; // u32
    public static final int RESERVED = FREE_BLOCKS + Integer.BYTES; // zero
    public static final int BITMAP = 64; // 4032 bytes, bit set: in use; LSB first
    public static final int BITMAP_BYTES = 4032;
    public static final int SIZE_BYTES = BITMAP + BITMAP_BYTES;

    /** Blocks a group covers: 63 units of 2 MiB. */
    public static final int BLOCKS_PER_GROUP = BITMAP_BYTES * Byte.SIZE;

    private GroupLayout() {}
}
