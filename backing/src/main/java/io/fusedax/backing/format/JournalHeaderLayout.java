package io.fusedax.backing.format;

/** One of two slots that tell where recovery starts. See FORMAT.md, "Journal". */
public final class JournalHeaderLayout {
    public static final int MAGIC = 0; // u32
    public static final int CHECKSUM = MAGIC + Integer.BYTES; // u32
    public static final int FIRST_SEQUENCE = CHECKSUM + Integer.BYTES; // u64
    public static final int RESERVED = FIRST_SEQUENCE + Long.BYTES; // zero
    public static final int SIZE_BYTES = 64;

    /** The slots stand this far apart, so that no torn line hits both. */
    public static final int SLOT_STRIDE_BYTES = 2048;

    public static final int SLOT_COUNT = 2;

    private JournalHeaderLayout() {}
}
