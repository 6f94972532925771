package io.fusedax.mount;

import io.fusedax.backing.FsException;
import java.nio.file.Path;
import java.util.List;

/**
 * jnr-fuse over libfuse 2.9: the protocol of 2012, by path. Requests that name their file by an
 * open handle or a known node are answered before libfuse sees them.
 */
final class LibfuseTransport implements Transport {
    private final FuseLibrary library = FuseLibrary.load();
    private final MountState state;
    private final MountOptions options;
    private final OperationsTable operations;

    // Set by mount.
    private long fuse;
    private long session;
    private long channel;
    private Device device;

    LibfuseTransport(MountState state, MountOptions options) {
        this.state = state;
        this.options = options;
        this.operations =
                new OperationsTable(
                        new PathOperations(state, new FileOpener(state)),
                        new PathXattrs(state, new Xattrs(state.volume, false)));
    }

    @Override
    public String name() {
        return TransportKind.JNR_FUSE.optionValue();
    }

    @Override
    public void mount(Path mountPoint) throws FsException {
        List<String> arguments =
                new MountArguments(options, state.volume.readOnly())
                        .libfuseArguments(
                                mountPoint.toString(), MountPointCheck.hasEntries(mountPoint));
        CStringVector vector = new CStringVector(arguments);
        long results = Memory.allocate(2L * Long.BYTES);
        try {
            fuse =
                    library.fuse_setup(
                            arguments.size(),
                            vector.address(),
                            operations.address(),
                            operations.sizeBytes(),
                            results,
                            results + Long.BYTES,
                            0);
        } finally {
            Memory.free(results);
            vector.free();
        }
        if (fuse == 0) {
            throw MountPointCheck.refused(mountPoint, Libc.load().geteuid() == 0);
        }
        session = library.fuse_get_session(fuse);
        channel = library.fuse_session_next_chan(session, 0);
        device = new Device(Libc.load(), library.fuse_chan_fd(channel));
    }

    @Override
    public Device device() {
        return device;
    }

    @Override
    public RequestChannel openChannel(RequestContext request, SlowLane slowLane) {
        RequestDispatcher dispatcher = RequestDispatcher.forLibfuse(state, device, slowLane);
        request.device = device;
        return new Channel(request, dispatcher);
    }

    @Override
    public void close() {
        library.fuse_destroy(fuse); // closes the device, so what waits for an answer gets one
    }

    /** Reads from libfuse's channel, and lets libfuse process what takes a path. */
    private final class Channel implements RequestChannel {
        private final RequestContext request;
        private final RequestDispatcher dispatcher;
        private final long channelPointer = Memory.allocate(Long.BYTES);
        private EntryChannel entries;
        private int length;

        Channel(RequestContext request, RequestDispatcher dispatcher) {
            this.request = request;
            this.dispatcher = dispatcher;
        }

        @Override
        public void begin() {
            entries = new EntryChannel(library, state, device, request);
        }

        @Override
        public int receive() {
            Memory.putLong(channelPointer, channel);
            length =
                    library.fuse_chan_recv(
                            channelPointer, request.request, RequestContext.REQUEST_BYTES);
            return length;
        }

        @Override
        public void serve() {
            if (!dispatcher.answer(request)) {
                long replies =
                        EntryChannel.concerns(request.opcode()) ? entries.address() : channel;
                library.fuse_session_process(session, request.request, length, replies);
            }
        }

        @Override
        public void close() {
            Memory.free(channelPointer);
            if (entries != null) {
                entries.close();
            }
        }
    }
}
