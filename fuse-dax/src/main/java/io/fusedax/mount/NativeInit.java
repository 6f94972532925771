package io.fusedax.mount;

import io.fusedax.backing.FsException;
import jnr.constants.platform.Errno;

/**
 * Native transport: what is agreed with the kernel in INIT. Each feature is asked for only where
 * the kernel offers it, so that older kernels do with less.
 */
final class NativeInit {
    private static final int MAJOR = 7;

    /** The newest protocol that the layouts here are of. */
    private static final int MINOR = 45;

    /** The answer was shorter before. */
    private static final int MINOR_OF_LONG_ANSWER = 23;

    private static final int FUSE_ASYNC_READ = 1;
    private static final int FUSE_ATOMIC_O_TRUNC = 1 << 3;

    /** Node ids are inode numbers, which live longer than the kernel's references. */
    private static final int FUSE_EXPORT_SUPPORT = 1 << 4;

    private static final int FUSE_BIG_WRITES = 1 << 5;

    /** The umask comes with the request: a default ACL takes its place. */
    private static final int FUSE_DONT_MASK = 1 << 6;

    private static final int FUSE_IOCTL_DIR = 1 << 11;
    private static final int FUSE_DO_READDIRPLUS = 1 << 13;
    private static final int FUSE_READDIRPLUS_AUTO = 1 << 14;
    private static final int FUSE_ASYNC_DIO = 1 << 15;
    private static final int FUSE_PARALLEL_DIROPS = 1 << 18;
    private static final int FUSE_POSIX_ACL = 1 << 20;
    private static final int FUSE_MAX_PAGES = 1 << 22;
    private static final int FUSE_CACHE_SYMLINKS = 1 << 23;

    /** The volume clears set-id bits and file capabilities. */
    private static final int FUSE_HANDLE_KILLPRIV_V2 = 1 << 28;

    private static final int FUSE_SETXATTR_EXT = 1 << 29;
    private static final int FUSE_INIT_EXT = 1 << 30;

    /** In the second word: files opened with direct_io can be mapped MAP_SHARED. */
    private static final int FUSE_DIRECT_IO_ALLOW_MMAP = 1 << 4;

    private static final int WANTED =
            FUSE_ASYNC_READ
                    | FUSE_ATOMIC_O_TRUNC
                    | FUSE_EXPORT_SUPPORT
                    | FUSE_BIG_WRITES
                    | FUSE_DONT_MASK
                    | FUSE_IOCTL_DIR
                    | FUSE_DO_READDIRPLUS
                    | FUSE_READDIRPLUS_AUTO
                    | FUSE_ASYNC_DIO
                    | FUSE_PARALLEL_DIROPS
                    | FUSE_POSIX_ACL
                    | FUSE_MAX_PAGES
                    | FUSE_CACHE_SYMLINKS
                    | FUSE_HANDLE_KILLPRIV_V2
                    | FUSE_SETXATTR_EXT
                    | FUSE_INIT_EXT;

    private static final int PAGE_BYTES = 4096;

    /** What a WRITE carries where the kernel does not know max_pages. */
    private static final int OLD_MAX_WRITE_BYTES = 32 * PAGE_BYTES;

    /** Requests that programs do not wait for: read-ahead and write-back. */
    private static final short MAX_BACKGROUND = 64;

    private final MountState state;

    NativeInit(MountState state) {
        this.state = state;
    }

    int init(RequestContext request) throws FsException {
        long body = request.requestBody;
        long reply = request.replyBody;
        int major = Memory.getInt(body + RequestLayout.Init.MAJOR);
        int minor = Memory.getInt(body + RequestLayout.Init.MINOR);
        if (major < MAJOR || major == MAJOR && minor < MINOR_OF_LONG_ANSWER) {
            throw new FsException(Errno.EPROTO, "FUSE protocol " + major + "." + minor);
        }
        Memory.zero(reply, ReplyLayout.Init.SIZE_BYTES);
        Memory.putInt(reply + ReplyLayout.Init.MAJOR, MAJOR);
        Memory.putInt(reply + ReplyLayout.Init.MINOR, MINOR);
        if (major > MAJOR) {
            return ReplyLayout.Init.SIZE_BYTES; // the kernel asks again, as of ours
        }
        int offered = Memory.getInt(body + RequestLayout.Init.FLAGS);
        int flags = offered & WANTED;
        boolean manyPages = (flags & FUSE_MAX_PAGES) != 0;
        Memory.putInt(reply + ReplyLayout.Init.FLAGS, flags);
        Memory.putInt(
                reply + ReplyLayout.Init.MAX_READAHEAD,
                Memory.getInt(body + RequestLayout.Init.MAX_READAHEAD));
        Memory.putShort(reply + ReplyLayout.Init.MAX_BACKGROUND, MAX_BACKGROUND);
        Memory.putShort(
                reply + ReplyLayout.Init.CONGESTION_THRESHOLD, (short) (MAX_BACKGROUND * 3 / 4));
        Memory.putInt(
                reply + ReplyLayout.Init.MAX_WRITE,
                manyPages ? RequestContext.MAX_DATA_BYTES : OLD_MAX_WRITE_BYTES);
        Memory.putInt(reply + ReplyLayout.Init.TIME_GRANULARITY, 1);
        if (manyPages) {
            Memory.putShort(
                    reply + ReplyLayout.Init.MAX_PAGES,
                    (short) (RequestContext.MAX_DATA_BYTES / PAGE_BYTES));
        }
        if ((flags & FUSE_INIT_EXT) != 0) {
            int flags2 =
                    Memory.getInt(body + RequestLayout.Init.FLAGS2) & FUSE_DIRECT_IO_ALLOW_MMAP;
            Memory.putInt(reply + ReplyLayout.Init.FLAGS2, flags2);
            state.directIoCanBeMapped = flags2 != 0;
        }
        state.extendedSetxattr = (flags & FUSE_SETXATTR_EXT) != 0;
        return ReplyLayout.Init.SIZE_BYTES;
    }
}
