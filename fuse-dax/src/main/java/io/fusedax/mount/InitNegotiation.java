package io.fusedax.mount;

/**
 * What libfuse 2.9, which knows protocol 7.19, leaves out of its answer to INIT and is wanted here.
 * Each feature is independent of the protocol's minor version and asked for only where the kernel
 * offers it.
 */
final class InitNegotiation {
    private static final int ASYNC_READ = 1;
    private static final int ATOMIC_O_TRUNC = 1 << 3;
    private static final int EXPORT_SUPPORT = 1 << 4;
    private static final int BIG_WRITES = 1 << 5;
    private static final int ASYNC_DIO = 1 << 15;
    private static final int PARALLEL_DIROPS = 1 << 18;
    private static final int MAX_PAGES = 1 << 22;
    private static final int CACHE_SYMLINKS = 1 << 23;

    /**
     * The volume clears set-id bits and file capabilities. Without this the kernel asks for
     * security.capability before every write(2): a second round trip.
     */
    private static final int HANDLE_KILLPRIV_V2 = 1 << 28;

    private static final int INIT_EXT = 1 << 30;

    /** In the second word of flags: files opened with direct_io can be mapped MAP_SHARED. */
    private static final int DIRECT_IO_ALLOW_MMAP = 1 << 4;

    private static final int WANTED =
            ASYNC_READ
                    | ATOMIC_O_TRUNC
                    | BIG_WRITES
                    | ASYNC_DIO
                    | PARALLEL_DIROPS
                    | MAX_PAGES
                    | CACHE_SYMLINKS
                    | HANDLE_KILLPRIV_V2;

    private static final int PAGE_BYTES = 4096;

    private InitNegotiation() {}

    /**
     * Completes an answer.
     *
     * @param request address of the kernel's struct fuse_init_in
     * @param answer address of a struct fuse_init_out that begins with libfuse's and is else zero
     */
    static void complete(long request, long answer, MountState state) {
        int offered = Memory.getInt(request + RequestLayout.Init.FLAGS);
        int flags = Memory.getInt(answer + ReplyLayout.Init.FLAGS);
        flags |= offered & WANTED;
        flags &= ~EXPORT_SUPPORT; // node ids die with the kernel's references
        if ((offered & INIT_EXT) != 0) {
            int flags2 = Memory.getInt(request + RequestLayout.Init.FLAGS2) & DIRECT_IO_ALLOW_MMAP;
            flags |= INIT_EXT;
            Memory.putInt(answer + ReplyLayout.Init.FLAGS2, flags2);
            state.directIoCanBeMapped = flags2 != 0;
        }
        Memory.putInt(answer + ReplyLayout.Init.FLAGS, flags);
        if ((flags & MAX_PAGES) != 0) {
            Memory.putInt(answer + ReplyLayout.Init.MAX_WRITE, RequestContext.MAX_DATA_BYTES);
            Memory.putShort(
                    answer + ReplyLayout.Init.MAX_PAGES,
                    (short) (RequestContext.MAX_DATA_BYTES / PAGE_BYTES));
        }
    }
}
