package io.fusedax.backing.format;

/** Bookkeeping of mounts and errors, not journaled. See FORMAT.md, "Mount state". */
public final class MountStateLayout {
    public static final int MAGIC = 0; // u32
    public static final int CHECKSUM = MAGIC + Integer.BYTES; // u32
    public static final int STATE = CHECKSUM + Integer.BYTES; // u32
    public static final int MOUNT_COUNT = STATE + Integer.BYTES; // u32
    public static final int LAST_MOUNT_SECONDS = MOUNT_COUNT + Integer.BYTES; // i64
    public static final int LAST_CHECK_SECONDS = LAST_MOUNT_SECONDS + Long.BYTES; // i64
    public static final int ERROR_COUNT = LAST_CHECK_SECONDS + Long.BYTES; // u64
    public static final int ERROR_SECONDS = ERROR_COUNT + Long.BYTES; // i64, last error
    public static final int RESERVED = ERROR_SECONDS + Long.BYTES; // zero
    public static final int SIZE_BYTES = 64;

    /** Byte offset in the region. */
    public static final long OFFSET = 3072;

    /** STATE: unmounted in order; the journal is empty. */
    public static final int STATE_CLEAN = 0;

    /** STATE: mounted, or was when power went. */
    public static final int STATE_MOUNTED = 1;

    /** STATE: an inconsistency was seen; fsck is wanted. Survives mounts until fsck clears it. */
    public static final int STATE_ERROR = 2;

    private MountStateLayout() {}
}
