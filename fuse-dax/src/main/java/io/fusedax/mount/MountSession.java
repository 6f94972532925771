package io.fusedax.mount;

import io.fusedax.backing.Counters;
import io.fusedax.backing.FsException;
import io.fusedax.backing.volume.Volume;
import java.nio.file.Path;
import java.util.ArrayDeque;
import java.util.ArrayList;
import java.util.Deque;
import java.util.List;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.atomic.AtomicBoolean;
import java.util.concurrent.atomic.AtomicInteger;
import jnr.constants.platform.Errno;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * One volume mounted at one place, served by threads of this process.
 *
 * <p>Life: {@link #start} returns when the mount answers. It ends when somebody unmounts it, be it
 * {@link #unmount}, umount(8) or a signal (see {@link #unmountOnShutdown}). Then, on the thread
 * that served last: open handles are released, and what was registered by {@link #onEnd} is closed,
 * last first. {@link #awaitUnmount} returns after that.
 *
 * <pre>{@code
 * Volume volume = Volume.open(region, VolumeOptions.defaults());
 * MountSession session = MountSession.start(volume, mountPoint, options);
 * session.onEnd(region);
 * session.onEnd(volume);           // closed before the region
 * session.unmountOnShutdown();     // SIGTERM and SIGINT end the mount cleanly
 * session.awaitUnmount();
 * }</pre>
 */
public final class MountSession {
    private static final Logger LOG = LoggerFactory.getLogger(MountSession.class);
    private static final long ANSWER_TIMEOUT_SECONDS = 30;
    private static final long STOP_INTERVAL_MILLIS = 5;

    /** Largest page of direct mappings: what the allocator finds in one piece. */
    private static final long MAX_PAGE_BYTES = 2 << 20;

    private final Path mountPoint;
    private final MountState state;
    private final Transport transport;
    private final Deque<AutoCloseable> closeables = new ArrayDeque<>(); // guarded by itself
    private final CountDownLatch answered = new CountDownLatch(1);
    private final CountDownLatch ended = new CountDownLatch(1);
    private final AtomicInteger runningLoops = new AtomicInteger();
    private final AtomicBoolean stopRequested = new AtomicBoolean();
    private final List<RequestLoop> loops = new ArrayList<>(); // complete before they start
    private volatile boolean stopping;
    private volatile Throwable closeFailure;
    private boolean closed; // guarded by closeables

    // Set once, before the request threads start.
    private SlowLane slowLane;
    private ClientServer clientServer; // null: no direct mappings
    private GuardServer guardServer; // null: no userfaultfds

    private MountSession(Volume volume, Path mountPoint, MountOptions options) {
        this.mountPoint = mountPoint;
        this.state = new MountState(volume, options);
        this.transport =
                state.isNative()
                        ? new NativeTransport(state, options)
                        : new LibfuseTransport(state, options);
    }

    /**
     * Mounts a volume and serves it.
     *
     * @param volume open; stays the caller's to close after the end
     * @param mountPoint an existing directory; what is in it is covered
     * @return when the mount answers
     * @throws FsException if it cannot be mounted: ENOENT, ENOTDIR, EACCES, ENODEV, EPERM,
     *     ENOTCONN, with a message for people
     */
    public static MountSession start(Volume volume, Path mountPoint, MountOptions options)
            throws FsException {
        Path path = MountPointCheck.check(mountPoint);
        MountSession session = new MountSession(volume, path, options);
        session.transport.mount(path);
        session.serve(options);
        session.awaitAnswer();
        LOG.info(
                "mounted mount_point={} transport={} source={} threads={} read_only={}",
                path,
                session.transport.name(),
                options.sourceName(),
                options.threads(),
                options.readOnly() || volume.readOnly());
        return session;
    }

    private void serve(MountOptions options) throws FsException {
        slowLane = new SlowLane(state.errors);
        if (options.dax() != DaxMode.NEVER) {
            startClientServer(options.direct());
        }
        for (int i = 0; i < options.threads(); i++) {
            RequestContext request = new RequestContext(state.volume::lookup, Volume.ROOT_INODE);
            RequestChannel channel = transport.openChannel(request, slowLane);
            loops.add(new RequestLoop(i, this, channel, request, state.errors));
        }
        LoopInterrupt.install();
        runningLoops.set(loops.size());
        loops.forEach(Thread::start);
    }

    /** Without the socket there are no direct mappings, and files are used as ever. */
    private void startClientServer(DirectMechanism mechanism) {
        long pageBytes = state.volume.summary().alignmentBytes();
        if (pageBytes > MAX_PAGE_BYTES) {
            LOG.warn(
                    "no_direct_mappings mount_point={}: the region can be mapped in pieces of {}"
                            + " bytes only, at most {} can be used",
                    mountPoint,
                    pageBytes,
                    MAX_PAGE_BYTES);
            return;
        }
        try {
            if (mechanism.allowsGuards(state.volume.regionKind())) {
                guardServer = new GuardServer(state.mappings, state.errors);
                state.guards = true;
            } else if (mechanism == DirectMechanism.UFFD) {
                LOG.warn("no_userfaultfd region={}: signals only", state.volume.regionKind());
            }
            clientServer =
                    ClientServer.start(state.volume, state.mappings, state.ownerUid, guardServer);
            state.directSession = clientServer.session();
        } catch (FsException e) {
            LOG.warn("no_direct_mappings mount_point={}", mountPoint, e);
        }
    }

    /** First of all at the end: programs hear at once that no fault is answered any more. */
    private void stopClientServer() {
        if (clientServer != null) {
            clientServer.close();
        }
        if (guardServer != null) {
            guardServer.close();
        }
    }

    private void awaitAnswer() throws FsException {
        boolean interrupted = false;
        boolean inTime = false;
        try {
            inTime = answered.await(ANSWER_TIMEOUT_SECONDS, TimeUnit.SECONDS);
        } catch (InterruptedException e) {
            interrupted = true;
            Thread.currentThread().interrupt();
        }
        if (!inTime) {
            unmount();
            throw new FsException(
                    interrupted ? Errno.EINTR : Errno.ETIMEDOUT,
                    "mount on " + mountPoint + " did not answer");
        }
    }

    /** Where the volume is mounted: an absolute path without symbolic links. */
    public Path mountPoint() {
        return mountPoint;
    }

    /** The statistics of the volume, those of its requests included. */
    public Counters counters() {
        return state.counters;
    }

    /** Has something closed at the end of the mount; at once if that has come already. */
    public void onEnd(AutoCloseable closeable) {
        synchronized (closeables) {
            if (!closed) {
                closeables.push(closeable);
                return;
            }
        }
        close(closeable);
    }

    /**
     * Makes SIGTERM, SIGINT and a regular exit of the process end the mount as {@link #unmount}
     * does, and wait for it.
     */
    public void unmountOnShutdown() {
        Thread hook = new Thread(this::unmount, "fuse-unmount");
        Runtime.getRuntime().addShutdownHook(hook);
        onEnd(
                () -> {
                    try {
                        Runtime.getRuntime().removeShutdownHook(hook);
                    } catch (IllegalStateException e) {
                        LOG.debug("ends because of a shutdown");
                    }
                });
    }

    /**
     * Unmounts and waits for the end. A mount in use is detached: it disappears at once, and files
     * still open on it answer ENOTCONN afterwards. Does nothing the second time.
     */
    public void unmount() {
        if (stopRequested.compareAndSet(false, true) && ended.getCount() != 0) {
            stop();
        }
        awaitUninterruptibly();
    }

    /** Detaches the mount and has the request threads stop. */
    private void stop() {
        stopClientServer();
        if (isServedHere()) {
            Unmounter.unmount(mountPoint, true);
        }
        slowLane.close();
        stopping = true;
        boolean interrupted = false;
        while (runningLoops.get() > 0) {
            loops.forEach(RequestLoop::wake); // again and again: one may have been about to wait
            try {
                ended.await(STOP_INTERVAL_MILLIS, TimeUnit.MILLISECONDS);
            } catch (InterruptedException e) {
                interrupted = true;
            }
        }
        if (interrupted) {
            Thread.currentThread().interrupt();
        }
    }

    /** False if the mount is gone from this mount namespace, or covered by another one. */
    private boolean isServedHere() {
        try {
            return MountControl.server(mountPoint)
                    .filter(server -> server.processId() == ProcessHandle.current().pid())
                    .filter(server -> server.volumeUuid().equals(state.volume.summary().uuid()))
                    .isPresent();
        } catch (FsException e) {
            LOG.debug("not reachable mount_point={}", mountPoint, e);
            return false;
        }
    }

    /**
     * Waits until the mount has ended and everything registered is closed.
     *
     * @throws InterruptedException if the calling thread is interrupted; the mount goes on
     * @throws FsException if closing something failed: what was not committed may be lost
     */
    public void awaitUnmount() throws InterruptedException, FsException {
        ended.await();
        Throwable failure = closeFailure;
        if (failure instanceof FsException expected) {
            throw expected;
        } else if (failure != null) {
            throw new FsException(Errno.EIO, "end of mount: " + failure, failure);
        }
    }

    /** Whether the mount has ended and everything registered is closed. */
    public boolean hasEnded() {
        return ended.getCount() == 0;
    }

    private void awaitUninterruptibly() {
        boolean interrupted = false;
        while (true) {
            try {
                ended.await();
                break;
            } catch (InterruptedException e) {
                interrupted = true;
            }
        }
        if (interrupted) {
            Thread.currentThread().interrupt();
        }
    }

    // ---- for the request threads

    boolean stopping() {
        return stopping;
    }

    /** The kernel has had its first answer. */
    void answered() {
        answered.countDown();
    }

    /**
     * A request thread has ended; the last one cleans up.
     *
     * @param unmounted whether the kernel says that the mount is gone
     */
    void loopEnded(boolean unmounted) {
        if (runningLoops.decrementAndGet() != 0) {
            return;
        }
        try {
            stopClientServer();
            slowLane.close();
            transport.close(); // else an unmount would wait for an answer, which nobody gives now
            if (!unmounted && !stopping) {
                LOG.error("request threads failed mount_point={}", mountPoint);
                Unmounter.unmount(mountPoint, true);
            } else if (MountControl.clearStale(mountPoint)) {
                LOG.warn("connection aborted, unmounted mount_point={}", mountPoint);
            }
            releaseHandles();
            state.nodes.forgetAll();
        } catch (Throwable failure) {
            closeFailure = failure;
            LOG.error("end of mount failed mount_point={}", mountPoint, failure);
        } finally {
            closeAll();
            LOG.info("unmounted mount_point={}", mountPoint);
            ended.countDown();
        }
    }

    /** The kernel releases asynchronously, and not at all after an abort. */
    private void releaseHandles() throws FsException {
        for (OpenHandle handle : state.handles.removeAll()) {
            state.volume.release(handle.inode);
        }
    }

    private void closeAll() {
        while (true) {
            AutoCloseable next;
            synchronized (closeables) {
                next = closeables.poll();
                closed = next == null;
            }
            if (next == null) {
                return;
            }
            close(next);
        }
    }

    private void close(AutoCloseable closeable) {
        try {
            closeable.close();
        } catch (Throwable failure) {
            closeFailure = failure;
            LOG.error("end of mount failed mount_point={}", mountPoint, failure);
        }
    }
}
