package io.fusedax.mount;

import io.fusedax.backing.FsException;
import jnr.constants.platform.Errno;
import jnr.ffi.LastError;
import jnr.ffi.LibraryLoader;
import jnr.ffi.Runtime;

/**
 * System calls of the C library. Addresses are plain longs. Names are C's, hence not camel case.
 *
 * <p>Public only because jnr-ffi can implement no other.
 */
@SuppressWarnings("checkstyle:methodname")
public interface Libc {
    int O_RDONLY = 0;
    int O_WRONLY = 1;
    int O_RDWR = 2;
    int O_ACCMODE = 3;
    int O_EXCL = 0200;
    int O_TRUNC = 01000;
    int O_APPEND = 02000;
    int O_NONBLOCK = 04000;
    int O_DIRECT = System.getProperty("os.arch").equals("aarch64") ? 0200000 : 040000;
    int O_DSYNC = 010000;
    int O_SYNC = 04010000;
    int O_CLOEXEC = 02000000;

    /** Detach now, clean up when no longer busy (umount2). */
    int MNT_DETACH = 2;

    /** Do not follow a symbolic link at the end of the path (umount2). */
    int UMOUNT_NOFOLLOW = 8;

    int open(byte[] path, int flags);

    int close(int fd);

    long read(int fd, long buffer, long sizeBytes);

    long write(int fd, long buffer, long sizeBytes);

    long writev(int fd, long vector, int count);

    int ioctl(int fd, long command, long argument);

    int mount(byte[] source, byte[] target, byte[] type, long flags, byte[] data);

    int umount2(byte[] target, int flags);

    int unshare(int flags);

    int fsopen(byte[] type, int flags);

    int fsconfig(int context, int command, byte[] key, byte[] value, int aux);

    int fsmount(int context, int flags, int attributes);

    int move_mount(int from, byte[] fromPath, int to, byte[] toPath, int flags);

    int memfd_create(byte[] name, int flags);

    int ftruncate(int fd, long sizeBytes);

    int geteuid();

    int getegid();

    /** Runs a shell command; unlike Java's processes it inherits descriptors without O_CLOEXEC. */
    int system(byte[] command);

    int socketpair(int domain, int type, int protocol, long descriptors);

    int sigaction(int signal, long action, long oldAction);

    int socket(int domain, int type, int protocol);

    int bind(int fd, byte[] address, int lengthBytes);

    int connect(int fd, byte[] address, int lengthBytes);

    int listen(int fd, int backlog);

    int accept4(int fd, long address, long addressBytes, int flags);

    int getsockopt(int fd, int level, int option, long value, long valueBytes);

    int shutdown(int fd, int how);

    long send(int fd, long buffer, long sizeBytes, int flags);

    long recv(int fd, long buffer, long sizeBytes, int flags);

    long sendmsg(int fd, long message, int flags);

    long recvmsg(int fd, long message, int flags);

    int poll(long descriptors, long count, int timeoutMillis);

    int eventfd(int value, int flags);

    long pthread_self();

    int pthread_kill(long thread, int signal);

    /** The C library; errno through {@link #errno()}. */
    static Libc load() {
        return Holder.LIBC;
    }

    /** The calling thread's errno after a call above returned -1. */
    static int errno() {
        return LastError.getLastError(Runtime.getSystemRuntime());
    }

    /** As an exception. */
    static FsException failure(String what, int errno) {
        Errno constant = Errno.valueOf(errno);
        return new FsException(constant, what + ": " + constant.description());
    }

    /** Defers loading until the first use. */
    final class Holder {
        private static final Libc LIBC = LibraryLoader.create(Libc.class).load("c");

        private Holder() {}
    }
}
