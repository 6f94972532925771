package io.fusedax.backing.format;

/**
 * A node of a record tree: header and records of two u64, key and value, sorted by key. The root
 * sits in an inode's payload, the other nodes fill a block. See FORMAT.md, "Record tree".
 */
public final class RecordNodeLayout {
    public static final int MAGIC = 0; // u32
    public static final int CHECKSUM = MAGIC + Integer.BYTES; // u32
    public static final int OWNER_INODE = CHECKSUM + Integer.BYTES; // u64
    public static final int LEVEL = OWNER_INODE + Long.BYTES; // u16, 0: values are the tree's
    public static final int COUNT = LEVEL + Short.BYTES; // u16
    public static final int RESERVED = COUNT + Short.BYTES; // zero
    public static final int RECORDS = 64; // u64 key, u64 value
    public static final int SIZE_BYTES = 4096;

    public static final int RECORD_BYTES = 16;

    /** Most records of a node block. */
    public static final int CAPACITY = (SIZE_BYTES - RECORDS) / RECORD_BYTES;

    /** Deepest tree that is believed; 252^5 records exceed every volume. */
    public static final int MAX_LEVEL = 6;

    private RecordNodeLayout() {}
}
