package io.fusedax.mount;

/** A message from another process, with the descriptor that may come with it. Reusable. */
final class IncomingMessage {
    private static final int MSG_CMSG_CLOEXEC = 0x40000000;

    private final Libc libc = Libc.load();
    private final long memory = Memory.allocate(DescriptorMessage.BODY_AT);
    private int descriptor = -1;

    /**
     * As recv(2). A descriptor that nobody took is closed before.
     *
     * @param withDescriptor whether one may come; the kernel drops all others
     */
    long receive(int socket, long buffer, int sizeBytes, boolean withDescriptor) {
        dropDescriptor();
        DescriptorMessage.frame(memory, buffer, sizeBytes);
        if (withDescriptor) {
            DescriptorMessage.makeRoomForOne(memory);
        }
        long length = libc.recvmsg(socket, memory, MSG_CMSG_CLOEXEC);
        if (length >= 0 && DescriptorMessage.hasDescriptor(memory)) {
            descriptor =
                    Memory.getInt(memory + DescriptorMessage.CMSG_AT + DescriptorMessage.CMSG_DATA);
        }
        return length;
    }

    /** The descriptor that came, the caller's from now on; -1: none. */
    int takeDescriptor() {
        int taken = descriptor;
        descriptor = -1;
        return taken;
    }

    void dropDescriptor() {
        if (descriptor >= 0) {
            libc.close(descriptor);
        }
        descriptor = -1;
    }

    void free() {
        dropDescriptor();
        Memory.free(memory);
    }
}
