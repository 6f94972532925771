package io.fusedax.tests.support;

import jnr.ffi.Pointer;
import jnr.ffi.annotations.In;
import jnr.ffi.annotations.Out;

/**
 * The C library's calls that the JDK has no word for. No call here has more than five arguments:
 * jnr-ffi corrupts the sixth on x86-64. Public only because jnr-ffi generates its implementation.
 */
public interface LibcCalls {
    int open(@In byte[] path, int flags, int mode);

    int close(int fd);

    int fsync(int fd);

    int fdatasync(int fd);

    long pread(int fd, @Out byte[] buffer, long size, long offset);

    long pwrite(int fd, @In byte[] buffer, long size, long offset);

    long read(int fd, @Out byte[] buffer, long size);

    long write(int fd, @In byte[] buffer, long size);

    long lseek(int fd, long offset, int whence);

    int ftruncate(int fd, long size);

    int truncate(@In byte[] path, long size);

    int fallocate(int fd, int mode, long offset, long length);

    int mkdir(@In byte[] path, int mode);

    int rmdir(@In byte[] path);

    int unlink(@In byte[] path);

    int rename(@In byte[] from, @In byte[] to);

    int link(@In byte[] from, @In byte[] to);

    int symlink(@In byte[] target, @In byte[] path);

    long readlink(@In byte[] path, @Out byte[] buffer, long size);

    int mknod(@In byte[] path, int mode, long device);

    int chmod(@In byte[] path, int mode);

    int fchmod(int fd, int mode);

    int lchown(@In byte[] path, int uid, int gid);

    int fchown(int fd, int uid, int gid);

    int access(@In byte[] path, int mode);

    int faccessat(int directoryFd, @In byte[] path, int mode, int flags);

    int umask(int mask);

    int utimensat(int directoryFd, @In byte[] path, @In byte[] times, int flags);

    int futimens(int fd, @In byte[] times);

    int statx(int directoryFd, @In byte[] path, int flags, int mask, @Out byte[] buffer);

    int statvfs(@In byte[] path, @Out byte[] buffer);

    int lsetxattr(@In byte[] path, @In byte[] name, @In byte[] value, long size, int flags);

    long lgetxattr(@In byte[] path, @In byte[] name, @Out byte[] value, long size);

    long llistxattr(@In byte[] path, @Out byte[] names, long size);

    int lremovexattr(@In byte[] path, @In byte[] name);

    int ioctl(int fd, long request, @In @Out byte[] argument);

    int umount2(@In byte[] path, int flags);

    int mount(@In byte[] source, @In byte[] path, @In byte[] type, long flags, @In byte[] data);

    int setfsuid(int uid);

    int setfsgid(int gid);

    int kill(int pid, int signal);

    Pointer opendir(@In byte[] path);

    Pointer readdir(Pointer directory);

    long telldir(Pointer directory);

    void seekdir(Pointer directory, long position);

    void rewinddir(Pointer directory);

    int closedir(Pointer directory);

    int renameat2(int fromFd, @In byte[] from, int toFd, @In byte[] to, int flags);

    int linkat(int fromFd, @In byte[] from, int toFd, @In byte[] to, int flags);

    int fcntl(int fd, int command, @In @Out byte[] lock);

    int name_to_handle_at(
            int directoryFd,
            @In byte[] path,
            @In @Out byte[] handle,
            @Out byte[] mountId,
            int flags);

    int open_by_handle_at(int mountFd, @In byte[] handle, int flags);

    int syncfs(int fd);
}
