package io.fusedax.backing.format;

/** The root of a record tree in an inode's payload. See FORMAT.md, "Record tree". */
public final class RecordRootLayout {
    public static final int LEVEL = 0; // u16
    public static final int COUNT = LEVEL + Short.BYTES; // u16
    public static final int RESERVED = COUNT + Short.BYTES; // zero
    public static final int RECORDS = 16; // u64 key, u64 value
    public static final int SIZE_BYTES = InodeLayout.PAYLOAD_BYTES;

    /** Most records of a root. */
    public static final int CAPACITY = (SIZE_BYTES - RECORDS) / RecordNodeLayout.RECORD_BYTES;

    private RecordRootLayout() {}
}
