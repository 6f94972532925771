package io.fusedax.backing.region;

import io.fusedax.backing.FsException;
import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Map;
import jnr.constants.platform.Errno;

/** An open file descriptor that this object owns, with the name people know it by. */
final class Descriptor implements AutoCloseable {
    private static final int OWNER_ONLY = 0600; // whoever opens a region reaches every file in it

    private final int fd;
    private final String name;
    private boolean closed;

    private Descriptor(int fd, String name) {
        this.fd = fd;
        this.name = name;
    }

    /**
     * What stat(2) says.
     *
     * @param specialDevice the number of the device that a device file is
     */
    record Status(int mode, long device, long inode, long sizeBytes, long specialDevice) {
        private static final int TYPE_MASK = 0170000;

        /** The file type alone: 0100000 is a plain file. */
        int type() {
            return mode & TYPE_MASK;
        }
    }

    /**
     * Opens the name alone (O_PATH): no side effects whatever it is, not even on devices and FIFOs.
     */
    static Descriptor openName(Path path) throws FsException {
        return open(path.toString(), Libc.O_PATH, path.toString());
    }

    /** Makes a new, empty file, which must not exist. */
    static Descriptor create(Path path) throws FsException {
        return open(path.toString(), Libc.O_RDWR | Libc.O_CREAT | Libc.O_EXCL, path.toString());
    }

    /** Makes anonymous memory of size 0. */
    static Descriptor memfd(String memfdName) throws FsException {
        String name = "memfd:" + memfdName;
        int fd = Libc.C.memfd_create(Libc.cString(memfdName), Libc.MFD_CLOEXEC);
        return new Descriptor(check(fd, name, "make"), name);
    }

    /**
     * Opens the very same file anew, so that nothing can be swapped in between.
     *
     * @param flags O_RDONLY or O_RDWR
     */
    Descriptor reopen(int flags) throws FsException {
        return open(selfPath().toString(), flags, name);
    }

    private static Descriptor open(String path, int flags, String name) throws FsException {
        int fd = Libc.C.open(Libc.cString(path), flags | Libc.O_CLOEXEC, OWNER_ONLY);
        return new Descriptor(check(fd, name, "open"), name);
    }

    int fd() {
        return fd;
    }

    /** Gives the descriptor away: it is the caller's to close. */
    int detach() {
        closed = true;
        return fd;
    }

    /** The name for messages. */
    String name() {
        return name;
    }

    /** A path to this open file for this process. */
    Path selfPath() {
        return Path.of("/proc/self/fd/" + fd);
    }

    /** A path to this open file for any process with permission. */
    Path publicPath() {
        return Path.of("/proc/" + ProcessHandle.current().pid() + "/fd/" + fd);
    }

    Status status() throws FsException {
        try {
            Map<String, Object> stat =
                    Files.readAttributes(selfPath(), "unix:mode,dev,ino,size,rdev");
            return new Status(
                    (Integer) stat.get("mode"),
                    (Long) stat.get("dev"),
                    (Long) stat.get("ino"),
                    (Long) stat.get("size"),
                    (Long) stat.get("rdev"));
        } catch (IOException e) {
            throw new FsException(Errno.EIO, name + ": cannot stat: " + e.getMessage(), e);
        }
    }

    /** The file's size at this moment; costs one system call and nothing else. */
    long sizeBytes() {
        return Libc.C.lseek(fd, 0, Libc.SEEK_END);
    }

    /** How many names the file has. */
    int linkCount() throws FsException {
        try {
            return (Integer) Files.getAttribute(selfPath(), "unix:nlink");
        } catch (IOException e) {
            throw new FsException(Errno.EIO, name + ": cannot stat: " + e.getMessage(), e);
        }
    }

    /** The magic number of the file system. */
    long fileSystemType() throws FsException {
        byte[] statfs = new byte[Libc.STATFS_BYTES];
        check(Libc.C.fstatfs(fd, statfs), name, "statfs");
        return ByteBuffer.wrap(statfs).order(ByteOrder.nativeOrder()).getLong();
    }

    void truncate(long sizeBytes) throws FsException {
        check(Libc.C.ftruncate(fd, sizeBytes), name, "set size to " + sizeBytes + " bytes");
    }

    void allocate(long sizeBytes) throws FsException {
        check(Libc.C.fallocate(fd, 0, 0, sizeBytes), name, "allocate " + sizeBytes + " bytes");
    }

    /** Makes a file and its size durable, or the names in a directory. */
    void sync() throws FsException {
        check(Libc.C.fsync(fd), name, "sync");
    }

    /** Does nothing the second time. */
    @Override
    public void close() {
        if (!closed) {
            closed = true;
            Libc.C.close(fd);
        }
    }

    /** Passes a result through, or says what could not be done to what, and why. */
    static int check(int result, String name, String what) throws FsException {
        if (result < 0) {
            throw failed(Libc.lastErrno(), name, what);
        }
        return result;
    }

    static FsException failed(Errno errno, String name, String what) {
        return new FsException(errno, name + ": cannot " + what + ": " + errno.description());
    }
}
