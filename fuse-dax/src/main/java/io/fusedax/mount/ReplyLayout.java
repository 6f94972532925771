package io.fusedax.mount;

/**
 * Byte offsets of the structures sent to the kernel (struct fuse_*_out of linux/fuse.h). Host byte
 * order. Every reply begins with {@link Header}; offsets in the other classes count from the end of
 * it.
 */
final class ReplyLayout {
    private ReplyLayout() {}

    /** struct fuse_out_header. */
    static final class Header {
        static final int LENGTH = 0; // u32, whole reply
        static final int ERROR = LENGTH + Integer.BYTES; // i32, 0 or -errno
        static final int UNIQUE = ERROR + Integer.BYTES; // u64
        static final int SIZE_BYTES = UNIQUE + Long.BYTES;

        private Header() {}
    }

    /** struct fuse_init_out as of protocol 7.36. */
    static final class Init {
        static final int MAJOR = 0; // u32
        static final int MINOR = MAJOR + Integer.BYTES; // u32
        static final int MAX_READAHEAD = MINOR + Integer.BYTES; // u32
        static final int FLAGS = MAX_READAHEAD + Integer.BYTES; // u32
        static final int MAX_BACKGROUND = FLAGS + Integer.BYTES; // u16
        static final int CONGESTION_THRESHOLD = MAX_BACKGROUND + Short.BYTES; // u16
        static final int MAX_WRITE = CONGESTION_THRESHOLD + Short.BYTES; // u32
        static final int LIBFUSE_SIZE_BYTES = MAX_WRITE + Integer.BYTES; // all that 7.19 has
        static final int TIME_GRANULARITY = LIBFUSE_SIZE_BYTES; // u32
        static final int MAX_PAGES = TIME_GRANULARITY + Integer.BYTES; // u16
        static final int MAP_ALIGNMENT = MAX_PAGES + Short.BYTES; // u16
        static final int FLAGS2 = MAP_ALIGNMENT + Short.BYTES; // u32
        static final int SIZE_BYTES = FLAGS2 + 8 * Integer.BYTES;

        private Init() {}
    }

    /** struct fuse_attr. */
    static final class Attributes {
        static final int INODE = 0; // u64
        static final int SIZE = INODE + Long.BYTES; // u64
        static final int BLOCKS = SIZE + Long.BYTES; // u64, 512 bytes each
        static final int ATIME = BLOCKS + Long.BYTES; // u64
        static final int MTIME = ATIME + Long.BYTES; // u64
        static final int CTIME = MTIME + Long.BYTES; // u64
        static final int ATIME_NANOS = CTIME + Long.BYTES; // u32
        static final int MTIME_NANOS = ATIME_NANOS + Integer.BYTES; // u32
        static final int CTIME_NANOS = MTIME_NANOS + Integer.BYTES; // u32
        static final int MODE = CTIME_NANOS + Integer.BYTES; // u32
        static final int LINK_COUNT = MODE + Integer.BYTES; // u32
        static final int UID = LINK_COUNT + Integer.BYTES; // u32
        static final int GID = UID + Integer.BYTES; // u32
        static final int RDEV = GID + Integer.BYTES; // u32
        static final int BLOCK_SIZE = RDEV + Integer.BYTES; // u32
        static final int SIZE_BYTES = BLOCK_SIZE + 2 * Integer.BYTES;

        private Attributes() {}
    }

    /** struct fuse_attr_out. */
    static final class Attr {
        static final int VALID_SECONDS = 0; // u64
        static final int VALID_NANOS = VALID_SECONDS + Long.BYTES; // u32
        static final int ATTRIBUTES = VALID_NANOS + 2 * Integer.BYTES;
        static final int SIZE_BYTES = ATTRIBUTES + Attributes.SIZE_BYTES;

        private Attr() {}
    }

    /** struct fuse_entry_out. */
    static final class Entry {
        static final int NODE_ID = 0; // u64
        static final int GENERATION = NODE_ID + Long.BYTES; // u64
        static final int ENTRY_VALID_SECONDS = GENERATION + Long.BYTES; // u64
        static final int ATTR_VALID_SECONDS = ENTRY_VALID_SECONDS + Long.BYTES; // u64
        static final int ENTRY_VALID_NANOS = ATTR_VALID_SECONDS + Long.BYTES; // u32
        static final int ATTR_VALID_NANOS = ENTRY_VALID_NANOS + Integer.BYTES; // u32
        static final int ATTRIBUTES = ATTR_VALID_NANOS + Integer.BYTES;
        static final int SIZE_BYTES = ATTRIBUTES + Attributes.SIZE_BYTES;

        private Entry() {}
    }

    /** struct fuse_statx_out, which ends with a struct fuse_statx. */
    static final class Statx {
        static final int VALID_SECONDS = 0; // u64
        static final int VALID_NANOS = VALID_SECONDS + Long.BYTES; // u32
        static final int STATX = VALID_NANOS + 2 * Integer.BYTES + 2 * Long.BYTES;
        static final int MASK = STATX; // u32, STATX_*
        static final int BLOCK_SIZE = MASK + Integer.BYTES; // u32
        static final int ATTRIBUTES = BLOCK_SIZE + Integer.BYTES; // u64, STATX_ATTR_*
        static final int LINK_COUNT = ATTRIBUTES + Long.BYTES; // u32
        static final int UID = LINK_COUNT + Integer.BYTES; // u32
        static final int GID = UID + Integer.BYTES; // u32
        static final int MODE = GID + Integer.BYTES; // u16
        static final int INODE = MODE + 2 * Short.BYTES; // u64
        static final int SIZE = INODE + Long.BYTES; // u64
        static final int BLOCKS = SIZE + Long.BYTES; // u64, 512 bytes each
        static final int ATTRIBUTES_MASK = BLOCKS + Long.BYTES; // u64
        static final int ATIME = ATTRIBUTES_MASK + Long.BYTES; // struct fuse_sx_time
        static final int BIRTH = ATIME + Time.SIZE_BYTES;
        static final int CTIME = BIRTH + Time.SIZE_BYTES;
        static final int MTIME = CTIME + Time.SIZE_BYTES;
        static final int RDEV_MAJOR = MTIME + Time.SIZE_BYTES; // u32
        static final int RDEV_MINOR = RDEV_MAJOR + Integer.BYTES; // u32
        static final int DEVICE = RDEV_MINOR + Integer.BYTES; // major and minor, u32 each
        static final int SIZE_BYTES = DEVICE + 2 * Integer.BYTES + 14 * Long.BYTES;

        private Statx() {}
    }

    /** struct fuse_sx_time. */
    static final class Time {
        static final int SECONDS = 0; // i64
        static final int NANOS = SECONDS + Long.BYTES; // u32
        static final int SIZE_BYTES = NANOS + 2 * Integer.BYTES;

        private Time() {}
    }

    /** struct fuse_copy_file_range_out. */
    static final class CopyFileRange {
        static final int BYTES_COPIED = 0; // u64
        static final int SIZE_BYTES = BYTES_COPIED + Long.BYTES;

        private CopyFileRange() {}
    }

    /** struct fuse_open_out. */
    static final class Open {
        static final int HANDLE = 0; // u64
        static final int OPEN_FLAGS = HANDLE + Long.BYTES; // u32, FOPEN_*
        static final int SIZE_BYTES = OPEN_FLAGS + 2 * Integer.BYTES;

        private Open() {}
    }

    /** struct fuse_write_out. */
    static final class Write {
        static final int SIZE = 0; // u32
        static final int SIZE_BYTES = SIZE + 2 * Integer.BYTES;

        private Write() {}
    }

    /** struct fuse_statfs_out. */
    static final class Statfs {
        static final int BLOCKS = 0; // u64
        static final int FREE_BLOCKS = BLOCKS + Long.BYTES; // u64
        static final int AVAILABLE_BLOCKS = FREE_BLOCKS + Long.BYTES; // u64
        static final int FILES = AVAILABLE_BLOCKS + Long.BYTES; // u64
        static final int FREE_FILES = FILES + Long.BYTES; // u64
        static final int BLOCK_SIZE = FREE_FILES + Long.BYTES; // u32
        static final int NAME_LENGTH = BLOCK_SIZE + Integer.BYTES; // u32
        static final int FRAGMENT_SIZE = NAME_LENGTH + Integer.BYTES; // u32
        static final int SIZE_BYTES = FRAGMENT_SIZE + 8 * Integer.BYTES;

        private Statfs() {}
    }

    /** struct fuse_lseek_out. */
    static final class Lseek {
        static final int OFFSET = 0; // u64
        static final int SIZE_BYTES = OFFSET + Long.BYTES;

        private Lseek() {}
    }

    /** struct fuse_ioctl_out; then the argument's bytes. */
    static final class Ioctl {
        static final int RESULT = 0; // i32
        static final int FLAGS = RESULT + Integer.BYTES; // u32
        static final int SIZE_BYTES = FLAGS + 3 * Integer.BYTES;

        private Ioctl() {}
    }

    /** struct fuse_getxattr_out. */
    static final class Getxattr {
        static final int SIZE = 0; // u32
        static final int SIZE_BYTES = SIZE + 2 * Integer.BYTES;

        private Getxattr() {}
    }

    /** struct fuse_dirent; then the name, then zeros up to a multiple of 8. */
    static final class Dirent {
        static final int INODE = 0; // u64
        static final int COOKIE = INODE + Long.BYTES; // u64
        static final int NAME_LENGTH = COOKIE + Long.BYTES; // u32
        static final int TYPE = NAME_LENGTH + Integer.BYTES; // u32
        static final int NAME = TYPE + Integer.BYTES;

        private Dirent() {}

        /** Bytes that an entry with a name of this many bytes takes. */
        static int sizeBytes(int nameLength) {
            return (NAME + nameLength + 7) & ~7;
        }
    }

    /** struct fuse_direntplus: an {@link Entry}, then a {@link Dirent}. */
    static final class DirentPlus {
        static final int DIRENT = Entry.SIZE_BYTES;

        private DirentPlus() {}

        /** Bytes that an entry with a name of this many bytes takes. */
        static int sizeBytes(int nameLength) {
            return DIRENT + Dirent.sizeBytes(nameLength);
        }
    }

    /** struct fuse_notify_inval_inode_out. */
    static final class InvalidateInode {
        static final int NODE_ID = 0; // u64
        static final int OFFSET = NODE_ID + Long.BYTES; // i64, negative: attributes only
        static final int LENGTH = OFFSET + Long.BYTES; // i64, 0: to the end
        static final int SIZE_BYTES = LENGTH + Long.BYTES;

        private InvalidateInode() {}
    }
}
