package io.fusedax.mount;

import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/** One thread that takes requests off the device and answers them, until the mount is over. */
final class RequestLoop extends Thread {
    private static final Logger LOG = LoggerFactory.getLogger(RequestLoop.class);
    private static final int EINTR = 4;
    private static final int EAGAIN = 11;

    private final MountSession session;
    private final RequestChannel channel;
    private final RequestContext request;
    private final ErrorMapper errors;
    private long pthread; // guarded by this; 0 while not running

    RequestLoop(
            int number,
            MountSession session,
            RequestChannel channel,
            RequestContext request,
            ErrorMapper errors) {
        super("fuse-request-" + number);
        setDaemon(true);
        this.session = session;
        this.channel = channel;
        this.request = request;
        this.errors = errors;
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

    /** Length of the request that was served, or what {@link RequestChannel#receive} told. */
    private int serveOne() {
        int length = channel.receive();
        if (length > 0) {
            request.begin();
            channel.serve();
            if (request.opcode() == FuseOpcode.INIT) {
                session.answered();
            }
        }
        return length;
    }

    /**
     * An access to the region failed, and the virtual machine told only now, anywhere: also between
     * the receipt of a request and its handler. The request in the buffer gets an answer, in vain
     * if it has one.
     */
    private void refuse(InternalError late) {
        int error = errors.toReply("request", late);
        request.device.reply(request.reply, request.unique(), error, 0);
    }

    /** Serves until the session stops (false) or the kernel says that the mount is gone (true). */
    private boolean serve() {
        try (channel) {
            channel.begin();
            while (!session.stopping()) {
                int length;
                try {
                    length = serveOne();
                } catch (InternalError late) {
                    refuse(late);
                    continue;
                }
                if (length <= 0 && length != -EINTR && length != -EAGAIN) {
                    if (length != RequestChannel.GONE && !session.stopping()) {
                        LOG.error("request_thread_ended errno={}", -length);
                    }
                    return length == RequestChannel.GONE;
                }
            }
            return false;
        } catch (RuntimeException | Error failure) {
            LOG.error("request_thread_failed", failure);
            throw failure;
        } finally {
            request.free();
        }
    }
}
