package io.fusedax.mount;

import io.fusedax.backing.FsException;
import io.fusedax.backing.volume.Volume;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.util.ArrayList;
import java.util.List;

/** The other end of a native channel: a socket that keeps messages apart, as /dev/fuse does. */
final class FakeKernel implements AutoCloseable {
    private static final int AF_UNIX = 1;
    private static final int SOCK_SEQPACKET = 5;
    private static final int MSG_DONTWAIT = 0x40;
    private static final int BUFFER_BYTES = 1 << 16;

    private final MemoryVolume memory;
    final Volume volume;
    final MountState state;
    private final RequestContext request;
    private final RequestChannel channel;
    private final SlowLane slowLane;
    private final int kernelEnd;
    private final int daemonEnd;
    private final long buffer = Memory.allocate(BUFFER_BYTES);
    private long unique;

    private boolean serving = true;

    FakeKernel() throws FsException {
        this(new MemoryVolume());
    }

    FakeKernel(MemoryVolume memory) throws FsException {
        this.memory = memory;
        volume = memory.volume;
        state =
                new MountState(
                        volume, MountOptions.builder().transport(TransportKind.NATIVE).build());
        Memory.putLong(buffer, 0);
        if (Libc.load().socketpair(AF_UNIX, SOCK_SEQPACKET, 0, buffer) != 0) {
            throw Libc.failure("socketpair", Libc.errno());
        }
        kernelEnd = Memory.getInt(buffer);
        daemonEnd = Memory.getInt(buffer + Integer.BYTES);
        Device device = new Device(Libc.load(), daemonEnd);
        slowLane = new SlowLane(state.errors);
        request = new RequestContext(volume::lookup, Volume.ROOT_INODE);
        request.device = device;
        channel =
                new NativeTransport.NativeChannel(
                        request,
                        RequestDispatcher.forNative(state, device, slowLane, List.of(request)),
                        state.errors);
    }

    /** A reply; {@code error} is 0 or -errno. */
    record Reply(int error, ByteBuffer body) {}

    static ByteBuffer body(int sizeBytes) {
        return ByteBuffer.allocate(sizeBytes).order(ByteOrder.nativeOrder());
    }

    /** A body of bytes and then C strings. */
    static ByteBuffer body(int sizeBytes, String... names) {
        int length = sizeBytes;
        for (String name : names) {
            length += name.length() + 1;
        }
        ByteBuffer body = body(length);
        int at = sizeBytes;
        for (String name : names) {
            for (int i = 0; i < name.length(); i++) {
                body.put(at++, (byte) name.charAt(i));
            }
            at++;
        }
        return body;
    }

    /** Sends a request and has it served; null: it was not answered. */
    Reply call(int opcode, long nodeId, ByteBuffer body) {
        return sendRaw(request(opcode, nodeId, body));
    }

    /** As {@link #call}, but the program is interrupted before the answer. */
    Reply callInterrupted(int opcode, long nodeId, ByteBuffer body) {
        send(request(opcode, nodeId, body));
        channel.receive();
        request.begin();
        RequestContext interrupt = new RequestContext(volume::lookup, Volume.ROOT_INODE);
        Memory.putLong(interrupt.requestBody + RequestLayout.Interrupt.UNIQUE, unique);
        new InterruptRequests(List.of(interrupt, request)).interrupt(interrupt);
        channel.serve();
        return reply();
    }

    private byte[] request(int opcode, long nodeId, ByteBuffer body) {
        ByteBuffer message = body(RequestLayout.Header.SIZE_BYTES + body.capacity());
        message.putInt(RequestLayout.Header.LENGTH, message.capacity());
        message.putInt(RequestLayout.Header.OPCODE, opcode);
        message.putLong(RequestLayout.Header.UNIQUE, ++unique);
        message.putLong(RequestLayout.Header.NODE_ID, nodeId);
        message.put(RequestLayout.Header.SIZE_BYTES, body.array());
        return message.array();
    }

    private void send(byte[] message) {
        Memory.put(buffer, message, 0, message.length);
        Libc.load().write(kernelEnd, buffer, message.length);
    }

    /** Sends any bytes as one message. */
    Reply sendRaw(byte[] message) {
        send(message);
        if (channel.receive() > 0) {
            request.begin();
            channel.serve();
        }
        return reply();
    }

    /** A message from the daemon that was not taken yet; null: there is none. */
    private byte[] message() {
        long length = Libc.load().recv(kernelEnd, buffer, BUFFER_BYTES, MSG_DONTWAIT);
        if (length <= 0) {
            return null;
        }
        byte[] message = new byte[(int) length];
        Memory.get(buffer, message, 0, message.length);
        return message;
    }

    /** Sends any bytes as one message and takes all that the daemon says to it, and on its own. */
    List<byte[]> exchange(int opcode, long nodeId, byte[] body) {
        send(request(opcode, nodeId, ByteBuffer.wrap(body)));
        if (channel.receive() > 0) {
            request.begin();
            channel.serve();
        }
        List<byte[]> messages = new ArrayList<>();
        for (byte[] next = message(); next != null; next = message()) {
            messages.add(next);
        }
        return messages;
    }

    /** Ends the mount, and says what is wrong with the volume. */
    List<String> endAndCheck() throws FsException {
        endServing();
        return memory.unmountAndCheck();
    }

    private Reply reply() {
        long length = Libc.load().recv(kernelEnd, buffer, BUFFER_BYTES, MSG_DONTWAIT);
        if (length < ReplyLayout.Header.SIZE_BYTES) {
            return null;
        }
        byte[] reply = new byte[(int) length - ReplyLayout.Header.SIZE_BYTES];
        Memory.get(buffer + ReplyLayout.Header.SIZE_BYTES, reply, 0, reply.length);
        return new Reply(
                Memory.getInt(buffer + ReplyLayout.Header.ERROR),
                ByteBuffer.wrap(reply).order(ByteOrder.nativeOrder()));
    }

    @Override
    public void close() throws FsException {
        if (serving) {
            endServing();
        }
        memory.close();
    }

    private void endServing() throws FsException {
        serving = false;
        slowLane.close();
        Libc.load().close(kernelEnd);
        Libc.load().close(daemonEnd);
        for (OpenHandle handle : state.handles.removeAll()) {
            volume.release(handle.inode);
        }
        state.nodes.forgetAll();
        request.free();
        Memory.free(buffer);
    }
}
