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
    private static final int CMSG_AT = IOVEC_AT + IOVEC_BYTES;
    private static final int CMSG_LEVEL = 8;
    private static final int CMSG_TYPE = 12;
    private static final int CMSG_DATA = 16;
    private static final int CMSG_LENGTH = CMSG_DATA + Integer.BYTES;
    private static final int CMSG_SPACE = 24;

    private static final int BODY_AT = CMSG_AT + CMSG_SPACE;
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
        Memory.zero(memory, BODY_AT);
        Memory.putLong(memory + IOVEC_AT, body);
        Memory.putLong(memory + IOVEC_AT + IOVEC_LENGTH, DirectProtocol.Grant.SIZE_BYTES);
        Memory.putLong(memory + IOV, memory + IOVEC_AT);
        Memory.putLong(memory + IOV_COUNT, 1);
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
            Memory.zero(memory, SIZE_BYTES);
            Memory.putLong(memory + IOVEC_AT, memory + BODY_AT);
            Memory.putLong(memory + IOVEC_AT + IOVEC_LENGTH, 1);
            Memory.putLong(memory + IOV, memory + IOVEC_AT);
            Memory.putLong(memory + IOV_COUNT, 1);
            Memory.putLong(memory + CONTROL, memory + CMSG_AT);
            Memory.putLong(memory + CONTROL_BYTES, CMSG_SPACE);
            boolean received =
                    Libc.load().recvmsg(socket, memory, MSG_CMSG_CLOEXEC) > 0
                            && Memory.getLong(memory + CONTROL_BYTES) >= CMSG_LENGTH
                            && Memory.getInt(memory + CMSG_AT + CMSG_LEVEL) == SOL_SOCKET
                            && Memory.getInt(memory + CMSG_AT + CMSG_TYPE) == SCM_RIGHTS;
            return received ? Memory.getInt(memory + CMSG_AT + CMSG_DATA) : -1;
        } finally {
            message.free();
        }
    }

    void free() {
        Memory.free(memory);
    }
}
