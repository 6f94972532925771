package io.fusedax.mount;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertNull;
import static org.junit.jupiter.api.Assertions.assertTrue;

import com.code_intelligence.jazzer.junit.FuzzTest;
import io.fusedax.backing.FsException;
import io.fusedax.backing.volume.Caller;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.util.List;
import org.junit.jupiter.api.Timeout;

/**
 * Any requests to the native transport: each has at most one answer, none stops the volume, and
 * afterwards fsck finds nothing. An input is requests, each an opcode, a node, a length and a body.
 */
class NativeRequestsFuzzTest {
    private static final int MAX_REQUESTS = 40;
    private static final int VOLUME_BYTES = 4 << 20;
    private static final int MOST_ERRNO = 4095;

    /** Of the byte that chooses the node. */
    private static final int WITH_HANDLE = 0x80;

    private static final int WITH_COMMAND = 0x40;
    private static final int NODE_MASK = 0x3f;

    /** Their numbers are long: what chooses one of them is the first byte where it stands. */
    private static final int[] COMMANDS = {
        IoctlRequests.FS_IOC_GETFLAGS,
        IoctlRequests.FS_IOC_SETFLAGS,
        IoctlRequests.FS_IOC_GETVERSION,
        IoctlRequests.FS_IOC_FSGETXATTR,
        IoctlRequests.FS_IOC_FSSETXATTR,
        ControlProtocol.HELLO,
        ControlProtocol.ATTACH,
        ControlProtocol.FAULT,
        ControlProtocol.DETACH,
        ControlProtocol.COLLAPSE_RANGE,
        ControlProtocol.INSERT_RANGE,
        ControlProtocol.EXTENTS,
        ControlProtocol.COMMIT_INODE,
        ControlProtocol.STATISTICS,
        ControlProtocol.FILE_STATISTICS,
        ControlProtocol.SYNC,
    };

    private static final long[] COOKIES = {7, 8};

    @FuzzTest
    @Timeout(value = 20, threadMode = Timeout.ThreadMode.SEPARATE_THREAD)
    void noRequestsStopTheVolume(byte[] bytes) throws FsException {
        try (FakeKernel kernel = new FakeKernel(new MemoryVolume(VOLUME_BYTES))) {
            new Run(kernel).requests(ByteBuffer.wrap(bytes).order(ByteOrder.LITTLE_ENDIAN));
        }
    }

    private static final class Run {
        private final FakeKernel kernel;
        private final long file;
        private final long handle;
        private long lastUnique = 1;

        Run(FakeKernel kernel) throws FsException {
            this.kernel = kernel;
            ByteBuffer create = FakeKernel.body(RequestLayout.Mknod.SIZE_BYTES, "f");
            create.putInt(RequestLayout.Mknod.MODE, 0100644);
            ByteBuffer entry = kernel.call(FuseOpcode.MKNOD, Nodes.ROOT_NODE, create).body();
            file = entry.getLong(ReplyLayout.Entry.NODE_ID);
            kernel.volume.write(file, 0, new byte[10_000], 0, 10_000, 0, Caller.ROOT);
            ByteBuffer open = FakeKernel.body(RequestLayout.Open.SIZE_BYTES);
            open.putInt(RequestLayout.Open.FLAGS, Libc.O_RDWR);
            ByteBuffer opened = kernel.call(FuseOpcode.OPEN, file, open).body();
            handle = opened.getLong(ReplyLayout.Open.HANDLE);
            lastUnique = 2;
        }

        void requests(ByteBuffer input) throws FsException {
            for (long cookie : COOKIES) {
                // whoever is to give something back is gone at once, as this is no socket
                DirectClient client = new DirectClient(Libc.load().eventfd(0, 0), cookie);
                client.guarded = cookie == COOKIES[0];
                kernel.state.mappings.connected(client);
            }
            for (int i = 0; i < MAX_REQUESTS && input.remaining() >= 3; i++) {
                request(input);
            }
            for (long cookie : COOKIES) {
                kernel.state.mappings.disconnected(kernel.state.mappings.client(cookie));
            }
            assertEquals(List.of(), kernel.endAndCheck());
        }

        private void request(ByteBuffer input) {
            int opcode = Byte.toUnsignedInt(input.get()) % (FuseOpcode.COUNT + 2);
            int which = Byte.toUnsignedInt(input.get());
            byte[] body = new byte[Math.min(Byte.toUnsignedInt(input.get()), input.remaining())];
            input.get(body);
            amend(opcode, which, ByteBuffer.wrap(body).order(ByteOrder.LITTLE_ENDIAN));
            int node = which & NODE_MASK;
            lastUnique++;
            check(opcode, kernel.exchange(opcode, node == 0 ? file : node, body));
        }

        /** Puts numbers where a fuzzer would not find the right ones. */
        private void amend(int opcode, int which, ByteBuffer body) {
            if ((which & WITH_HANDLE) != 0 && body.capacity() >= Long.BYTES) {
                body.putLong(0, handle);
            }
            if ((which & WITH_COMMAND) != 0
                    && opcode == FuseOpcode.IOCTL
                    && body.capacity() >= RequestLayout.Ioctl.SIZE_BYTES) {
                int choice = Byte.toUnsignedInt(body.get(RequestLayout.Ioctl.COMMAND));
                body.putInt(RequestLayout.Ioctl.COMMAND, COMMANDS[choice % COMMANDS.length]);
            }
        }

        private void check(int opcode, List<byte[]> messages) {
            int replies = 0;
            for (byte[] message : messages) {
                ByteBuffer header = ByteBuffer.wrap(message).order(ByteOrder.nativeOrder());
                assertTrue(message.length >= ReplyLayout.Header.SIZE_BYTES, "length");
                int error = header.getInt(ReplyLayout.Header.ERROR);
                long unique = header.getLong(ReplyLayout.Header.UNIQUE);
                replies += unique == lastUnique ? 1 : 0;
                boolean notification = unique == 0;
                assertTrue(notification || error <= 0 && error >= -MOST_ERRNO, "error " + error);
                assertTrue(unique >= 0 && unique <= lastUnique, "unique " + unique);
                assertTrue(error == 0 || notification || message.length == 16, "error with body");
            }
            assertTrue(replies <= 1, "replies " + replies);
            assertNull(kernel.volume.failure(), () -> "opcode " + opcode);
        }
    }
}
