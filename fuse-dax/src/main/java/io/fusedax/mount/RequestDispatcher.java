package io.fusedax.mount;

import io.fusedax.backing.Counter;
import io.fusedax.backing.FsException;
import jnr.constants.platform.Errno;

/**
 * Sends each request where it is answered, and counts it. Requests that name their file by handle
 * or by a known node are answered here, at once. The others, which need a path, are for libfuse.
 */
final class RequestDispatcher {
    private static final int SETATTR_TIMES = NodeRequests.FATTR_ATIME | NodeRequests.FATTR_MTIME;
    private static final int SETATTR_OTHERS =
            NodeRequests.FATTR_MODE | NodeRequests.FATTR_UID | NodeRequests.FATTR_GID;

    private final MountState state;
    private final Device device;
    private final RequestHandler[] handlers = new RequestHandler[FuseOpcode.COUNT];
    private final Counter[] counters = new Counter[FuseOpcode.COUNT];
    private final String[] names = new String[FuseOpcode.COUNT];

    RequestDispatcher(MountState state, Device device, Xattrs xattrs, SlowLane slowLane) {
        this.state = state;
        this.device = device;
        FileRequests files = new FileRequests(state);
        NodeRequests nodes = new NodeRequests(state);
        DirectoryRequests directories = new DirectoryRequests(state);
        XattrRequests attributes = new XattrRequests(state, xattrs);
        OpenRequests opens = new OpenRequests(state, new FileOpener(state));
        IoctlRequests ioctls = new IoctlRequests(state, device, slowLane);
        answer(FuseOpcode.READ, "read", Counter.OP_READ, files::read);
        answer(FuseOpcode.WRITE, "write", Counter.OP_WRITE, files::write);
        answer(FuseOpcode.FSYNC, "fsync", null, files::fsync);
        answer(FuseOpcode.FALLOCATE, "fallocate", Counter.OP_FALLOCATE, files::fallocate);
        answer(FuseOpcode.LSEEK, "lseek", null, files::lseek);
        answer(FuseOpcode.LOOKUP, "lookup", Counter.OP_LOOKUP, new LookupRequests(state)::lookup);
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
        answer(FuseOpcode.FORGET, "forget", null, this::forget);
        answer(FuseOpcode.BATCH_FORGET, "forget", null, this::batchForget);
        // Requests are never cut short, and the kernel is not to ask again.
        answer(FuseOpcode.INTERRUPT, "interrupt", null, this::notSupported);
        counters[FuseOpcode.READLINK] = Counter.OP_READLINK;
        counters[FuseOpcode.SYMLINK] = Counter.OP_SYMLINK;
        counters[FuseOpcode.MKNOD] = Counter.OP_MKNOD;
        counters[FuseOpcode.MKDIR] = Counter.OP_MKDIR;
        counters[FuseOpcode.UNLINK] = Counter.OP_UNLINK;
        counters[FuseOpcode.RMDIR] = Counter.OP_RMDIR;
        counters[FuseOpcode.RENAME] = Counter.OP_RENAME;
        counters[FuseOpcode.LINK] = Counter.OP_LINK;
        counters[FuseOpcode.CREATE] = Counter.OP_CREATE;
        counters[FuseOpcode.FLUSH] = Counter.OP_FLUSH;
        counters[FuseOpcode.ACCESS] = Counter.OP_ACCESS;
    }

    private void answer(int opcode, String name, Counter counter, RequestHandler handler) {
        handlers[opcode] = handler;
        counters[opcode] = counter;
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
            length = handler.handle(request);
            if (length < 0) {
                return length == RequestHandler.ANSWERED;
            }
        } catch (Throwable failure) {
            error = state.errors.toReply(names[opcode], failure);
        }
        device.reply(request.reply, request.unique(), error, length);
        return true;
    }

    /** Requests that only who has the file open can make; the descriptor may be inherited. */
    private static boolean needsOpenFile(int opcode) {
        switch (opcode) {
            case FuseOpcode.READ:
            case FuseOpcode.WRITE:
            case FuseOpcode.FSYNC:
            case FuseOpcode.READDIR:
            case FuseOpcode.FSYNCDIR:
            case FuseOpcode.RELEASE:
            case FuseOpcode.RELEASEDIR:
            case FuseOpcode.FORGET:
            case FuseOpcode.BATCH_FORGET:
            case FuseOpcode.INTERRUPT:
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

    private int forget(RequestContext request) {
        state.nodes.forget(request.nodeId());
        return RequestHandler.PASS_ON;
    }

    private int batchForget(RequestContext request) {
        int count = Memory.getInt(request.requestBody + RequestLayout.BatchForget.COUNT);
        long one = request.requestBody + RequestLayout.BatchForget.SIZE_BYTES;
        for (int i = 0; i < count; i++) {
            state.nodes.forget(Memory.getLong(one + RequestLayout.ForgetOne.NODE_ID));
            one += RequestLayout.ForgetOne.SIZE_BYTES;
        }
        return RequestHandler.PASS_ON;
    }

    private int notSupported(RequestContext request) {
        device.reply(request.reply, request.unique(), -Errno.ENOSYS.intValue(), 0);
        return RequestHandler.ANSWERED;
    }
}
