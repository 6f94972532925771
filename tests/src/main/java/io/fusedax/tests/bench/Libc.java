package io.fusedax.tests.bench;

import java.lang.ref.Reference;
import java.nio.charset.StandardCharsets;
import jnr.ffi.LibraryLoader;
import jnr.ffi.Memory;
import jnr.ffi.Pointer;
import jnr.ffi.Runtime;

/**
 * The system calls a benchmark times. Addresses are plain longs and names are encoded beforehand,
 * so that a call costs about 0.1 us more than it would in C and allocates nothing.
 */
public interface Libc {
    int O_RDONLY = 0;
    int O_WRONLY = 1;
    int O_RDWR = 2;
    int O_CREAT = 0100;
    int O_EXCL = 0200;
    int O_APPEND = 02000;
    int O_DIRECTORY = 0200000;
    int AT_FDCWD = -100;
    int AT_REMOVEDIR = 0x200;
    int STAT_BYTES = 256;

    int openat(int dirFd, long path, int flags, int mode);

    int close(int fd);

    int fstat(int fd, long stat);

    int fstatat(int dirFd, long path, long stat, int flags);

    long pread(int fd, long buffer, long count, long offset);

    long pwrite(int fd, long buffer, long count, long offset);

    long write(int fd, long buffer, long count);

    int ftruncate(int fd, long sizeBytes);

    int fsync(int fd);

    int unlinkat(int dirFd, long path, int flags);

    int mkdirat(int dirFd, long path, int mode);

    int renameat(int oldDirFd, long oldPath, int newDirFd, long newPath);

    /** Loads the C library. */
    static Libc load() {
        return LibraryLoader.create(Libc.class).load("c");
    }

    /** Native memory, zeroed, freed when the pointer is collected. */
    static Pointer allocate(int sizeBytes) {
        return Memory.allocateDirect(Runtime.getSystemRuntime(), sizeBytes, true);
    }

    /** A NUL-terminated name in native memory. */
    static Pointer name(String name) {
        byte[] bytes = name.getBytes(StandardCharsets.UTF_8);
        Pointer memory = allocate(bytes.length + 1);
        memory.put(0, bytes, 0, bytes.length);
        return memory;
    }

    /** Opens a directory for the calls that take a descriptor and one name. */
    default int openDirectory(String path) {
        Pointer name = name(path);
        try {
            return (int) check(openat(AT_FDCWD, name.address(), O_DIRECTORY, 0), "open " + path);
        } finally {
            Reference.reachabilityFence(name);
        }
    }

    /** Passes a result through, or throws with the errno of this thread's last call. */
    static long check(long result, String what) {
        if (result < 0) {
            int errno = Runtime.getSystemRuntime().getLastError();
            throw new IllegalStateException(what + " failed: errno=" + errno);
        }
        return result;
    }
}
