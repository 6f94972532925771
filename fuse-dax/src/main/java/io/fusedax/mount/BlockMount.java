package io.fusedax.mount;

import io.fusedax.backing.FsException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.CompletionException;
import java.util.concurrent.atomic.AtomicInteger;
import jnr.constants.platform.Errno;

/**
 * Mounts as fuseblk, the kernel's FUSE on a block device, because only such a file system is told
 * of sync(2) and syncfs(2), and only its unmount waits for the daemon's last commit. The block
 * device is a {@link LoopDevice} that holds nothing.
 *
 * <p>The kernel looks the source up as a path and shows it in the table of mounts, where the
 * region's path is wanted. So the mount is made in a mount namespace of one thread, where the
 * device is bound over that path, and is moved from there to the mount point.
 */
final class BlockMount {
    /** The first Linux that sends SYNCFS to it. */
    private static final int OLDEST_MAJOR = 6;

    private static final int OLDEST_MINOR = 18;

    private static final int CLONE_NEWNS = 0x20000;
    private static final long MS_BIND = 1 << 12;
    private static final long MS_REC = 1 << 14;
    private static final long MS_SLAVE = 1 << 19;

    // Of fsopen(2), fsconfig(2), fsmount(2) and move_mount(2).
    private static final int FSOPEN_CLOEXEC = 1;
    private static final int FSCONFIG_SET_FLAG = 0;
    private static final int FSCONFIG_SET_STRING = 1;
    private static final int FSCONFIG_CMD_CREATE = 6;
    private static final int FSMOUNT_CLOEXEC = 1;
    private static final int MOVE_MOUNT_F_EMPTY_PATH = 4;
    private static final int AT_FDCWD = -100;

    private final Libc libc = Libc.load();
    private final MountArguments arguments;
    private final String source;

    BlockMount(MountArguments arguments, String source) {
        this.arguments = arguments;
        this.source = source;
    }

    /** Whether it can be tried; the caller is root. */
    boolean isPossible() {
        return KernelRelease.isAtLeast(KernelRelease.running(), OLDEST_MAJOR, OLDEST_MINOR)
                && source.startsWith("/")
                && Files.exists(Path.of(source));
    }

    /**
     * Mounts.
     *
     * @return the descriptor of /dev/fuse
     */
    int mount(Path mountPoint) throws FsException {
        int descriptor = KernelMount.openDevice();
        AtomicInteger device = new AtomicInteger(descriptor);
        int mount = -1;
        try (LoopDevice loop = LoopDevice.open()) {
            mount = onThreadOfItsOwn(() -> mountAside(device, loop.path()));
            check(
                    libc.move_mount(
                            mount,
                            CStringVector.of(""),
                            AT_FDCWD,
                            CStringVector.path(mountPoint),
                            MOVE_MOUNT_F_EMPTY_PATH),
                    "move_mount");
        } catch (Throwable failure) {
            closeOnce(device); // first: the end of the mount would wait for an answer
            close(mount);
            throw failure;
        }
        close(mount);
        return descriptor;
    }

    /** Closed once: its number may be somebody else's by then. */
    private void closeOnce(AtomicInteger device) {
        int descriptor = device.getAndSet(-1);
        if (descriptor >= 0) {
            libc.close(descriptor);
        }
    }

    private interface Step {
        int run() throws FsException;
    }

    /** What the thread does to itself ends with it. */
    private static int onThreadOfItsOwn(Step step) throws FsException {
        CompletableFuture<Integer> result = new CompletableFuture<>();
        Runnable task =
                () -> {
                    try {
                        result.complete(step.run());
                    } catch (Throwable failure) {
                        result.completeExceptionally(failure);
                    }
                };
        new Thread(task, "fuse-mount").start();
        try {
            return result.join();
        } catch (CompletionException e) {
            if (e.getCause() instanceof FsException expected) {
                throw expected;
            }
            if (e.getCause() instanceof UnsatisfiedLinkError missing) {
                throw new FsException(Errno.ENOSYS, "C library: " + missing.getMessage(), missing);
            }
            throw e;
        }
    }

    /** Makes the mount, which is nowhere yet, in a mount namespace of the calling thread. */
    private int mountAside(AtomicInteger device, String loop) throws FsException {
        byte[] sourcePath = CStringVector.of(source);
        check(libc.unshare(CLONE_NEWNS), "unshare");
        check(libc.mount(null, CStringVector.of("/"), null, MS_REC | MS_SLAVE, null), "MS_SLAVE");
        check(libc.mount(CStringVector.of(loop), sourcePath, null, MS_BIND, null), "MS_BIND");
        int context = check(libc.fsopen(CStringVector.of("fuseblk"), FSOPEN_CLOEXEC), "fsopen");
        int mount = -1;
        try {
            set(context, "source", source);
            set(context, "subtype", KernelMount.SUBTYPE);
            for (String option :
                    arguments.blockOptions(device.get(), libc.geteuid(), libc.getegid())) {
                int equals = option.indexOf('=');
                if (equals < 0) {
                    set(context, option, null);
                } else {
                    set(context, option.substring(0, equals), option.substring(equals + 1));
                }
            }
            check(libc.fsconfig(context, FSCONFIG_CMD_CREATE, null, null, 0), "fuseblk");
            mount = libc.fsmount(context, FSMOUNT_CLOEXEC, arguments.mountAttributes());
            return check(mount, "fsmount");
        } finally {
            if (mount < 0) {
                closeOnce(device); // as above
            }
            libc.close(context);
        }
    }

    /**
     * Sets an option.
     *
     * @param value null: it has none
     */
    private void set(int context, String name, String value) throws FsException {
        int command = value == null ? FSCONFIG_SET_FLAG : FSCONFIG_SET_STRING;
        byte[] text = value == null ? null : CStringVector.of(value);
        check(libc.fsconfig(context, command, CStringVector.of(name), text, 0), name);
    }

    private static int check(int result, String what) throws FsException {
        if (result < 0) {
            throw Libc.failure(what, Libc.errno());
        }
        return result;
    }

    private void close(int fd) {
        if (fd >= 0) {
            libc.close(fd);
        }
    }
}
