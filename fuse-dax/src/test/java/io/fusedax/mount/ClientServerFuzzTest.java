package io.fusedax.mount;

import static org.junit.jupiter.api.Assertions.assertEquals;

import com.code_intelligence.jazzer.junit.FuzzTest;
import io.fusedax.backing.FsException;
import io.fusedax.backing.volume.Caller;
import io.fusedax.backing.volume.Volume;
import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Timeout;

/**
 * Any messages to the socket of direct mappings, on several connections, with and without
 * descriptors: whoever behaves is still served, and nothing is kept of who did not. An input is
 * messages, each a choice of connection, cookie and descriptors, a length, and bytes.
 */
class ClientServerFuzzTest {
    private static final int MAX_MESSAGES = 24;
    private static final int CONNECTIONS = 4;

    // The first byte of a message: its connection, and what comes with it.
    private static final int CONNECTION_MASK = 3;
    private static final int ANEW = 4;
    private static final int KNOWN_COOKIE = 8;
    private static final int DESCRIPTORS_SHIFT = 4;
    private static final int DESCRIPTORS_MASK = 3;

    private static MemoryVolume memory;
    private static DirectMappings mappings;
    private static GuardServer guards;
    private static ClientServer server;
    private static FakeProgram behaves;
    private static long cookie;
    private static int event;

    @BeforeAll
    static void serve() throws FsException {
        memory = new MemoryVolume();
        Volume volume = memory.volume;
        mappings = new DirectMappings(volume, new FaultStatistics(volume.counters()), 0, 1_000_000);
        guards = new GuardServer(mappings, new ErrorMapper(volume));
        server = ClientServer.start(volume, mappings, Libc.load().geteuid(), guards);
        behaves = new FakeProgram(server.session());
        cookie = behaves.hello();
        long inode =
                volume.mknod(Volume.ROOT_INODE, new byte[] {'f'}, 0, 1, 0100644, 0, Caller.ROOT);
        mappings.attach(mappings.client(cookie), inode, 1);
        event = Libc.load().eventfd(0, 0);
    }

    @AfterAll
    static void end() throws FsException {
        server.close();
        guards.close();
        behaves.close();
        memory.close();
        Libc.load().close(event);
    }

    @FuzzTest
    @Timeout(value = 20, threadMode = Timeout.ThreadMode.SEPARATE_THREAD)
    void whoBehavesIsStillServed(byte[] bytes) throws IOException {
        long before = FakeProgram.openEvents();
        FakeProgram[] programs = new FakeProgram[CONNECTIONS];
        ByteBuffer input = ByteBuffer.wrap(bytes).order(ByteOrder.LITTLE_ENDIAN);
        try {
            for (int i = 0; i < MAX_MESSAGES && input.remaining() >= 2; i++) {
                send(programs, input);
            }
        } finally {
            for (int i = 0; i < CONNECTIONS; i++) {
                close(programs, i);
            }
        }
        // the server hears of the ends above before it hears of this connection
        try (FakeProgram another = new FakeProgram(server.session())) {
            assertEquals(0, another.hello(ControlProtocol.VERSION));
        }
        try (FakeProgram another = new FakeProgram(server.session())) {
            assertEquals(0, another.region(cookie, false));
            Libc.load().close(another.passed);
        }
        assertEquals(-1, behaves.receiveNow(), "a message for somebody else");
        assertEquals(before, FakeProgram.openEvents(), "descriptors");
    }

    private static void close(FakeProgram[] programs, int index) {
        if (programs[index] != null) {
            programs[index].close();
            programs[index] = null;
        }
    }

    private static void send(FakeProgram[] programs, ByteBuffer input) {
        int how = Byte.toUnsignedInt(input.get());
        int index = how & CONNECTION_MASK;
        byte[] message = new byte[Math.min(input.get() & 0x7f, input.remaining())];
        input.get(message);
        if ((how & ANEW) != 0) {
            close(programs, index);
        }
        if (programs[index] == null) {
            programs[index] = new FakeProgram(server.session());
        }
        boolean room = message.length >= DirectProtocol.Region.COOKIE + Long.BYTES;
        if ((how & KNOWN_COOKIE) != 0 && room) {
            ByteBuffer.wrap(message)
                    .order(ByteOrder.LITTLE_ENDIAN)
                    .putLong(DirectProtocol.Region.COOKIE, cookie);
        }
        int[] descriptors = new int[how >> DESCRIPTORS_SHIFT & DESCRIPTORS_MASK];
        java.util.Arrays.fill(descriptors, event);
        programs[index].sendRaw(message, descriptors);
    }
}
