package io.fusedax.backing.format;

/** Head of a journal record, then its bytes. See FORMAT.md, "Journal". */
public final class RecordLayout {
    public static final int ADDRESS = 0; // u64, byte offset in the region, multiple of 64
    public static final int LENGTH_BYTES = ADDRESS + Long.BYTES; // u32, multiple of 64
    public static final int KIND = LENGTH_BYTES + Integer.BYTES; // u32
    public static final int SIZE_BYTES = 16;

    /** KIND: redo, the bytes follow. */
    public static final int KIND_REDO = 1;

    /** KIND: revoke, no bytes follow; earlier records of this range must not be replayed. */
    public static final int KIND_REVOKE = 2;

    private RecordLayout() {}
}
