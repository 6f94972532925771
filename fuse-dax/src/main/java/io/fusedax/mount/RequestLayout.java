package io.fusedax.mount;

/**
 * Byte offsets of the kernel's request structures (struct fuse_*_in of linux/fuse.h), protocol 7.19
 * and the later ones used here. Host byte order. Every request begins with {@link Header}; offsets
 * in the other classes count from the end of it.
 */
final class RequestLayout {
    private RequestLayout() {}

    /** struct fuse_in_header. */
    static final class Header {
        static final int LENGTH = 0; // u32, whole request
        static final int OPCODE = LENGTH + Integer.BYTES; // u32
        static final int UNIQUE = OPCODE + Integer.BYTES; // u64
        static final int NODE_ID = UNIQUE + Long.BYTES; // u64
        static final int UID = NODE_ID + Long.BYTES; // u32
        static final int GID = UID + Integer.BYTES; // u32
        static final int PID = GID + Integer.BYTES; // u32
        static final int SIZE_BYTES = PID + 2 * Integer.BYTES;

        private Header() {}
    }

    /** struct fuse_init_in. */
    static final class Init {
        static final int MAJOR = 0; // u32
        static final int MINOR = MAJOR + Integer.BYTES; // u32
        static final int MAX_READAHEAD = MINOR + Integer.BYTES; // u32
        static final int FLAGS = MAX_READAHEAD + Integer.BYTES; // u32
        static final int FLAGS2 = FLAGS + Integer.BYTES; // u32, with FUSE_INIT_EXT

        /** What the first protocols sent; newer ones send more. */
        static final int OLD_SIZE_BYTES = MAX_READAHEAD;

        private Init() {}
    }

    /** struct fuse_setattr_in. */
    static final class Setattr {
        static final int VALID = 0; // u32
        static final int HANDLE = VALID + 2 * Integer.BYTES; // u64
        static final int SIZE = HANDLE + Long.BYTES; // u64
        static final int LOCK_OWNER = SIZE + Long.BYTES; // u64
        static final int ATIME = LOCK_OWNER + Long.BYTES; // u64
        static final int MTIME = ATIME + Long.BYTES; // u64
        static final int CTIME = MTIME + Long.BYTES; // u64
        static final int ATIME_NANOS = CTIME + Long.BYTES; // u32
        static final int MTIME_NANOS = ATIME_NANOS + Integer.BYTES; // u32
        static final int CTIME_NANOS = MTIME_NANOS + Integer.BYTES; // u32
        static final int MODE = CTIME_NANOS + Integer.BYTES; // u32
        static final int UID = MODE + 2 * Integer.BYTES; // u32
        static final int GID = UID + Integer.BYTES; // u32
        static final int SIZE_BYTES = GID + 2 * Integer.BYTES;

        private Setattr() {}
    }

    /** struct fuse_open_in. */
    static final class Open {
        static final int FLAGS = 0; // u32, O_*
        static final int OPEN_FLAGS = FLAGS + Integer.BYTES; // u32, FUSE_OPEN_*
        static final int SIZE_BYTES = OPEN_FLAGS + Integer.BYTES;

        private Open() {}
    }

    /** struct fuse_create_in; then the name. */
    static final class Create {
        static final int FLAGS = 0; // u32, O_*
        static final int MODE = FLAGS + Integer.BYTES; // u32
        static final int UMASK = MODE + Integer.BYTES; // u32
        static final int OPEN_FLAGS = UMASK + Integer.BYTES; // u32, FUSE_OPEN_*
        static final int SIZE_BYTES = OPEN_FLAGS + Integer.BYTES;

        private Create() {}
    }

    /** struct fuse_mknod_in; then the name. */
    static final class Mknod {
        static final int MODE = 0; // u32
        static final int RDEV = MODE + Integer.BYTES; // u32
        static final int UMASK = RDEV + Integer.BYTES; // u32
        static final int SIZE_BYTES = UMASK + 2 * Integer.BYTES;

        private Mknod() {}
    }

    /** struct fuse_mkdir_in; then the name. */
    static final class Mkdir {
        static final int MODE = 0; // u32
        static final int UMASK = MODE + Integer.BYTES; // u32
        static final int SIZE_BYTES = UMASK + Integer.BYTES;

        private Mkdir() {}
    }

    /** struct fuse_link_in; then the name. */
    static final class Link {
        static final int OLD_NODE_ID = 0; // u64
        static final int SIZE_BYTES = OLD_NODE_ID + Long.BYTES;

        private Link() {}
    }

    /** struct fuse_rename_in; then the two names. */
    static final class Rename {
        static final int NEW_DIRECTORY = 0; // u64
        static final int SIZE_BYTES = NEW_DIRECTORY + Long.BYTES;

        private Rename() {}
    }

    /** struct fuse_rename2_in; then the two names. */
    static final class Rename2 {
        static final int NEW_DIRECTORY = 0; // u64
        static final int FLAGS = NEW_DIRECTORY + Long.BYTES; // u32, RENAME_*
        static final int SIZE_BYTES = FLAGS + 2 * Integer.BYTES;

        private Rename2() {}
    }

    /** struct fuse_statx_in. */
    static final class Statx {
        static final int GETATTR_FLAGS = 0; // u32
        static final int HANDLE = GETATTR_FLAGS + 2 * Integer.BYTES; // u64
        static final int STATX_FLAGS = HANDLE + Long.BYTES; // u32
        static final int MASK = STATX_FLAGS + Integer.BYTES; // u32, STATX_*
        static final int SIZE_BYTES = MASK + Integer.BYTES;

        private Statx() {}
    }

    /** struct fuse_copy_file_range_in. */
    static final class CopyFileRange {
        static final int IN_HANDLE = 0; // u64
        static final int IN_OFFSET = IN_HANDLE + Long.BYTES; // u64
        static final int OUT_NODE_ID = IN_OFFSET + Long.BYTES; // u64
        static final int OUT_HANDLE = OUT_NODE_ID + Long.BYTES; // u64
        static final int OUT_OFFSET = OUT_HANDLE + Long.BYTES; // u64
        static final int LENGTH = OUT_OFFSET + Long.BYTES; // u64
        static final int FLAGS = LENGTH + Long.BYTES; // u64
        static final int SIZE_BYTES = FLAGS + Long.BYTES;

        private CopyFileRange() {}
    }

    /** struct fuse_forget_in. */
    static final class Forget {
        static final int LOOKUPS = 0; // u64
        static final int SIZE_BYTES = LOOKUPS + Long.BYTES;

        private Forget() {}
    }

    /** struct fuse_interrupt_in. */
    static final class Interrupt {
        static final int UNIQUE = 0; // u64, of the request that is to end
        static final int SIZE_BYTES = UNIQUE + Long.BYTES;

        private Interrupt() {}
    }

    /** struct fuse_read_in, of READ and READDIR. */
    static final class Read {
        static final int HANDLE = 0; // u64
        static final int OFFSET = HANDLE + Long.BYTES; // u64
        static final int SIZE = OFFSET + Long.BYTES; // u32
        static final int READ_FLAGS = SIZE + Integer.BYTES; // u32
        static final int LOCK_OWNER = READ_FLAGS + Integer.BYTES; // u64
        static final int FLAGS = LOCK_OWNER + Long.BYTES; // u32, O_*
        static final int SIZE_BYTES = FLAGS + 2 * Integer.BYTES;

        private Read() {}
    }

    /** struct fuse_write_in; then the data. */
    static final class Write {
        static final int HANDLE = 0; // u64
        static final int OFFSET = HANDLE + Long.BYTES; // u64
        static final int SIZE = OFFSET + Long.BYTES; // u32
        static final int WRITE_FLAGS = SIZE + Integer.BYTES; // u32, FUSE_WRITE_*
        static final int LOCK_OWNER = WRITE_FLAGS + Integer.BYTES; // u64
        static final int FLAGS = LOCK_OWNER + Long.BYTES; // u32, O_*
        static final int SIZE_BYTES = FLAGS + 2 * Integer.BYTES;

        private Write() {}
    }

    /** struct fuse_release_in, of RELEASE and RELEASEDIR. */
    static final class Release {
        static final int HANDLE = 0; // u64
        static final int SIZE_BYTES = HANDLE + 2 * Long.BYTES + 2 * Integer.BYTES;

        private Release() {}
    }

    /** struct fuse_fsync_in. */
    static final class Fsync {
        static final int HANDLE = 0; // u64
        static final int FLAGS = HANDLE + Long.BYTES; // u32, FUSE_FSYNC_*
        static final int SIZE_BYTES = FLAGS + 2 * Integer.BYTES;

        private Fsync() {}
    }

    /** struct fuse_fallocate_in. */
    static final class Fallocate {
        static final int HANDLE = 0; // u64
        static final int OFFSET = HANDLE + Long.BYTES; // u64
        static final int LENGTH = OFFSET + Long.BYTES; // u64
        static final int MODE = LENGTH + Long.BYTES; // u32
        static final int SIZE_BYTES = MODE + 2 * Integer.BYTES;

        private Fallocate() {}
    }

    /** struct fuse_lseek_in. */
    static final class Lseek {
        static final int HANDLE = 0; // u64
        static final int OFFSET = HANDLE + Long.BYTES; // u64
        static final int WHENCE = OFFSET + Long.BYTES; // u32
        static final int SIZE_BYTES = WHENCE + 2 * Integer.BYTES;

        private Lseek() {}
    }

    /** struct fuse_ioctl_in; then the argument's bytes. */
    static final class Ioctl {
        static final int HANDLE = 0; // u64
        static final int FLAGS = HANDLE + Long.BYTES; // u32, FUSE_IOCTL_*
        static final int COMMAND = FLAGS + Integer.BYTES; // u32
        static final int ARGUMENT = COMMAND + Integer.BYTES; // u64
        static final int IN_SIZE = ARGUMENT + Long.BYTES; // u32
        static final int OUT_SIZE = IN_SIZE + Integer.BYTES; // u32
        static final int SIZE_BYTES = OUT_SIZE + Integer.BYTES;

        private Ioctl() {}
    }

    /** struct fuse_setxattr_in without FUSE_SETXATTR_EXT; then name and value. */
    static final class Setxattr {
        static final int VALUE_SIZE = 0; // u32
        static final int FLAGS = VALUE_SIZE + Integer.BYTES; // u32, XATTR_*
        static final int SIZE_BYTES = FLAGS + Integer.BYTES;

        private Setxattr() {}
    }

    /** struct fuse_setxattr_in with FUSE_SETXATTR_EXT; then name and value. */
    static final class SetxattrExtended {
        static final int SETXATTR_FLAGS = Setxattr.SIZE_BYTES; // u32, FUSE_SETXATTR_*
        static final int SIZE_BYTES = SETXATTR_FLAGS + 2 * Integer.BYTES;

        private SetxattrExtended() {}
    }

    /** struct fuse_getxattr_in, of GETXATTR and LISTXATTR; then the name. */
    static final class Getxattr {
        static final int SIZE = 0; // u32
        static final int SIZE_BYTES = SIZE + 2 * Integer.BYTES;

        private Getxattr() {}
    }

    /** struct fuse_batch_forget_in; then COUNT times {@link ForgetOne}. */
    static final class BatchForget {
        static final int COUNT = 0; // u32
        static final int SIZE_BYTES = COUNT + 2 * Integer.BYTES;

        private BatchForget() {}
    }

    /** struct fuse_forget_one. */
    static final class ForgetOne {
        static final int NODE_ID = 0; // u64
        static final int LOOKUPS = NODE_ID + Long.BYTES; // u64
        static final int SIZE_BYTES = LOOKUPS + Long.BYTES;

        private ForgetOne() {}
    }

    /** Bytes that follow the header of such a request at least, names and data left out. */
    static int leastBodyBytes(int opcode) {
        return opcode >= 0 && opcode < LEAST_BODY.length ? LEAST_BODY[opcode] : 0;
    }

    private static final int[] LEAST_BODY = new int[FuseOpcode.COUNT];

    static {
        int name = 2; // one byte and the NUL
        LEAST_BODY[FuseOpcode.LOOKUP] = name;
        LEAST_BODY[FuseOpcode.FORGET] = Forget.SIZE_BYTES;
        LEAST_BODY[FuseOpcode.SETATTR] = Setattr.SIZE_BYTES;
        LEAST_BODY[FuseOpcode.SYMLINK] = 2 * name;
        LEAST_BODY[FuseOpcode.MKNOD] = Mknod.SIZE_BYTES + name;
        LEAST_BODY[FuseOpcode.MKDIR] = Mkdir.SIZE_BYTES + name;
        LEAST_BODY[FuseOpcode.UNLINK] = name;
        LEAST_BODY[FuseOpcode.RMDIR] = name;
        LEAST_BODY[FuseOpcode.RENAME] = Rename.SIZE_BYTES + 2 * name;
        LEAST_BODY[FuseOpcode.RENAME2] = Rename2.SIZE_BYTES + 2 * name;
        LEAST_BODY[FuseOpcode.LINK] = Link.SIZE_BYTES + name;
        LEAST_BODY[FuseOpcode.OPEN] = Open.SIZE_BYTES;
        LEAST_BODY[FuseOpcode.OPENDIR] = Open.SIZE_BYTES;
        LEAST_BODY[FuseOpcode.READ] = Read.SIZE_BYTES;
        LEAST_BODY[FuseOpcode.WRITE] = Write.SIZE_BYTES;
        LEAST_BODY[FuseOpcode.RELEASE] = Release.SIZE_BYTES;
        LEAST_BODY[FuseOpcode.RELEASEDIR] = Release.SIZE_BYTES;
        LEAST_BODY[FuseOpcode.FSYNC] = Fsync.SIZE_BYTES;
        LEAST_BODY[FuseOpcode.FSYNCDIR] = Fsync.SIZE_BYTES;
        LEAST_BODY[FuseOpcode.SETXATTR] = Setxattr.SIZE_BYTES + name;
        LEAST_BODY[FuseOpcode.GETXATTR] = Getxattr.SIZE_BYTES + name;
        LEAST_BODY[FuseOpcode.LISTXATTR] = Getxattr.SIZE_BYTES;
        LEAST_BODY[FuseOpcode.REMOVEXATTR] = name;
        LEAST_BODY[FuseOpcode.INIT] = Init.OLD_SIZE_BYTES;
        LEAST_BODY[FuseOpcode.READDIR] = Read.SIZE_BYTES;
        LEAST_BODY[FuseOpcode.READDIRPLUS] = Read.SIZE_BYTES;
        LEAST_BODY[FuseOpcode.CREATE] = Create.SIZE_BYTES + name;
        LEAST_BODY[FuseOpcode.TMPFILE] = Create.SIZE_BYTES;
        LEAST_BODY[FuseOpcode.INTERRUPT] = Interrupt.SIZE_BYTES;
        LEAST_BODY[FuseOpcode.IOCTL] = Ioctl.SIZE_BYTES;
        LEAST_BODY[FuseOpcode.BATCH_FORGET] = BatchForget.SIZE_BYTES;
        LEAST_BODY[FuseOpcode.FALLOCATE] = Fallocate.SIZE_BYTES;
        LEAST_BODY[FuseOpcode.LSEEK] = Lseek.SIZE_BYTES;
        LEAST_BODY[FuseOpcode.STATX] = Statx.SIZE_BYTES;
        LEAST_BODY[FuseOpcode.COPY_FILE_RANGE] = CopyFileRange.SIZE_BYTES;
        LEAST_BODY[FuseOpcode.COPY_FILE_RANGE_64] = CopyFileRange.SIZE_BYTES;
    }
}
