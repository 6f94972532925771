package io.fusedax.tests.support;

import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.charset.StandardCharsets;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.function.Supplier;
import jnr.constants.platform.Errno;
import jnr.ffi.LibraryLoader;
import jnr.ffi.Runtime;

/** POSIX calls as they are, failing with {@link PosixException}. Names are UTF-8. */
public final class Posix {
    public static final int O_RDONLY = 0;
    public static final int O_WRONLY = 1;
    public static final int O_RDWR = 2;
    public static final int O_CREAT = 0100;
    public static final int O_EXCL = 0200;
    public static final int O_TRUNC = 01000;
    public static final int O_APPEND = 02000;
    public static final int O_NONBLOCK = 04000;
    public static final int O_DSYNC = 010000;
    public static final int O_SYNC = 04010000;
    public static final int O_DIRECTORY = arm() ? 040000 : 0200000;
    public static final int O_NOFOLLOW = arm() ? 0100000 : 0400000;
    public static final int O_PATH = 010000000;
    public static final int O_TMPFILE = O_DIRECTORY | 020000000;

    /** renameat2(2). */
    public static final int RENAME_NOREPLACE = 1;

    public static final int RENAME_EXCHANGE = 2;
    public static final int RENAME_WHITEOUT = 4;

    public static final int S_IFMT = 0170000;
    public static final int S_IFSOCK = 0140000;
    public static final int S_IFLNK = 0120000;
    public static final int S_IFREG = 0100000;
    public static final int S_IFBLK = 0060000;
    public static final int S_IFDIR = 0040000;
    public static final int S_IFCHR = 0020000;
    public static final int S_IFIFO = 0010000;

    public static final int SEEK_SET = 0;
    public static final int SEEK_END = 2;
    public static final int SEEK_DATA = 3;
    public static final int SEEK_HOLE = 4;

    public static final int FALLOC_KEEP_SIZE = 1;
    public static final int FALLOC_PUNCH_HOLE = 2;
    public static final int FALLOC_COLLAPSE_RANGE = 8;
    public static final int FALLOC_ZERO_RANGE = 0x10;
    public static final int FALLOC_INSERT_RANGE = 0x20;

    public static final int XATTR_CREATE = 1;
    public static final int XATTR_REPLACE = 2;

    public static final long UTIME_NOW = 0x3fffffff;
    public static final long UTIME_OMIT = 0x3ffffffe;

    public static final int MNT_DETACH = 2;
    public static final int MS_RDONLY = 1;
    public static final int MS_BIND = 4096;

    private static final int AT_FDCWD = -100;
    private static final int AT_SYMLINK_NOFOLLOW = 0x100;
    private static final int AT_EMPTY_PATH = 0x1000;
    private static final int AT_SYMLINK_FOLLOW = 0x400;
    private static final int STATX_BASIC_STATS = 0x7ff;
    private static final int STATX_BTIME = 0x800;
    private static final int F_OFD_SETLK = 37;
    private static final int MAX_HANDLE_BYTES = 128;

    static final LibcCalls LIBC = LibraryLoader.create(LibcCalls.class).load("libc.so.6");

    private Posix() {}

    /** The part of struct statx that every file system fills in. */
    public record Stat(
            long inode,
            int mode,
            int linkCount,
            int uid,
            int gid,
            long sizeBytes,
            long blocks512,
            int blockSizeBytes,
            Time atime,
            Time mtime,
            Time ctime,
            int deviceMajor,
            int deviceMinor) {
        public int type() {
            return mode & S_IFMT;
        }

        public int permissions() {
            return mode & 07777;
        }
    }

    /** A time stamp with nanoseconds. */
    public record Time(long seconds, long nanos) implements Comparable<Time> {
        @Override
        public int compareTo(Time other) {
            int bySeconds = Long.compare(seconds, other.seconds);
            return bySeconds != 0 ? bySeconds : Long.compare(nanos, other.nanos);
        }
    }

    /** struct statvfs, the counters. */
    public record FileSystem(
            long blockSizeBytes,
            long fragmentSizeBytes,
            long blocks,
            long freeBlocks,
            long availableBlocks,
            long files,
            long freeFiles,
            long flags,
            long maximumNameLength) {
        public long availableBytes() {
            return availableBlocks * fragmentSizeBytes;
        }
    }

    public static int open(Path path, int flags, int mode) {
        return (int) check("open " + path, LIBC.open(c(path), flags, mode));
    }

    public static int open(Path path, int flags) {
        return open(path, flags, 0);
    }

    public static int create(Path path) {
        return open(path, O_RDWR | O_CREAT | O_EXCL, 0644);
    }

    public static void close(int fd) {
        check("close", LIBC.close(fd));
    }

    /** Closes a descriptor whose mount may be dead: the error is of no interest. */
    public static void closeQuietly(int fd) {
        LIBC.close(fd);
    }

    public static void fsync(int fd) {
        check("fsync", LIBC.fsync(fd));
    }

    public static void fdatasync(int fd) {
        check("fdatasync", LIBC.fdatasync(fd));
    }

    public static byte[] pread(int fd, int lengthBytes, long offset) {
        byte[] buffer = new byte[lengthBytes];
        int n = (int) check("pread", LIBC.pread(fd, buffer, lengthBytes, offset));
        return n == lengthBytes ? buffer : Arrays.copyOf(buffer, n);
    }

    public static byte[] read(int fd, int lengthBytes) {
        byte[] buffer = new byte[lengthBytes];
        int n = (int) check("read", LIBC.read(fd, buffer, lengthBytes));
        return n == lengthBytes ? buffer : Arrays.copyOf(buffer, n);
    }

    public static int pwrite(int fd, byte[] data, long offset) {
        return (int) check("pwrite", LIBC.pwrite(fd, data, data.length, offset));
    }

    public static int write(int fd, byte[] data) {
        return (int) check("write", LIBC.write(fd, data, data.length));
    }

    public static int write(int fd, String text) {
        return write(fd, text.getBytes(StandardCharsets.UTF_8));
    }

    public static long lseek(int fd, long offset, int whence) {
        return check("lseek", LIBC.lseek(fd, offset, whence));
    }

    public static void ftruncate(int fd, long sizeBytes) {
        check("ftruncate", LIBC.ftruncate(fd, sizeBytes));
    }

    public static void truncate(Path path, long sizeBytes) {
        check("truncate " + path, LIBC.truncate(c(path), sizeBytes));
    }

    public static void fallocate(int fd, int mode, long offset, long lengthBytes) {
        check("fallocate", LIBC.fallocate(fd, mode, offset, lengthBytes));
    }

    public static void mkdir(Path path, int mode) {
        check("mkdir " + path, LIBC.mkdir(c(path), mode));
    }

    public static void rmdir(Path path) {
        check("rmdir " + path, LIBC.rmdir(c(path)));
    }

    public static void unlink(Path path) {
        check("unlink " + path, LIBC.unlink(c(path)));
    }

    public static void rename(Path from, Path to) {
        check("rename " + from + " " + to, LIBC.rename(c(from), c(to)));
    }

    public static void renameat2(Path from, Path to, int flags) {
        check(
                "renameat2 " + from + " " + to,
                LIBC.renameat2(AT_FDCWD, c(from), AT_FDCWD, c(to), flags));
    }

    public static void link(Path from, Path to) {
        check("link " + from + " " + to, LIBC.link(c(from), c(to)));
    }

    /** Gives an open file a name, as linkat(2) tells it to: through /proc. */
    public static void linkOpen(int fd, Path to) {
        check(
                "linkat " + to,
                LIBC.linkat(
                        AT_FDCWD, c("/proc/self/fd/" + fd), AT_FDCWD, c(to), AT_SYMLINK_FOLLOW));
    }

    /**
     * Takes a lock of the open file (F_OFD_SETLK) on its first byte.
     *
     * @throws PosixException EAGAIN when another open file has it
     */
    public static void lockFirstByte(int fd) {
        byte[] lock =
                ByteBuffer.allocate(32)
                        .order(ByteOrder.nativeOrder())
                        .putShort((short) 1) // F_WRLCK
                        .putShort((short) 0)
                        .putInt(0)
                        .putLong(0)
                        .putLong(1)
                        .putLong(0)
                        .array();
        check("fcntl F_OFD_SETLK", LIBC.fcntl(fd, F_OFD_SETLK, lock));
    }

    /** A handle of a file, for {@link #openByHandle}. */
    public static byte[] handle(Path path) {
        byte[] handle = new byte[8 + MAX_HANDLE_BYTES];
        ByteBuffer.wrap(handle).order(ByteOrder.nativeOrder()).putInt(MAX_HANDLE_BYTES);
        check(
                "name_to_handle_at " + path,
                LIBC.name_to_handle_at(AT_FDCWD, c(path), handle, new byte[4], 0));
        return handle;
    }

    /** Opens a file of the mount that a descriptor lies on. */
    public static int openByHandle(int mountFd, byte[] handle, int flags) {
        return (int) check("open_by_handle_at", LIBC.open_by_handle_at(mountFd, handle, flags));
    }

    /** The time of birth; null where there is none. */
    public static Time birth(Path path) {
        byte[] buffer = new byte[256];
        check(
                "statx " + path,
                LIBC.statx(AT_FDCWD, c(path), AT_SYMLINK_NOFOLLOW, STATX_BTIME, buffer));
        ByteBuffer b = ByteBuffer.wrap(buffer).order(ByteOrder.nativeOrder());
        return (b.getInt(0) & STATX_BTIME) == 0 ? null : time(b, 80);
    }

    public static void syncfs(int fd) {
        check("syncfs", LIBC.syncfs(fd));
    }

    public static void symlink(String target, Path path) {
        check("symlink " + path, LIBC.symlink(c(target), c(path)));
    }

    public static String readlink(Path path) {
        byte[] buffer = new byte[8192];
        int n = (int) check("readlink " + path, LIBC.readlink(c(path), buffer, buffer.length));
        return new String(buffer, 0, n, StandardCharsets.UTF_8);
    }

    public static void mknod(Path path, int mode, int major, int minor) {
        check("mknod " + path, LIBC.mknod(c(path), mode, device(major, minor)));
    }

    public static void chmod(Path path, int mode) {
        check("chmod " + path, LIBC.chmod(c(path), mode));
    }

    public static void fchmod(int fd, int mode) {
        check("fchmod", LIBC.fchmod(fd, mode));
    }

    public static void chown(Path path, int uid, int gid) {
        check("lchown " + path, LIBC.lchown(c(path), uid, gid));
    }

    public static void fchown(int fd, int uid, int gid) {
        check("fchown", LIBC.fchown(fd, uid, gid));
    }

    /** access(2) judges by the file system uid here, so that {@link #asUser} applies. */
    public static void access(Path path, int mode) {
        int effective = 0x200;
        check("access " + path, LIBC.faccessat(AT_FDCWD, c(path), mode, effective));
    }

    public static int umask(int mask) {
        return LIBC.umask(mask);
    }

    /** Sets both times of a path; a symbolic link itself, not its target. */
    public static void utimens(Path path, Time atime, Time mtime) {
        check(
                "utimensat " + path,
                LIBC.utimensat(AT_FDCWD, c(path), times(atime, mtime), AT_SYMLINK_NOFOLLOW));
    }

    public static void futimens(int fd, Time atime, Time mtime) {
        check("futimens", LIBC.futimens(fd, times(atime, mtime)));
    }

    public static Stat lstat(Path path) {
        byte[] buffer = new byte[256];
        check(
                "lstat " + path,
                LIBC.statx(AT_FDCWD, c(path), AT_SYMLINK_NOFOLLOW, STATX_BASIC_STATS, buffer));
        return decodeStat(buffer);
    }

    public static Stat fstat(int fd) {
        byte[] buffer = new byte[256];
        check("fstat", LIBC.statx(fd, c(""), AT_EMPTY_PATH, STATX_BASIC_STATS, buffer));
        return decodeStat(buffer);
    }

    public static boolean exists(Path path) {
        byte[] buffer = new byte[256];
        int mask = STATX_BASIC_STATS;
        return LIBC.statx(AT_FDCWD, c(path), AT_SYMLINK_NOFOLLOW, mask, buffer) == 0;
    }

    public static FileSystem statvfs(Path path) {
        byte[] raw = new byte[256];
        check("statvfs " + path, LIBC.statvfs(c(path), raw));
        ByteBuffer b = ByteBuffer.wrap(raw).order(ByteOrder.nativeOrder());
        return new FileSystem(
                b.getLong(0),
                b.getLong(8),
                b.getLong(16),
                b.getLong(24),
                b.getLong(32),
                b.getLong(40),
                b.getLong(48),
                b.getLong(72),
                b.getLong(80));
    }

    public static void setxattr(Path path, String name, byte[] value, int flags) {
        check(
                "setxattr " + path + " " + name,
                LIBC.lsetxattr(c(path), c(name), value, value.length, flags));
    }

    public static void setxattr(Path path, String name, String value) {
        setxattr(path, name, value.getBytes(StandardCharsets.UTF_8), 0);
    }

    public static byte[] getxattr(Path path, String name) {
        byte[] buffer = new byte[65536];
        long n =
                check(
                        "getxattr " + path + " " + name,
                        LIBC.lgetxattr(c(path), c(name), buffer, buffer.length));
        return Arrays.copyOf(buffer, (int) n);
    }

    /** getxattr with a buffer of {@code sizeBytes}; 0 asks for the length of the value. */
    public static long getxattrLength(Path path, String name, int sizeBytes) {
        byte[] buffer = new byte[Math.max(1, sizeBytes)];
        return check("getxattr " + name, LIBC.lgetxattr(c(path), c(name), buffer, sizeBytes));
    }

    public static List<String> listxattr(Path path) {
        byte[] buffer = new byte[65536];
        int n = (int) check("listxattr " + path, LIBC.llistxattr(c(path), buffer, buffer.length));
        List<String> names = new ArrayList<>();
        for (String name : new String(buffer, 0, n, StandardCharsets.UTF_8).split("\0")) {
            if (!name.isEmpty()) {
                names.add(name);
            }
        }
        names.sort(null);
        return names;
    }

    public static void removexattr(Path path, String name) {
        check("removexattr " + path + " " + name, LIBC.lremovexattr(c(path), c(name)));
    }

    /** ioctl with an argument that is read and written in place. */
    public static int ioctl(int fd, long request, byte[] argument) {
        return (int)
                check("ioctl 0x" + Long.toHexString(request), LIBC.ioctl(fd, request, argument));
    }

    /** Unmounts without asking the daemon; false when nothing was mounted there. */
    public static boolean detach(Path mountPoint) {
        return LIBC.umount2(c(mountPoint), MNT_DETACH) == 0;
    }

    public static void mount(Path source, Path target, String type, long flags, String data) {
        check(
                "mount " + source + " " + target,
                LIBC.mount(c(source), c(target), c(type), flags, c(data)));
    }

    public static void kill(long pid, int signal) {
        check("kill " + pid, LIBC.kill((int) pid, signal));
    }

    /**
     * Does something with the rights of another user. File system ids belong to the thread, and
     * leaving 0 takes the file capabilities with it, so nothing else in this process is touched.
     */
    public static void asUser(int uid, int gid, Runnable action) {
        asUser(
                uid,
                gid,
                () -> {
                    action.run();
                    return null;
                });
    }

    /** As {@link #asUser(int, int, Runnable)}, with a result. */
    public static <T> T asUser(int uid, int gid, Supplier<T> action) {
        LIBC.setfsgid(gid);
        LIBC.setfsuid(uid);
        try {
            return action.get();
        } finally {
            LIBC.setfsuid(0);
            LIBC.setfsgid(0);
        }
    }

    private static long check(String call, long result) {
        if (result == -1) {
            throw failure(call);
        }
        return result;
    }

    static PosixException failure(String call) {
        return new PosixException(call, Errno.valueOf(Runtime.getSystemRuntime().getLastError()));
    }

    static byte[] c(Path path) {
        return c(path.toString());
    }

    private static byte[] c(String text) {
        byte[] bytes = text.getBytes(StandardCharsets.UTF_8);
        return Arrays.copyOf(bytes, bytes.length + 1);
    }

    private static byte[] times(Time atime, Time mtime) {
        return ByteBuffer.allocate(32)
                .order(ByteOrder.nativeOrder())
                .putLong(atime.seconds())
                .putLong(atime.nanos())
                .putLong(mtime.seconds())
                .putLong(mtime.nanos())
                .array();
    }

    private static Stat decodeStat(byte[] raw) {
        ByteBuffer b = ByteBuffer.wrap(raw).order(ByteOrder.nativeOrder());
        return new Stat(
                b.getLong(32),
                b.getShort(28) & 0xffff,
                b.getInt(16),
                b.getInt(20),
                b.getInt(24),
                b.getLong(40),
                b.getLong(48),
                b.getInt(4),
                time(b, 64),
                time(b, 112),
                time(b, 96),
                b.getInt(128),
                b.getInt(132));
    }

    private static Time time(ByteBuffer b, int offset) {
        return new Time(b.getLong(offset), b.getInt(offset + 8));
    }

    private static long device(long major, long minor) {
        return (minor & 0xff) | ((major & 0xfff) << 8) | ((minor & ~0xffL) << 12);
    }

    private static boolean arm() {
        return System.getProperty("os.arch").equals("aarch64");
    }
}
