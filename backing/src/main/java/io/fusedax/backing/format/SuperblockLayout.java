package io.fusedax.backing.format;

/** Identity and geometry; written by mkfs, then only by fsck. See FORMAT.md, "Superblock". */
public final class SuperblockLayout {
    public static final int MAGIC = 0; // u32
    public static final int CHECKSUM = MAGIC + Integer.BYTES; // u32
    public static final int UUID = CHECKSUM + Integer.BYTES; // 16 bytes, big-endian as RFC 4122
    public static final int FEATURE_COMPAT = UUID + 16; // u32
    public static final int FEATURE_INCOMPAT = FEATURE_COMPAT + Integer.BYTES; // u32
    public static final int FEATURE_RO_COMPAT = FEATURE_INCOMPAT + Integer.BYTES; // u32
    public static final int BLOCK_SIZE_BYTES = FEATURE_RO_COMPAT + Integer.BYTES; // u32
    public static final int TOTAL_BLOCKS = BLOCK_SIZE_BYTES + Integer.BYTES; // u64
    public static final int GROUP_TABLE_BLOCK = TOTAL_BLOCKS + Long.BYTES; // u64
    public static final int GROUP_COUNT = GROUP_TABLE_BLOCK + Long.BYTES; // u64
    public static final int JOURNAL_BLOCK = GROUP_COUNT + Long.BYTES; // u64
    public static final int JOURNAL_LENGTH_BLOCKS = JOURNAL_BLOCK + Long.BYTES; // u64
    public static final int FIRST_DATA_BLOCK = JOURNAL_LENGTH_BLOCKS + Long.BYTES; // u64
    public static final int HASH_SEED_LOW = FIRST_DATA_BLOCK + Long.BYTES; // u64
    public static final int HASH_SEED_HIGH = HASH_SEED_LOW + Long.BYTES; // u64
    public static final int CREATED_SECONDS = HASH_SEED_HIGH + Long.BYTES; // i64
    public static final int LABEL = CREATED_SECONDS + Long.BYTES; // 64 bytes UTF-8, NUL padded
    public static final int RESERVED = LABEL + 64; // zero
    public static final int SIZE_BYTES = 1024;

    /** Byte offset of the primary in the region; the backup is at the start of the last block. */
    public static final long PRIMARY_OFFSET = 0;

    private SuperblockLayout() {}
}
