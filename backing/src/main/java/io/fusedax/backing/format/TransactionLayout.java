package io.fusedax.backing.format;

/** Head of a committed transaction in the log, then its records. See FORMAT.md, "Journal". */
public final class TransactionLayout {
    public static final int MAGIC = 0; // u32
    public static final int CHECKSUM = MAGIC + Integer.BYTES; // u32, over head and records
    public static final int SEQUENCE = CHECKSUM + Integer.BYTES; // u64
    public static final int LENGTH_BYTES = SEQUENCE + Long.BYTES; // u64, head and records
    public static final int RECORD_COUNT = LENGTH_BYTES + Long.BYTES; // u64
    public static final int RESERVED = RECORD_COUNT + Long.BYTES; // zero
    public static final int SIZE_BYTES = 64;

    private TransactionLayout() {}
}
