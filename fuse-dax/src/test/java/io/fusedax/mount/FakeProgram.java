package io.fusedax.mount;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.NoSuchFileException;
import java.nio.file.Path;
import java.util.stream.Stream;

/** A program's connection to a {@link ClientServer}, driven step by step. */
final class FakeProgram implements AutoCloseable {
    private static final int AF_UNIX = 1;
    private static final int SOCK_SEQPACKET = 5;
    private static final int MSG_DONTWAIT = 0x40;
    private static final int MSG_NOSIGNAL = 0x4000;
    private static final int POLLIN = 1;
    private static final int LIMIT_MILLIS = 10_000;

    private final Libc libc = Libc.load();
    private final int fd = libc.socket(AF_UNIX, SOCK_SEQPACKET, 0);
    private final long buffer = Memory.allocate(256);
    private boolean closed;

    /** The descriptor that came with the last message, or -1. */
    int passed = -1;

    FakeProgram(long session) {
        byte[] name = DirectProtocol.socketName(session).getBytes(StandardCharsets.US_ASCII);
        byte[] address = ClientServer.abstractAddress(name);
        assertEquals(0, libc.connect(fd, address, address.length));
    }

    private void send(int length) {
        assertEquals(length, libc.send(fd, buffer, length, 0));
    }

    private void sendWith(int length, int... descriptors) {
        assertEquals(length, trySend(length, descriptors));
    }

    private long trySend(int length, int... descriptors) {
        long header = buffer + 128;
        long control = header + 72;
        Memory.zero(header, 128);
        Memory.putLong(header + 16, header + 56);
        Memory.putLong(header + 24, 1);
        Memory.putLong(header + 56, buffer);
        Memory.putLong(header + 64, length);
        if (descriptors.length > 0) {
            Memory.putLong(header + 32, control);
            Memory.putLong(header + 40, 16 + (4L * descriptors.length + 7 & -8));
            Memory.putLong(control, 16 + 4L * descriptors.length);
            Memory.putInt(control + 8, 1); // SOL_SOCKET
            Memory.putInt(control + 12, 1); // SCM_RIGHTS
            for (int i = 0; i < descriptors.length; i++) {
                Memory.putInt(control + 16 + 4L * i, descriptors[i]);
            }
        }
        return libc.sendmsg(fd, header, MSG_NOSIGNAL);
    }

    /** Waits for a message; its type, or 0 at the end of the connection. */
    int receive() {
        long poll = Memory.allocate(8);
        try {
            Memory.putInt(poll, fd);
            Memory.putShort(poll + 4, (short) POLLIN);
            assertEquals(1, libc.poll(poll, 1, LIMIT_MILLIS), "nothing came");
        } finally {
            Memory.free(poll);
        }
        return receiveNow();
    }

    /** A message's type, 0 at the end of the connection, -1 if there is none now. */
    int receiveNow() {
        long header = buffer + 128;
        Memory.zero(header, 128);
        Memory.putLong(header + 16, header + 56);
        Memory.putLong(header + 24, 1);
        Memory.putLong(header + 56, buffer);
        Memory.putLong(header + 64, 64);
        Memory.putLong(header + 32, header + 72);
        Memory.putLong(header + 40, 24);
        long length = libc.recvmsg(fd, header, MSG_DONTWAIT);
        passed = length > 0 && Memory.getLong(header + 40) > 0 ? Memory.getInt(header + 88) : -1;
        return length <= 0 ? (int) length : Memory.getInt(buffer);
    }

    int getInt(int offset) {
        return Memory.getInt(buffer + offset);
    }

    long getLong(int offset) {
        return Memory.getLong(buffer + offset);
    }

    /** Introduces itself; the cookie. */
    long hello() {
        assertEquals(0, hello(ControlProtocol.VERSION));
        return getLong(DirectProtocol.Welcome.COOKIE);
    }

    /** Introduces itself; the status. */
    int hello(int version) {
        Memory.putInt(buffer, DirectProtocol.TYPE_HELLO);
        Memory.putInt(buffer + DirectProtocol.Hello.VERSION, version);
        send(DirectProtocol.Hello.SIZE_BYTES);
        assertEquals(DirectProtocol.TYPE_WELCOME, receive());
        assertEquals(ControlProtocol.VERSION, getInt(DirectProtocol.Welcome.VERSION));
        return getInt(DirectProtocol.Welcome.STATUS);
    }

    /** Asks for the region; the status. */
    int region(long cookie, boolean writable) {
        Memory.zero(buffer, DirectProtocol.Region.SIZE_BYTES);
        Memory.putInt(buffer, DirectProtocol.TYPE_REGION);
        Memory.putInt(buffer + DirectProtocol.Region.VERSION, ControlProtocol.VERSION);
        Memory.putLong(buffer + DirectProtocol.Region.COOKIE, cookie);
        Memory.putInt(buffer + DirectProtocol.Region.WRITABLE, writable ? 1 : 0);
        send(DirectProtocol.Region.SIZE_BYTES);
        assertEquals(DirectProtocol.TYPE_GRANT, receive());
        return getInt(DirectProtocol.Grant.STATUS);
    }

    /** Offers descriptors for a userfaultfd; the status. */
    int guard(long cookie, int version, int... descriptors) {
        Memory.zero(buffer, DirectProtocol.Guard.SIZE_BYTES);
        Memory.putInt(buffer, DirectProtocol.TYPE_GUARD);
        Memory.putInt(buffer + DirectProtocol.Guard.VERSION, version);
        Memory.putLong(buffer + DirectProtocol.Guard.COOKIE, cookie);
        sendWith(DirectProtocol.Guard.SIZE_BYTES, descriptors);
        assertEquals(DirectProtocol.TYPE_GRANT, receive());
        assertEquals(-1, passed);
        return getInt(DirectProtocol.Grant.STATUS);
    }

    /** Waits for a revocation; its serial. */
    int awaitRevoke(long from, long to) {
        assertEquals(DirectProtocol.TYPE_REVOKE, receive());
        assertEquals(from, getLong(DirectProtocol.Revoke.FROM));
        assertEquals(to, getLong(DirectProtocol.Revoke.TO));
        assertTrue(getLong(DirectProtocol.Revoke.GENERATION) > 0);
        return getInt(DirectProtocol.Revoke.SERIAL);
    }

    void acknowledge(int serial) {
        Memory.putInt(buffer, DirectProtocol.TYPE_ACK);
        Memory.putInt(buffer + DirectProtocol.Ack.SERIAL, serial);
        send(DirectProtocol.Ack.SIZE_BYTES);
    }

    /** How many event descriptors this process has open. */
    static long openEvents() throws IOException {
        long count = 0;
        try (Stream<Path> descriptors = Files.list(Path.of("/proc/self/fd"))) {
            for (Path descriptor : descriptors.toList()) {
                try {
                    String target = Files.readSymbolicLink(descriptor).toString();
                    count += target.contains("eventfd") ? 1 : 0;
                } catch (NoSuchFileException e) {
                    // the listing's own
                }
            }
        }
        return count;
    }

    /** Sends any bytes, if there is still somebody to take them. */
    void sendRaw(byte[] message, int... descriptors) {
        Memory.put(buffer, message, 0, Math.min(message.length, 128));
        trySend(Math.min(message.length, 128), descriptors);
    }

    @Override
    public void close() {
        if (!closed) {
            closed = true;
            libc.close(fd);
            Memory.free(buffer);
        }
    }
}
