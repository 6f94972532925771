package io.fusedax.mount;

/** One thread that takes requests off the device and answers them, until the mount is over. */
final class RequestLoop extends Thread {
    private static final int EINTR = 4;
    private static final int EAGAIN = 11;

    private final FuseLibrary library;
    private final MountSession session;
    private final RequestDispatcher dispatcher;
    private final RequestContext request;
    private long pthread; // guarded by this; 0 while not running

    RequestLoop(
            int number,
            FuseLibrary library,
            MountSession session,
            RequestDispatcher dispatcher,
            RequestContext request) {
        super("fuse-request-" + number);
        setDaemon(true);
        this.library = library;
        this.session = session;
        this.dispatcher = dispatcher;
        this.request = request;
    }

    /** The request that the calling thread, a request thread, is working on. */
    static RequestContext current() {
        return ((RequestLoop) Thread.currentThread()).request;
    }

    @Override
    public void run() {
        boolean unmounted = false;
        setPthread(Libc.load().pthread_self());
        try {
            unmounted = serve();
        } finally {
            setPthread(0);
            session.loopEnded(unmounted); // the last one takes everything down
        }
    }

    private synchronized void setPthread(long value) {
        pthread = value;
    }

    /** If this thread waits for a request, it stops waiting. */
    synchronized void wake() {
        if (pthread != 0) {
            LoopInterrupt.interrupt(pthread);
        }
    }

    /** Serves until the session stops (false) or the kernel says that the mount is gone (true). */
    private boolean serve() {
        long fuseSession = session.fuseSession();
        long device = session.deviceChannel();
        long channelPointer = Memory.allocate(Long.BYTES);
        try (EntryChannel entries = session.newEntryChannel(request)) {
            while (!session.stopping()) {
                Memory.putLong(channelPointer, device);
                int length =
                        library.fuse_chan_recv(
                                channelPointer, request.request, RequestContext.REQUEST_BYTES);
                if (length <= 0) {
                    if (length == -EINTR || length == -EAGAIN) {
                        continue;
                    }
                    return length == 0;
                }
                request.begin();
                if (!dispatcher.answer(request)) {
                    long channel =
                            EntryChannel.concerns(request.opcode()) ? entries.address() : device;
                    library.fuse_session_process(fuseSession, request.request, length, channel);
                    if (request.opcode() == FuseOpcode.INIT) {
                        session.answered();
                    }
                }
            }
            return false;
        } finally {
            Memory.free(channelPointer);
            request.free();
        }
    }
}
