package io.fusedax.mount;

import io.fusedax.backing.FsException;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;
import java.util.concurrent.RejectedExecutionException;
import java.util.concurrent.TimeUnit;
import jnr.constants.platform.Errno;

/**
 * Carries out the rare changes of a file's data under the kernel's page cache. One thread of its
 * own: dropping pages waits for READs and WRITEs, which the request threads must stay free to
 * serve.
 */
final class SlowLane implements AutoCloseable {
    private final ErrorMapper errors;
    private final ExecutorService thread =
            Executors.newSingleThreadExecutor(
                    task -> {
                        Thread thread = new Thread(task, "fuse-slow-lane");
                        thread.setDaemon(true);
                        return thread;
                    });

    SlowLane(ErrorMapper errors) {
        this.errors = errors;
    }

    /** A change of a file. */
    @FunctionalInterface
    interface Change {
        void run() throws FsException;
    }

    /**
     * Carries out a change of a file later and then answers the ioctl that asked for it.
     *
     * @param device where the request came from
     * @param unique of the request
     * @param nodeId the file
     * @param offset first byte that moves
     * @throws FsException ENODEV after {@link #close}
     */
    void submit(Device device, long unique, long nodeId, long offset, Change change)
            throws FsException {
        long from = Math.max(0, offset);
        submit(
                device,
                unique,
                () -> {
                    device.invalidatePages(nodeId, from);
                    change.run();
                    device.invalidatePages(nodeId, from);
                });
    }

    /** The same for what drops pages itself. */
    void submit(Device device, long unique, Change change) throws FsException {
        try {
            thread.execute(() -> answer(device, unique, run(change)));
        } catch (RejectedExecutionException e) {
            throw new FsException(Errno.ENODEV, "unmounting", e);
        }
    }

    private int run(Change change) {
        try {
            change.run();
            return 0;
        } catch (Throwable failure) {
            return errors.toReply("ioctl", failure);
        }
    }

    private void answer(Device device, long unique, int error) {
        int size = ReplyLayout.Header.SIZE_BYTES + ReplyLayout.Ioctl.SIZE_BYTES;
        long reply = Memory.allocate(size);
        try {
            device.reply(reply, unique, error, error == 0 ? ReplyLayout.Ioctl.SIZE_BYTES : 0);
        } finally {
            Memory.free(reply);
        }
    }

    /**
     * Lets what was submitted finish, and takes nothing more. Request threads must still serve, or
     * the device be gone.
     */
    @Override
    public void close() {
        thread.shutdown();
        boolean interrupted = false;
        while (true) {
            try {
                if (thread.awaitTermination(1, TimeUnit.MINUTES)) {
                    break;
                }
            } catch (InterruptedException e) {
                interrupted = true;
            }
        }
        if (interrupted) {
            Thread.currentThread().interrupt();
        }
    }
}
