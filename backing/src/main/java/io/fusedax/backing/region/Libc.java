package io.fusedax.backing.region;

import java.nio.charset.Charset;
import java.util.Arrays;
import jnr.constants.platform.Errno;
import jnr.ffi.LibraryLoader;
import jnr.ffi.Platform;
import jnr.ffi.Runtime;
import jnr.ffi.annotations.In;
import jnr.ffi.annotations.Out;

/**
 * The few C library calls a mapped region needs. A result below 0 means failure, with {@link
 * #lastErrno()}.
 */
final class Libc {
    static final int O_RDONLY = 0;
    static final int O_RDWR = 2;
    static final int O_CREAT = 0x40;
    static final int O_EXCL = 0x80;
    static final int O_CLOEXEC = 0x80000;
    static final int O_PATH = 0x200000;
    static final int LOCK_SH = 1;
    static final int LOCK_EX = 2;
    static final int LOCK_NB = 4;
    static final int PROT_NONE = 0;
    static final int PROT_READ = 1;
    static final int PROT_WRITE = 2;
    static final int MAP_SHARED = 1;
    static final int MAP_PRIVATE = 2;
    static final int MAP_SHARED_VALIDATE = 3;
    static final int MAP_FIXED = 0x10;
    static final int MAP_ANONYMOUS = 0x20;
    static final int MAP_NORESERVE = 0x4000;
    static final int MAP_SYNC = 0x80000;
    static final int MREMAP_MAYMOVE = 1;
    static final int MREMAP_FIXED = 2;
    static final int MS_SYNC = 4;
    static final int MADV_HUGEPAGE = 14;
    static final int MFD_CLOEXEC = 1;
    static final int FALLOC_FL_KEEP_SIZE = 1;
    static final int FALLOC_FL_PUNCH_HOLE = 2;
    static final int SEEK_END = 2;
    static final long TMPFS_MAGIC = 0x01021994;
    static final int STATFS_BYTES = 256; // struct statfs is 120; f_type is its first long

    /** The loaded library. */
    static final Calls C = LibraryLoader.create(Calls.class).load("c");

    private static final long MMAP_NUMBER = mmapNumber();

    private Libc() {}

    /**
     * The calls as jnr-ffi binds them; public only because the class it generates lives in another
     * package.
     */
    public interface Calls {
        /** Seven arguments on purpose, see {@link Libc#mmap}. */
        long syscall(long number, long a, long b, long c, long d, long e, long f);

        int open(@In byte[] path, int flags, int mode);

        int close(int fd);

        int flock(int fd, int operation);

        int fsync(int fd);

        int fdatasync(int fd);

        int ftruncate(int fd, long sizeBytes);

        int fallocate(int fd, int mode, long offset, long lengthBytes);

        long lseek(int fd, long offset, int whence);

        int fstatfs(int fd, @Out byte[] statfs);

        int memfd_create(@In byte[] name, int flags);

        int munmap(long address, long lengthBytes);

        long mremap(
                long address, long lengthBytes, long newLengthBytes, int flags, long newAddress);

        int msync(long address, long lengthBytes, int flags);

        int madvise(long address, long lengthBytes, int advice);
    }

    /**
     * mmap(2). By way of syscall(2), because jnr-ffi hands over a wrong sixth integer argument on
     * x86-64 when there are six; with seven it takes another, correct path.
     *
     * @return the address, or -1 with {@link #lastErrno()}
     */
    static long mmap(
            long address, long lengthBytes, int protection, int flags, int fd, long offset) {
        return C.syscall(MMAP_NUMBER, address, lengthBytes, protection, flags, fd, offset);
    }

    /** The errno of the last failed call on this thread. */
    static Errno lastErrno() {
        return Errno.valueOf(Runtime.getSystemRuntime().getLastError());
    }

    /** A name as C wants it: in the encoding of file names, ended by a zero byte. */
    static byte[] cString(String text) {
        String encoding = System.getProperty("sun.jnu.encoding");
        byte[] bytes =
                text.getBytes(
                        encoding == null ? Charset.defaultCharset() : Charset.forName(encoding));
        return Arrays.copyOf(bytes, bytes.length + 1);
    }

    private static long mmapNumber() {
        switch (Platform.getNativePlatform().getCPU()) {
            case X86_64:
                return 9;
            case AARCH64:
                return 222;
            default:
                throw new UnsatisfiedLinkError(
                        "no mmap number for " + Platform.getNativePlatform().getCPU());
        }
    }
}
