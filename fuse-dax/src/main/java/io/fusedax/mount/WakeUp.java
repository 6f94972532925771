package io.fusedax.mount;

import io.fusedax.backing.FsException;

/** An eventfd that ends a thread's poll(2). Safe for any thread. */
final class WakeUp implements AutoCloseable {
    private static final int EFD_NONBLOCK = 04000;
    private static final int EFD_CLOEXEC = 02000000;

    private final Libc libc = Libc.load();
    private final int fd;
    private final long value = Memory.allocate(Long.BYTES);
    private boolean closed;

    WakeUp() throws FsException {
        fd = libc.eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
        if (fd < 0) {
            Memory.free(value);
            throw Libc.failure("eventfd", Libc.errno());
        }
    }

    /** To be polled. */
    int fd() {
        return fd;
    }

    /** From now on there is something to read. Does nothing once it is closed. */
    synchronized void wake() {
        if (!closed) {
            Memory.putLong(value, 1);
            libc.write(fd, value, Long.BYTES);
        }
    }

    @Override
    public synchronized void close() {
        if (!closed) {
            closed = true;
            libc.close(fd);
            Memory.free(value);
        }
    }

    /**
     * Waits for a thread's end, interrupted or not.
     *
     * @param millis how long at most, 0: as long as it takes
     */
    static void join(Thread thread, long millis) {
        long deadline = System.nanoTime() + millis * 1_000_000;
        boolean interrupted = false;
        while (thread.isAlive()) {
            long left = (deadline - System.nanoTime()) / 1_000_000;
            if (millis > 0 && left <= 0) {
                break;
            }
            try {
                thread.join(millis > 0 ? left : 0);
            } catch (InterruptedException e) {
                interrupted = true;
            }
        }
        if (interrupted) {
            Thread.currentThread().interrupt();
        }
    }
}
