package io.fusedax.mount;

import io.fusedax.backing.FsException;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import jnr.constants.platform.Errno;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * The kernel's protocol of today, straight on /dev/fuse: a node is an inode. Each request thread
 * has a clone of the device, so that replies need not look for their request among all others'.
 */
final class NativeTransport implements Transport {
    private static final Logger LOG = LoggerFactory.getLogger(NativeTransport.class);

    /** FUSE_DEV_IOC_CLONE: _IOR(229, 0, u32). */
    private static final long CLONE = 0x8004E500L;

    private static final int ENOENT = 2;
    private static final int EAGAIN = 11;
    private static final int ENODEV = 19;

    /** With max_pages and an answer to INIT of 64 bytes; Linux 4.20. */
    private static final int OLDEST_MAJOR = 4;

    private static final int OLDEST_MINOR = 20;

    private final Libc libc = Libc.load();
    private final MountState state;
    private final MountOptions options;
    private final List<Integer> clones = new ArrayList<>();
    private final List<RequestContext> requests = new ArrayList<>();
    private Device device;

    NativeTransport(MountState state, MountOptions options) {
        this.state = state;
        this.options = options;
    }

    /** Whether a kernel is new enough. */
    static boolean isPossible(String kernelRelease) {
        return KernelRelease.isAtLeast(kernelRelease, OLDEST_MAJOR, OLDEST_MINOR);
    }

    @Override
    public String name() {
        return TransportKind.NATIVE.optionValue();
    }

    @Override
    public void mount(Path mountPoint) throws FsException {
        KernelMount mount = new KernelMount(options, state.volume.readOnly());
        device = new Device(libc, mount.mount(mountPoint));
    }

    @Override
    public Device device() {
        return device;
    }

    @Override
    public RequestChannel openChannel(RequestContext request, SlowLane slowLane) {
        request.device = requests.isEmpty() ? device : cloneDevice();
        requests.add(request);
        return new NativeChannel(
                request,
                RequestDispatcher.forNative(state, device, slowLane, requests),
                state.errors);
    }

    /** Without a clone, threads share the device, which is slower and as right. */
    private Device cloneDevice() {
        int fd;
        try {
            fd = KernelMount.openDevice();
        } catch (FsException e) {
            LOG.debug("no clone of the device", e);
            return device;
        }
        long original = Memory.allocate(Integer.BYTES);
        try {
            Memory.putInt(original, device.fd());
            if (libc.ioctl(fd, CLONE, original) != 0) {
                LOG.debug("no clone of the device errno={}", Libc.errno());
                libc.close(fd);
                return device;
            }
        } finally {
            Memory.free(original);
        }
        clones.add(fd);
        return new Device(libc, fd);
    }

    @Override
    public void close() {
        clones.forEach(libc::close);
        libc.close(device.fd());
    }

    /** One thread's end. Package-private for tests, which play the kernel. */
    static final class NativeChannel implements RequestChannel {
        private final RequestContext request;
        private final RequestDispatcher dispatcher;
        private final ErrorMapper errors;
        private int length;

        NativeChannel(RequestContext request, RequestDispatcher dispatcher, ErrorMapper errors) {
            this.request = request;
            this.dispatcher = dispatcher;
            this.errors = errors;
        }

        @Override
        public void begin() {
            // nothing is bound to the thread
        }

        @Override
        public int receive() {
            length = request.device.receive(request.request, RequestContext.REQUEST_BYTES);
            if (length == -ENODEV) {
                return GONE;
            }
            // ENOENT: the request was interrupted before it was read
            return length == -ENOENT || length == 0 ? -EAGAIN : length;
        }

        @Override
        public void serve() {
            if (length < RequestLayout.Header.SIZE_BYTES
                    || request.bodyBytes() + RequestLayout.Header.SIZE_BYTES != length) {
                return; // not even a number to answer to
            }
            Memory.putLong(request.request + length, 0); // ends the last string in any case
            int opcode = request.opcode();
            if (request.bodyBytes() < RequestLayout.leastBodyBytes(opcode)) {
                refuse(Errno.EIO);
            } else if (!dispatcher.answer(request)) {
                refuse(dispatcher.knows(opcode) ? Errno.ESTALE : Errno.ENOSYS);
            }
        }

        private void refuse(Errno errno) {
            int error = errno == Errno.ENOSYS ? -errno.intValue() : errors.toReply(errno);
            request.device.reply(request.reply, request.unique(), error, 0);
        }

        @Override
        public void close() {
            // the device outlives the threads: the slow lane may still answer
        }
    }
}
