package io.fusedax.mount;

import jnr.ffi.Pointer;
import jnr.ffi.Runtime;

/**
 * A struct fuse_chan of our own, through which libfuse sends the replies that tell the kernel
 * attributes or a new node. On the way out
 *
 * <ul>
 *   <li>attributes that must not be cached ({@link CachePolicy}) get a timeout of 0, which libfuse
 *       can only set for all files alike,
 *   <li>node ids are learned ({@link KnownNodes}), which libfuse tells no callback,
 *   <li>the answer to INIT is completed ({@link InitNegotiation}).
 * </ul>
 *
 * <p>One for each request thread, so that replies find their requests.
 */
final class EntryChannel implements AutoCloseable {
    // struct fuse_chan_ops: receive, send, destroy
    private static final int OPS_SEND = Long.BYTES;
    private static final int OPS_SIZE_BYTES = 3 * Long.BYTES;

    // struct iovec: base, length
    private static final int IOVEC_LENGTH = Long.BYTES;
    private static final int IOVEC_SIZE_BYTES = 2 * Long.BYTES;

    private static final int REQUEST_BUFFER_BYTES = 0x21000; // as libfuse's own channel says

    private final MountState state;
    private final Device device;
    private final RequestContext request;
    private final FuseLibrary library;
    private final long channel;

    @SuppressWarnings("unused") // keeps the closure alive
    private final Callback.Three callback = this::send;

    EntryChannel(FuseLibrary library, MountState state, Device device, RequestContext request) {
        this.library = library;
        this.state = state;
        this.device = device;
        this.request = request;
        Pointer send =
                Runtime.getSystemRuntime()
                        .getClosureManager()
                        .getClosurePointer(Callback.Three.class, callback);
        long operations = Memory.allocate(OPS_SIZE_BYTES);
        try {
            Memory.putLong(operations + OPS_SEND, send.address());
            channel = library.fuse_chan_new(operations, device.fd(), REQUEST_BUFFER_BYTES, 0);
        } finally {
            Memory.free(operations); // libfuse has copied it
        }
        if (channel == 0) {
            throw new OutOfMemoryError("fuse_chan_new");
        }
    }

    /** The struct fuse_chan. */
    long address() {
        return channel;
    }

    /** Whether replies to this kind of request go through here. */
    static boolean concerns(int opcode) {
        switch (opcode) {
            case FuseOpcode.INIT:
            case FuseOpcode.LOOKUP:
            case FuseOpcode.GETATTR:
            case FuseOpcode.SETATTR:
            case FuseOpcode.SYMLINK:
            case FuseOpcode.MKNOD:
            case FuseOpcode.MKDIR:
            case FuseOpcode.LINK:
            case FuseOpcode.CREATE:
                return true;
            default:
                return false;
        }
    }

    /** int send(struct fuse_chan *, const struct iovec[], size_t). */
    private int send(long unusedChannel, long vector, long count) {
        try {
            long header = Memory.getLong(vector);
            if (count == 1 || Memory.getInt(header + ReplyLayout.Header.ERROR) != 0) {
                return device.send(vector, (int) count);
            }
            long body = Memory.getLong(vector + IOVEC_SIZE_BYTES);
            switch (request.opcode()) {
                case FuseOpcode.INIT:
                    return sendInit(vector, header, body);
                case FuseOpcode.GETATTR:
                case FuseOpcode.SETATTR:
                    patchAttributes(body);
                    return device.send(vector, (int) count);
                default:
                    return sendEntry(vector, (int) count, body);
            }
        } catch (Throwable failure) {
            return state.errors.toReply("reply", failure);
        }
    }

    private int sendInit(long vector, long header, long body) {
        long complete = Memory.allocate(ReplyLayout.Init.SIZE_BYTES);
        try {
            Memory.copy(body, complete, ReplyLayout.Init.LIBFUSE_SIZE_BYTES);
            InitNegotiation.complete(request.requestBody, complete, state);
            Memory.putInt(
                    header + ReplyLayout.Header.LENGTH,
                    ReplyLayout.Header.SIZE_BYTES + ReplyLayout.Init.SIZE_BYTES);
            Memory.putLong(vector + IOVEC_SIZE_BYTES, complete);
            Memory.putLong(vector + IOVEC_SIZE_BYTES + IOVEC_LENGTH, ReplyLayout.Init.SIZE_BYTES);
            return device.send(vector, 2);
        } finally {
            Memory.free(complete);
        }
    }

    private int sendEntry(long vector, int count, long body) {
        long nodeId = Memory.getLong(body + ReplyLayout.Entry.NODE_ID);
        if (nodeId == 0) {
            return device.send(vector, count); // a name that is absent
        }
        long attributes = body + ReplyLayout.Entry.ATTRIBUTES;
        long inode = Memory.getLong(attributes + ReplyLayout.Attributes.INODE);
        if (!mayKeep(attributes)) {
            Memory.putLong(body + ReplyLayout.Entry.ATTR_VALID_SECONDS, 0);
            Memory.putInt(body + ReplyLayout.Entry.ATTR_VALID_NANOS, 0);
        }
        OpenHandle created = request.created;
        if (created != null) {
            created.nodeId = nodeId;
            state.knownNodes.opened(nodeId, inode);
        }
        if (request.opcode() == FuseOpcode.LINK) {
            // The kernel keeps the attributes of the other node, with a link less.
            device.invalidateAttributes(
                    Memory.getLong(request.requestBody + RequestLayout.Link.OLD_NODE_ID));
        }
        if (request.opcode() != FuseOpcode.LOOKUP) {
            // A LOOKUP may meet a rename half-way, between the volume's part and libfuse's; after
            // the others the kernel still holds the directory's lock.
            state.knownNodes.learn(nodeId, inode);
        }
        int result = device.send(vector, count);
        if (result < 0) {
            state.knownNodes.forget(nodeId); // libfuse drops the node, too
        }
        return result;
    }

    private void patchAttributes(long body) {
        if (!mayKeep(body + ReplyLayout.Attr.ATTRIBUTES)) {
            Memory.putLong(body + ReplyLayout.Attr.VALID_SECONDS, 0);
            Memory.putInt(body + ReplyLayout.Attr.VALID_NANOS, 0);
        }
    }

    private boolean mayKeep(long attributes) {
        return state.cachePolicy.mayKeep(
                Memory.getLong(attributes + ReplyLayout.Attributes.INODE),
                Memory.getInt(attributes + ReplyLayout.Attributes.MODE),
                Memory.getInt(attributes + ReplyLayout.Attributes.LINK_COUNT));
    }

    @Override
    public void close() {
        library.fuse_chan_destroy(channel);
    }
}
