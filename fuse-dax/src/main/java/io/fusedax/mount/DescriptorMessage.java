package io.fusedax.mount;

/** A {@link DirectProtocol.Grant} with its descriptor, as sendmsg(2) wants it. Reusable. */
final class DescriptorMessage {
    private static final int MSG_DONTWAIT = 0x40;
    private static final int MSG_NOSIGNAL = 0x4000;
    private static final int MSG_CMSG_CLOEXEC = 0x40000000;
    private static final int SOL_SOCKET = 1;
    private static final int SCM_RIGHTS = 1;

    // struct msghdr on 64-bit machines
    private static final int IOV = 16;
    private static final int IOV_COUNT = 24;
    private static final int CONTROL = 32;
    private static final int CONTROL_BYTES = 40;
    private static final int MSGHDR_BYTES = 56;

    // struct iovec
    private static final int IOVEC_AT = MSGHDR_BYTES;
    private static final int IOVEC_LENGTH = 8;
    private static final int IOVEC_BYTES = 16;

    // struct cmsghdr with one int
    static final int CMSG_AT = IOVEC_AT + IOVEC_BYTES;
    private static final int CMSG_LEVEL = 8;
    private static final int CMSG_TYPE = 12;
    static final int CMSG_DATA = 16;
    private static final int CMSG_LENGTH = CMSG_DATA + Integer.BYTES;
    static final int CMSG_SPACE = 24;

    static final int BODY_AT = CMSG_AT + CMSG_SPACE;
    private static final int SIZE_BYTES = BODY_AT + DirectProtocol.Grant.SIZE_BYTES;

    private final long memory = Memory.allocate(SIZE_BYTES);

    /**
     * Sends the message.
     *
     * @param fd the descriptor to pass, -1: none
     */
    void send(int socket, int fd, int status, long regionBytes) {
        long body = memory + BODY_AT;
        Memory.putInt(body + DirectProtocol.TYPE, DirectProtocol.TYPE_GRANT);
        Memory.putInt(body + DirectProtocol.Grant.STATUS, status);
        Memory.putLong(body + DirectProtocol.Grant.REGION_BYTES, regionBytes);
        frame(memory, body, DirectProtocol.Grant.SIZE_BYTES);
        if (fd >= 0) {
            long control = memory + CMSG_AT;
            Memory.putLong(control, CMSG_LENGTH);
            Memory.putInt(control + CMSG_LEVEL, SOL_SOCKET);
            Memory.putInt(control + CMSG_TYPE, SCM_RIGHTS);
            Memory.putInt(control + CMSG_DATA, fd);
            Memory.putLong(memory + CONTROL, control);
            Memory.putLong(memory + CONTROL_BYTES, CMSG_SPACE);
        }
        Libc.load().sendmsg(socket, memory, MSG_DONTWAIT | MSG_NOSIGNAL);
    }

    /**
     * Receives a byte with a descriptor, as fusermount sends it.
     *
     * @return the descriptor, -1: there came none
     */
    static int receive(int socket) {
        DescriptorMessage message = new DescriptorMessage();
        long memory = message.memory;
        try {
            frame(memory, memory + BODY_AT, 1);
            Memory.putLong(memory + CONTROL, memory + CMSG_AT);
            Memory.putLong(memory + CONTROL_BYTES, CMSG_SPACE);
            boolean received = Libc.load().recvmsg(socket, memory, MSG_CMSG_CLOEXEC) > 0;
            return received && hasDescriptor(memory)
                    ? Memory.getInt(memory + CMSG_AT + CMSG_DATA)
                    : -1;
        } finally {
            message.free();
        }
    }

    /** Makes {@link #BODY_AT} bytes a msghdr of one part, without a descriptor. */
    static void frame(long memory, long body, int sizeBytes) {
        Memory.zero(memory, BODY_AT);
        Memory.putLong(memory + IOVEC_AT, body);
        Memory.putLong(memory + IOVEC_AT + IOVEC_LENGTH, sizeBytes);
        Memory.putLong(memory + IOV, memory + IOVEC_AT);
        Memory.putLong(memory + IOV_COUNT, 1);
    }

    /** Lets one descriptor come with what is received into a frame; the kernel drops others. */
    static void makeRoomForOne(long memory) {
        Memory.putLong(memory + CONTROL, memory + CMSG_AT);
        Memory.putLong(memory + CONTROL_BYTES, CMSG_LENGTH); // in CMSG_SPACE there is room for two
    }

    /** Whether what was received into a frame came with a descriptor. */
    static boolean hasDescriptor(long memory) {
        long control = memory + CMSG_AT;
        return Memory.getLong(memory + CONTROL_BYTES) >= CMSG_LENGTH
                && Memory.getLong(control) == CMSG_LENGTH
                && Memory.getInt(control + CMSG_LEVEL) == SOL_SOCKET
                && Memory.getInt(control + CMSG_TYPE) == SCM_RIGHTS;
    }

    void free() {
        Memory.free(memory);
    }
}
