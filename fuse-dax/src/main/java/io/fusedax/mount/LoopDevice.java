package io.fusedax.mount;

import io.fusedax.backing.FsException;
import jnr.constants.platform.Errno;

/**
 * A loop device on a page of memory that nobody reads. It goes when it is neither open nor mounted.
 */
final class LoopDevice implements AutoCloseable {
    // linux/loop.h
    private static final long LOOP_CTL_GET_FREE = 0x4C82;
    private static final long LOOP_CONFIGURE = 0x4C0A;
    private static final int CONFIG_BYTES = 304;
    private static final int CONFIG_FLAGS = 60;
    private static final int LO_FLAGS_AUTOCLEAR = 4;

    private static final int MFD_CLOEXEC = 1;
    private static final int EBUSY = 16;
    private static final int PAGE_BYTES = 4096;

    /** Others take loop devices too. */
    private static final int MAX_TRIES = 20;

    private final Libc libc = Libc.load();
    private final int fd;
    private final String path;

    private LoopDevice(int fd, String path) {
        this.fd = fd;
        this.path = path;
    }

    /** Takes a free one. */
    static LoopDevice open() throws FsException {
        Libc libc = Libc.load();
        int control = opened("/dev/loop-control");
        int memory = libc.memfd_create(CStringVector.of("fuse-dax"), MFD_CLOEXEC);
        try {
            if (memory < 0 || libc.ftruncate(memory, PAGE_BYTES) != 0) {
                throw Libc.failure("memfd", Libc.errno());
            }
            for (int i = 0; i < MAX_TRIES; i++) {
                int number = libc.ioctl(control, LOOP_CTL_GET_FREE, 0);
                if (number < 0) {
                    throw Libc.failure("loop device", Libc.errno());
                }
                String path = "/dev/loop" + number;
                int fd = opened(path);
                int errno = configure(fd, memory);
                if (errno == 0) {
                    return new LoopDevice(fd, path);
                }
                libc.close(fd);
                if (errno != EBUSY) {
                    throw Libc.failure(path, errno);
                }
            }
            throw new FsException(Errno.EBUSY, "loop devices");
        } finally {
            libc.close(memory); // -1: EBADF
            libc.close(control);
        }
    }

    private static int opened(String path) throws FsException {
        int fd = Libc.load().open(CStringVector.of(path), Libc.O_RDWR | Libc.O_CLOEXEC);
        if (fd < 0) {
            throw Libc.failure(path, Libc.errno());
        }
        return fd;
    }

    private static int configure(int fd, int memory) {
        long config = Memory.allocate(CONFIG_BYTES);
        try {
            Memory.zero(config, CONFIG_BYTES);
            Memory.putInt(config, memory);
            Memory.putInt(config + CONFIG_FLAGS, LO_FLAGS_AUTOCLEAR);
            return Libc.load().ioctl(fd, LOOP_CONFIGURE, config) == 0 ? 0 : Libc.errno();
        } finally {
            Memory.free(config);
        }
    }

    String path() {
        return path;
    }

    @Override
    public void close() {
        libc.close(fd);
    }
}
