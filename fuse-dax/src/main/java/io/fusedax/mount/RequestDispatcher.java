package io.fusedax.mount;

import io.fusedax.backing.Counter;
import io.fusedax.backing.FsException;
import io.fusedax.backing.journal.CommitCause;
import java.util.List;
import java.util.concurrent.Semaphore;
import jnr.constants.platform.Errno;

/**
 * Sends each request where it is answered, and counts it. With jnr-fuse, requests that name their
 * file by handle or by a known node are answered here, at once, and the others, which need a path,
 * are for libfuse. The native transport has all answered here.
 */
final class RequestDispatcher {
    private static final int SETATTR_TIMES = NodeRequests.FATTR_ATIME | NodeRequests.FATTR_MTIME;
    private static final int SETATTR_OTHERS =
            NodeRequests.FATTR_MODE | NodeRequests.FATTR_UID | NodeRequests.FATTR_GID;

    /** How long a request waits for the space of files just removed. */
    private static final long SPACE_WAIT_NANOS = 100_000_000;

    private final MountState state;
    private final Semaphore spaceWaiters;
    private final RequestHandler[] handlers = new RequestHandler[FuseOpcode.COUNT];
    private final Counter[] counters = new Counter[FuseOpcode.COUNT];
    private final String[] names = new String[FuseOpcode.COUNT];

    /** For the jnr-fuse transport. */
    static RequestDispatcher forLibfuse(MountState state, Device device, SlowLane slowLane) {
        RequestDispatcher dispatcher = new RequestDispatcher(state, device, slowLane);
        dispatcher.answer(FuseOpcode.LOOKUP, "lookup", new LookupRequests(state)::lookup);
        ForgetRequests forgets = new ForgetRequests(state, RequestHandler.PASS_ON);
        dispatcher.answer(FuseOpcode.FORGET, "forget", forgets::forget);
        dispatcher.answer(FuseOpcode.BATCH_FORGET, "forget", forgets::batchForget);
        // Requests are never cut short, and the kernel is not to ask again.
        dispatcher.answer(FuseOpcode.INTERRUPT, "interrupt", dispatcher::notSupported);
        return dispatcher;
    }

    /** For the native transport; {@code loops} are the other threads' requests. */
    static RequestDispatcher forNative(
            MountState state, Device device, SlowLane slowLane, List<RequestContext> threads) {
        RequestDispatcher dispatcher = new RequestDispatcher(state, device, slowLane);
        EntryRequests entries = new EntryRequests(state);
        NameRequests names = new NameRequests(state);
        CreateRequests creates = new CreateRequests(state, entries);
        ForgetRequests forgets = new ForgetRequests(state, RequestHandler.ANSWERED);
        DirectoryRequests directories = new DirectoryRequests(state);
        CopyRequests copies = new CopyRequests(state);
        dispatcher.answer(FuseOpcode.INIT, "init", new NativeInit(state)::init);
        dispatcher.answer(FuseOpcode.LOOKUP, "lookup", entries::lookup);
        dispatcher.answer(FuseOpcode.MKNOD, "mknod", entries::mknod);
        dispatcher.answer(FuseOpcode.MKDIR, "mkdir", entries::mkdir);
        dispatcher.answer(FuseOpcode.SYMLINK, "symlink", entries::symlink);
        dispatcher.answer(FuseOpcode.LINK, "link", entries::link);
        dispatcher.answer(FuseOpcode.CREATE, "create", creates::create);
        dispatcher.answer(FuseOpcode.TMPFILE, "tmpfile", creates::tmpfile);
        dispatcher.answer(FuseOpcode.READLINK, "readlink", names::readlink);
        dispatcher.answer(FuseOpcode.UNLINK, "unlink", names::unlink);
        dispatcher.answer(FuseOpcode.RMDIR, "rmdir", names::rmdir);
        dispatcher.answer(FuseOpcode.RENAME, "rename", names::rename);
        dispatcher.answer(FuseOpcode.RENAME2, "rename", names::rename2);
        dispatcher.answer(FuseOpcode.READDIRPLUS, "readdirplus", directories::readdirPlus);
        dispatcher.answer(FuseOpcode.STATX, "statx", new StatxRequests(state)::statx);
        dispatcher.answer(FuseOpcode.COPY_FILE_RANGE, "copy_file_range", copies::copy);
        dispatcher.answer(FuseOpcode.COPY_FILE_RANGE_64, "copy_file_range", copies::copy);
        dispatcher.answer(FuseOpcode.SYNCFS, "syncfs", dispatcher::syncfs);
        dispatcher.answer(FuseOpcode.DESTROY, "destroy", dispatcher::syncfs);
        dispatcher.answer(FuseOpcode.FORGET, "forget", forgets::forget);
        dispatcher.answer(FuseOpcode.BATCH_FORGET, "forget", forgets::batchForget);
        dispatcher.answer(
                FuseOpcode.INTERRUPT, "interrupt", new InterruptRequests(threads)::interrupt);
        return dispatcher;
    }

    /** What both transports answer alike. */
    private RequestDispatcher(MountState state, Device device, SlowLane slowLane) {
        this.state = state;
        this.spaceWaiters = new Semaphore(state.threads - 1);
        FileRequests files = new FileRequests(state);
        NodeRequests nodes = new NodeRequests(state);
        DirectoryRequests directories = new DirectoryRequests(state);
        XattrRequests attributes =
                new XattrRequests(state, new Xattrs(state.volume, state.isNative()));
        OpenRequests opens = new OpenRequests(state, new FileOpener(state));
        IoctlRequests ioctls = new IoctlRequests(state, device, slowLane);
        answer(FuseOpcode.READ, "read", Counter.OP_READ, files::read);
        answer(FuseOpcode.WRITE, "write", Counter.OP_WRITE, files::write);
        answer(FuseOpcode.FSYNC, "fsync", null, files::fsync);
        answer(FuseOpcode.FALLOCATE, "fallocate", Counter.OP_FALLOCATE, files::fallocate);
        answer(FuseOpcode.LSEEK, "lseek", null, files::lseek);
        counters[FuseOpcode.LOOKUP] = Counter.OP_LOOKUP;
        answer(FuseOpcode.GETATTR, "getattr", Counter.OP_GETATTR, nodes::getattr);
        answer(FuseOpcode.SETATTR, "setattr", null, nodes::setattr);
        answer(FuseOpcode.STATFS, "statfs", Counter.OP_STATFS, nodes::statfs);
        answer(FuseOpcode.READDIR, "readdir", Counter.OP_READDIR, directories::readdir);
        answer(FuseOpcode.FSYNCDIR, "fsyncdir", null, directories::fsyncdir);
        answer(FuseOpcode.SETXATTR, "setxattr", Counter.OP_SETXATTR, attributes::set);
        answer(FuseOpcode.GETXATTR, "getxattr", Counter.OP_GETXATTR, attributes::get);
        answer(FuseOpcode.LISTXATTR, "listxattr", Counter.OP_LISTXATTR, attributes::list);
        answer(FuseOpcode.REMOVEXATTR, "removexattr", Counter.OP_REMOVEXATTR, attributes::remove);
        answer(FuseOpcode.IOCTL, "ioctl", Counter.OP_IOCTL, ioctls::ioctl);
        answer(FuseOpcode.OPEN, "open", Counter.OP_OPEN, opens::open);
        answer(FuseOpcode.OPENDIR, "opendir", Counter.OP_OPENDIR, opens::open);
        answer(FuseOpcode.RELEASE, "release", Counter.OP_RELEASE, opens::release);
        answer(FuseOpcode.RELEASEDIR, "release", Counter.OP_RELEASE, opens::release);
        counters[FuseOpcode.READLINK] = Counter.OP_READLINK;
        counters[FuseOpcode.SYMLINK] = Counter.OP_SYMLINK;
        counters[FuseOpcode.MKNOD] = Counter.OP_MKNOD;
        counters[FuseOpcode.MKDIR] = Counter.OP_MKDIR;
        counters[FuseOpcode.UNLINK] = Counter.OP_UNLINK;
        counters[FuseOpcode.RMDIR] = Counter.OP_RMDIR;
        counters[FuseOpcode.RENAME] = Counter.OP_RENAME;
        counters[FuseOpcode.RENAME2] = Counter.OP_RENAME;
        counters[FuseOpcode.READDIRPLUS] = Counter.OP_READDIR;
        counters[FuseOpcode.STATX] = Counter.OP_GETATTR;
        counters[FuseOpcode.TMPFILE] = Counter.OP_CREATE;
        counters[FuseOpcode.LINK] = Counter.OP_LINK;
        counters[FuseOpcode.CREATE] = Counter.OP_CREATE;
        counters[FuseOpcode.FLUSH] = Counter.OP_FLUSH;
        counters[FuseOpcode.ACCESS] = Counter.OP_ACCESS;
    }

    private void answer(int opcode, String name, Counter counter, RequestHandler handler) {
        answer(opcode, name, handler);
        counters[opcode] = counter;
    }

    private void answer(int opcode, String name, RequestHandler handler) {
        handlers[opcode] = handler;
        names[opcode] = name;
    }

    /**
     * Answers a request, if that takes no path.
     *
     * @return false if the request is for libfuse
     */
    boolean answer(RequestContext request) {
        int opcode = request.opcode();
        if (opcode < 0 || opcode >= FuseOpcode.COUNT) {
            return false;
        }
        count(request, opcode);
        RequestHandler handler = handlers[opcode];
        if (handler == null) {
            return false;
        }
        int error = 0;
        int length = 0;
        try {
            if (state.keepsOut(request.uid()) && !needsOpenFile(opcode)) {
                throw new FsException(Errno.EACCES, "allow_root");
            }
            length = handle(handler, request);
            if (length < 0) {
                return length == RequestHandler.ANSWERED;
            }
        } catch (Throwable failure) {
            error = state.errors.toReply(names[opcode], failure);
        }
        if (!request.device.reply(request.reply, request.unique(), error, length)) {
            takeBack(request, opcode);
        }
        return true;
    }

    /**
     * A request that finds no space changes nothing, so it can be made again. One thread never
     * waits: it reads the FORGETs that the others wait for.
     */
    private int handle(RequestHandler handler, RequestContext request) throws FsException {
        long freed = state.nodes.freed();
        try {
            return handler.handle(request);
        } catch (FsException e) {
            if (e.errno() != Errno.ENOSPC || !spaceWaiters.tryAcquire()) {
                throw e;
            }
        }
        try {
            return handleWhenFreed(handler, request, freed);
        } finally {
            spaceWaiters.release();
        }
    }

    private int handleWhenFreed(RequestHandler handler, RequestContext request, long freedBefore)
            throws FsException {
        long freed = freedBefore;
        long deadlineNanos = System.nanoTime() + SPACE_WAIT_NANOS;
        boolean more = state.nodes.awaitFreed(freed, deadlineNanos);
        while (true) {
            try {
                return handler.handle(request);
            } catch (FsException e) {
                if (e.errno() != Errno.ENOSPC || !more) {
                    throw e;
                }
                freed = state.nodes.freed();
                more = state.nodes.awaitFreed(freed, deadlineNanos);
            }
        }
    }

    /** Whether requests of a kind are answered here at all. */
    boolean knows(int opcode) {
        return opcode >= 0 && opcode < FuseOpcode.COUNT && handlers[opcode] != null;
    }

    /** Requests that only who has the file open can make; the descriptor may be inherited. */
    private static boolean needsOpenFile(int opcode) {
        switch (opcode) {
            case FuseOpcode.READ:
            case FuseOpcode.WRITE:
            case FuseOpcode.FSYNC:
            case FuseOpcode.FALLOCATE:
            case FuseOpcode.LSEEK:
            case FuseOpcode.IOCTL:
            case FuseOpcode.READDIR:
            case FuseOpcode.READDIRPLUS:
            case FuseOpcode.COPY_FILE_RANGE:
            case FuseOpcode.COPY_FILE_RANGE_64:
            case FuseOpcode.FSYNCDIR:
            case FuseOpcode.RELEASE:
            case FuseOpcode.RELEASEDIR:
            case FuseOpcode.FORGET:
            case FuseOpcode.BATCH_FORGET:
            case FuseOpcode.INTERRUPT:
            case FuseOpcode.INIT:
            case FuseOpcode.SYNCFS: // of sync(2), by anybody
            case FuseOpcode.DESTROY:
                return true;
            default:
                return false;
        }
    }

    private void count(RequestContext request, int opcode) {
        Counter counter = counters[opcode];
        if (counter == null) {
            switch (opcode) {
                case FuseOpcode.FSYNC:
                case FuseOpcode.FSYNCDIR:
                    counter =
                            FileRequests.isDataSync(request)
                                    ? Counter.OP_FDATASYNC
                                    : Counter.OP_FSYNC;
                    break;
                case FuseOpcode.SETATTR:
                    counter = setattrCounter(request.setattrValid);
                    break;
                default:
                    return;
            }
        }
        state.count(counter);
    }

    private static Counter setattrCounter(int valid) {
        if ((valid & NodeRequests.FATTR_SIZE) != 0) {
            return Counter.OP_TRUNCATE;
        }
        return (valid & SETATTR_TIMES) != 0 && (valid & SETATTR_OTHERS) == 0
                ? Counter.OP_UTIMENS
                : Counter.OP_SETATTR;
    }

    /** The kernel has not learned what the reply told: forgotten, and closed, at once. */
    private void takeBack(RequestContext request, int opcode) {
        try {
            if (request.opened != 0) {
                state.closeHandle(request.opened);
            }
            if (request.told != 0) {
                state.nodes.forget(LookupCounts.nodeOf(request.told), 1);
            }
        } catch (Throwable failure) {
            state.errors.toReply(names[opcode], failure);
        }
    }

    /** Also for DESTROY: umount(8) returns when all is committed. */
    private int syncfs(RequestContext request) throws FsException {
        state.mappings.flushAllStores();
        state.volume.sync(CommitCause.SYNC);
        return 0;
    }

    private int notSupported(RequestContext request) {
        request.device.reply(request.reply, request.unique(), -Errno.ENOSYS.intValue(), 0);
        return RequestHandler.ANSWERED;
    }
}
