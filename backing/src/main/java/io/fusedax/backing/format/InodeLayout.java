package io.fusedax.backing.format;

/** On-media inode: 256 bytes, little-endian. See FORMAT.md, "Inode". */
public final class InodeLayout {
    public static final int MAGIC = 0; // u32
    public static final int CHECKSUM = MAGIC + Integer.BYTES; // u32
    public static final int INODE = CHECKSUM + Integer.BYTES; // u64, own number
    public static final int GENERATION = INODE + Long.BYTES; // u32
    public static final int MODE = GENERATION + Integer.BYTES; // u32, st_mode; 0: free
    public static final int UID = MODE + Integer.BYTES; // u32
    public static final int GID = UID + Integer.BYTES; // u32
    public static final int LINK_COUNT = GID + Integer.BYTES; // u32
    public static final int FLAGS = LINK_COUNT + Integer.BYTES; // u32, FS_*_FL
    public static final int FILE_SIZE = FLAGS + Integer.BYTES; // u64
    public static final int BLOCK_COUNT = FILE_SIZE + Long.BYTES; // u64
    public static final int ATIME_SECONDS = BLOCK_COUNT + Long.BYTES; // i64
    public static final int MTIME_SECONDS = ATIME_SECONDS + Long.BYTES; // i64
    public static final int CTIME_SECONDS = MTIME_SECONDS + Long.BYTES; // i64
    public static final int BIRTH_SECONDS = CTIME_SECONDS + Long.BYTES; // i64
    public static final int ATIME_NANOS = BIRTH_SECONDS + Long.BYTES; // u32
    public static final int MTIME_NANOS = ATIME_NANOS + Integer.BYTES; // u32
    public static final int CTIME_NANOS = MTIME_NANOS + Integer.BYTES; // u32
    public static final int BIRTH_NANOS = CTIME_NANOS + Integer.BYTES; // u32
    public static final int XATTR_BLOCK = BIRTH_NANOS + Integer.BYTES; // u64, 0: none
    public static final int PARENT = XATTR_BLOCK + Long.BYTES; // u64
    public static final int PROJECT_ID = PARENT + Long.BYTES; // u32
    public static final int RESERVED = PROJECT_ID + Integer.BYTES; // zero
    public static final int PAYLOAD = 128;
    public static final int PAYLOAD_BYTES = 128;
    public static final int SIZE_BYTES = PAYLOAD + PAYLOAD_BYTES;

    /** Device nodes keep st_rdev in the first four bytes of the payload. */
    public static final int RDEV = PAYLOAD;

    private InodeLayout() {}
}
