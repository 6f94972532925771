package io.fusedax.mount;

/**
 * libfuse 2.9's struct fuse_file_info on 64-bit machines, at an address. jnr-fuse's FuseFileInfo
 * has the flags at the wrong place.
 */
final class FileInfo {
    static final int FLAGS = 0; // int, O_*
    static final int HANDLE_OLD = FLAGS + 2 * Integer.BYTES; // unsigned long
    static final int WRITE_PAGE = HANDLE_OLD + Long.BYTES; // int
    static final int BITS = WRITE_PAGE + Integer.BYTES; // bit field
    static final int HANDLE = BITS + Integer.BYTES; // u64
    static final int LOCK_OWNER = HANDLE + Long.BYTES; // u64
    static final int SIZE_BYTES = LOCK_OWNER + Long.BYTES;

    private static final int DIRECT_IO = 1;
    private static final int KEEP_CACHE = 1 << 1;

    private FileInfo() {}

    static int flags(long fileInfo) {
        return Memory.getInt(fileInfo + FLAGS);
    }

    static long handle(long fileInfo) {
        return Memory.getLong(fileInfo + HANDLE);
    }

    static void setHandle(long fileInfo, long handle) {
        Memory.putLong(fileInfo + HANDLE, handle);
    }

    /** Whether the file bypasses the page cache, and whether pages cached before stay valid. */
    static void setCaching(long fileInfo, boolean directIo, boolean keepCache) {
        int bits = Memory.getInt(fileInfo + BITS) & ~(DIRECT_IO | KEEP_CACHE);
        bits |= (directIo ? DIRECT_IO : 0) | (keepCache ? KEEP_CACHE : 0);
        Memory.putInt(fileInfo + BITS, bits);
    }
}
