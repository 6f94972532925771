package io.fusedax.mount;

/**
 * The ioctls of a mounted volume beyond the standard ones, for the command line and for clients.
 * They work on any open file or directory of the mount; those about the whole volume do not care
 * which.
 *
 * <p>The kernel carries an argument in, out or both as the number says, at most {@link
 * #MAX_ARGUMENT_BYTES}. Numbers are in the host's byte order, structures have no padding other than
 * the fields named reserved, which are zero. {@link #VERSION} goes up when a layout changes in a
 * way that old clients would misread; clients check it with {@link #HELLO} first.
 *
 * <p>Errors are errno values: ENOTTY on other file systems, EBADF where the descriptor must be open
 * for writing, EINVAL for a wrong argument, and those of the operation.
 */
public final class ControlProtocol {
    /** Version of this protocol. */
    public static final int VERSION = 4;

    /** First eight bytes of the answer to {@link #HELLO}: "FUSEDAX" and a NUL. */
    public static final long MAGIC = 0x0058414445535546L;

    /** Largest argument an ioctl number can express, in bytes. */
    public static final int MAX_ARGUMENT_BYTES = (1 << 14) - 1;

    private static final int TYPE = 0xDA;
    private static final int DIRECTION_NONE = 0;
    private static final int DIRECTION_WRITE = 1;
    private static final int DIRECTION_READ = 2;

    /** Who serves this mount. Answer: {@link Hello}. */
    public static final int HELLO = number(DIRECTION_READ, 0, Hello.SIZE_BYTES);

    /** All counters now. Answer: {@link Statistics}. */
    public static final int STATISTICS = number(DIRECTION_READ, 1, Statistics.SIZE_BYTES);

    /** Commits the whole volume, as "fuse-dax sync" does. No argument. */
    public static final int SYNC = number(DIRECTION_NONE, 2, 0);

    /**
     * Commits what this file needs to be found after a crash, if anything. Answer: {@link
     * CommitInode}.
     */
    public static final int COMMIT_INODE = number(DIRECTION_READ, 3, CommitInode.SIZE_BYTES);

    /** fallocate(2) with FALLOC_FL_COLLAPSE_RANGE. Argument: {@link Range}. */
    public static final int COLLAPSE_RANGE = number(DIRECTION_WRITE, 4, Range.SIZE_BYTES);

    /** fallocate(2) with FALLOC_FL_INSERT_RANGE. Argument: {@link Range}. */
    public static final int INSERT_RANGE = number(DIRECTION_WRITE, 5, Range.SIZE_BYTES);

    /** The file's extents from an offset on. Argument and answer: {@link Extents}. */
    public static final int EXTENTS =
            number(DIRECTION_READ | DIRECTION_WRITE, 6, Extents.SIZE_BYTES);

    /** A program is about to map the file directly. Argument and answer: {@link Attach}. */
    public static final int ATTACH = number(DIRECTION_READ | DIRECTION_WRITE, 7, Attach.SIZE_BYTES);

    /** A page of a direct mapping is needed. Argument and answer: {@link Fault}. */
    public static final int FAULT = number(DIRECTION_READ | DIRECTION_WRITE, 8, Fault.SIZE_BYTES);

    /** A program's last direct mapping of the file has gone. Argument: {@link Detach}. */
    public static final int DETACH = number(DIRECTION_WRITE, 9, Detach.SIZE_BYTES);

    /** What direct mappings of this file did, as {@link #STATISTICS}; nothing if unknown. */
    public static final int FILE_STATISTICS = number(DIRECTION_READ, 10, Statistics.SIZE_BYTES);

    /**
     * Marks units of the region bad, or good again. Argument: {@link InjectError}. Errors: EPERM
     * for all but root and the mount's owner; EINVAL for a range that is empty or ends outside the
     * region.
     */
    public static final int INJECT_ERROR = number(DIRECTION_WRITE, 11, InjectError.SIZE_BYTES);

    /** The units that are bad, from a place on. Argument and answer: {@link BadBlocks}. */
    public static final int BAD_BLOCKS =
            number(DIRECTION_READ | DIRECTION_WRITE, 12, BadBlocks.SIZE_BYTES);

    /** What is wrong with the volume or its region. Answer: {@link Problem}. */
    public static final int PROBLEM = number(DIRECTION_READ, 13, Problem.SIZE_BYTES);

    private ControlProtocol() {}

    private static int number(int direction, int ordinal, int sizeBytes) {
        return direction << 30 | sizeBytes << 16 | TYPE << 8 | ordinal;
    }

    /** Answer to {@link ControlProtocol#HELLO}: 64 bytes. */
    public static final class Hello {
        public static final int MAGIC = 0; // u64, ControlProtocol.MAGIC
        public static final int VERSION = MAGIC + Long.BYTES; // u32, ControlProtocol.VERSION
        public static final int PROCESS_ID = VERSION + Integer.BYTES; // u32, of the daemon
        public static final int UUID = PROCESS_ID + Integer.BYTES; // 16 bytes, big-endian
        public static final int READ_ONLY = UUID + 2 * Long.BYTES; // u32, 0 or 1
        public static final int OWNER_UID = READ_ONLY + Integer.BYTES; // u32, may map directly
        public static final int FAULT_BYTES = OWNER_UID + Integer.BYTES; // u32, 0: as the kernel
        public static final int MECHANISM = FAULT_BYTES + Integer.BYTES; // u32, MECHANISM_*
        public static final int SESSION = MECHANISM + Integer.BYTES; // u64, names the socket
        public static final int TRANSPORT = SESSION + Long.BYTES; // u32, 0 jnr-fuse, 1 native
        public static final int REGION_KIND = TRANSPORT + Integer.BYTES; // u8, RegionKind
        public static final int FLUSH = REGION_KIND + Byte.BYTES; // u8, FlushMechanism
        public static final int UNIT_SHIFT = FLUSH + Byte.BYTES; // u8, log2 of a mapping's page
        public static final int SIZE_BYTES = UNIT_SHIFT + 2 * Byte.BYTES;

        /** No direct mappings on this mount. */
        public static final int MECHANISM_NONE = 0;

        /** A first access traps by protection and SIGSEGV. */
        public static final int MECHANISM_SIGNAL = 1;

        /** The same, and first stores to written blocks by userfaultfd. */
        public static final int MECHANISM_UFFD = 2;

        private Hello() {}
    }

    /**
     * Answer to {@link ControlProtocol#STATISTICS}: 8192 bytes. A header, then COUNT entries one
     * after the other: unit (u8, 0 count, 1 bytes, 2 nanoseconds), length of the key (u8), key
     * (ASCII), value (u64, at any alignment).
     */
    public static final class Statistics {
        public static final int COUNT = 0; // u32
        public static final int USED_BYTES = COUNT + Integer.BYTES; // u32, header included
        public static final int ENTRIES = USED_BYTES + Integer.BYTES;
        public static final int SIZE_BYTES = 8192;

        private Statistics() {}
    }

    /** Answer to {@link ControlProtocol#COMMIT_INODE}: 8 bytes. */
    public static final class CommitInode {
        public static final int COMMITTED = 0; // u32, 1 if a commit was needed
        public static final int SIZE_BYTES = COMMITTED + 2 * Integer.BYTES;

        private CommitInode() {}
    }

    /** Argument of COLLAPSE_RANGE and INSERT_RANGE: 16 bytes. */
    public static final class Range {
        public static final int OFFSET = 0; // u64, bytes, multiple of 4096
        public static final int LENGTH = OFFSET + Long.BYTES; // u64, bytes, multiple of 4096
        public static final int SIZE_BYTES = LENGTH + Long.BYTES;

        private Range() {}
    }

    /**
     * Argument and answer of {@link ControlProtocol#EXTENTS}: 8192 bytes. The caller sets START;
     * the answer has COUNT and then that many {@link Extent}s in file order. If LAST is 0 there are
     * more: ask again from the end of the last one.
     */
    public static final class Extents {
        public static final int START = 0; // u64, bytes
        public static final int COUNT = START + Long.BYTES; // u32
        public static final int LAST = COUNT + Integer.BYTES; // u32, 0 or 1
        public static final int ENTRIES = LAST + Integer.BYTES;
        public static final int SIZE_BYTES = 8192;
        public static final int MAX_COUNT = (SIZE_BYTES - ENTRIES) / Extent.SIZE_BYTES;

        private Extents() {}
    }

    /** Argument of {@link ControlProtocol#INJECT_ERROR}: 24 bytes. */
    public static final class InjectError {
        public static final int OFFSET = 0; // u64, bytes in the region
        public static final int LENGTH = OFFSET + Long.BYTES; // u64, bytes
        public static final int FLAGS = LENGTH + Long.BYTES; // u32, FLAG_*
        public static final int SIZE_BYTES = FLAGS + 2 * Integer.BYTES;

        /** Units that lie in the range as a whole become good, with what they held. */
        public static final int FLAG_CLEAR = 1;

        private InjectError() {}
    }

    /**
     * Argument and answer of {@link ControlProtocol#BAD_BLOCKS}: 8192 bytes. The caller sets START;
     * the answer has COUNT and then that many {@link Range}s of the region in order. If LAST is 0
     * there are more: ask again from the end of the last one.
     */
    public static final class BadBlocks {
        public static final int START = 0; // u64, bytes
        public static final int COUNT = START + Long.BYTES; // u32
        public static final int LAST = COUNT + Integer.BYTES; // u32, 0 or 1
        public static final int ENTRIES = LAST + Integer.BYTES;
        public static final int SIZE_BYTES = 8192;
        public static final int MAX_COUNT = (SIZE_BYTES - ENTRIES) / Range.SIZE_BYTES;

        private BadBlocks() {}
    }

    /** Answer to {@link ControlProtocol#PROBLEM}: 1024 bytes. */
    public static final class Problem {
        public static final int TEXT_BYTES = 0; // u32, 0: no problem is known
        public static final int TEXT = TEXT_BYTES + Integer.BYTES; // UTF-8
        public static final int SIZE_BYTES = 1024;

        private Problem() {}
    }

    /** Argument and answer of {@link ControlProtocol#ATTACH}: 32 bytes. */
    public static final class Attach {
        public static final int COOKIE = 0; // u64, of the connection
        public static final int VERSION = COOKIE + Long.BYTES; // u32, the caller's, the daemon's
        public static final int FLAGS = VERSION + Integer.BYTES; // u32, FLAG_*
        public static final int FILE = FLAGS + Integer.BYTES; // u64
        public static final int GENERATION = FILE + Long.BYTES; // u64
        public static final int SIZE_BYTES = GENERATION + Long.BYTES;

        /** The file is DAX. */
        public static final int FLAG_DAX = 1;

        /** The descriptor may store. */
        public static final int FLAG_WRITABLE = 2;

        private Attach() {}
    }

    /** Argument of {@link ControlProtocol#DETACH}: 16 bytes. */
    public static final class Detach {
        public static final int COOKIE = 0; // u64
        public static final int FILE = COOKIE + Long.BYTES; // u64
        public static final int SIZE_BYTES = FILE + Long.BYTES;

        private Detach() {}
    }

    /** Argument and answer of {@link ControlProtocol#FAULT}: 104 bytes. */
    public static final class Fault {
        public static final int COOKIE = 0; // u64
        public static final int OFFSET = COOKIE + Long.BYTES; // u64, bytes in the file
        public static final int AREA_START = OFFSET + Long.BYTES; // u64, what the mapping shows
        public static final int AREA_END = AREA_START + Long.BYTES; // u64
        public static final int ADDRESS = AREA_END + Long.BYTES; // u64
        public static final int FLAGS = ADDRESS + Long.BYTES; // u32, FLAG_*
        public static final int RESULT = FLAGS + Integer.BYTES; // u32, RESULT_*
        public static final int START = RESULT + Integer.BYTES; // u64, bytes in the file
        public static final int LENGTH = START + Long.BYTES; // u64
        public static final int REGION = LENGTH + Long.BYTES; // u64, bytes in the region
        public static final int GENERATION = REGION + Long.BYTES; // u64
        public static final int AREA = GENERATION + Long.BYTES; // u64, names the mapping
        public static final int GUARD_START = AREA + Long.BYTES; // u64, bytes in the file
        public static final int GUARD_LENGTH = GUARD_START + Long.BYTES; // u64
        public static final int SIZE_BYTES = GUARD_LENGTH + Long.BYTES;

        /** For a store. */
        public static final int FLAG_WRITE = 1;

        /** Commit what the page needs. */
        public static final int FLAG_SYNC = 2;

        /** Not to be counted. */
        public static final int FLAG_PREFAULT = 4;

        public static final int RESULT_ZERO = 0;
        public static final int RESULT_READ = 1;
        public static final int RESULT_WRITE = 2;
        public static final int RESULT_BUS = 3;
        public static final int RESULT_RETRY = 4;

        private Fault() {}
    }

    /** One contiguous piece of a file; 32 bytes. Ranges without one are holes. */
    public static final class Extent {
        public static final int LOGICAL = 0; // u64, bytes from the start of the file
        public static final int PHYSICAL = LOGICAL + Long.BYTES; // u64, bytes within the region
        public static final int LENGTH = PHYSICAL + Long.BYTES; // u64, bytes
        public static final int FLAGS = LENGTH + Long.BYTES; // u32, FLAG_*
        public static final int SIZE_BYTES = FLAGS + 2 * Integer.BYTES;

        /** Allocated, but reads as zeros. */
        public static final int FLAG_UNWRITTEN = 1;

        private Extent() {}
    }
}
