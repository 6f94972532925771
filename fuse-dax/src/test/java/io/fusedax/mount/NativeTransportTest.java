package io.fusedax.mount;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertNotNull;
import static org.junit.jupiter.api.Assertions.assertNull;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import io.fusedax.backing.FsException;
import io.fusedax.backing.volume.Caller;
import io.fusedax.backing.volume.InodeAttributes;
import java.nio.ByteBuffer;
import java.util.Random;
import jnr.constants.platform.Errno;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;

/** The native transport against a kernel that behaves, and one that does not. */
class NativeTransportTest {
    private static final int O_RDWR = 2;

    private FakeKernel kernel;

    @BeforeEach
    void start() throws FsException {
        kernel = new FakeKernel();
    }

    @AfterEach
    void end() throws FsException {
        kernel.close();
    }

    private long create(String name) {
        ByteBuffer body = FakeKernel.body(RequestLayout.Mknod.SIZE_BYTES, name);
        body.putInt(RequestLayout.Mknod.MODE, 0100644);
        FakeKernel.Reply reply = kernel.call(FuseOpcode.MKNOD, Nodes.ROOT_NODE, body);
        assertEquals(0, reply.error());
        return reply.body().getLong(ReplyLayout.Entry.NODE_ID);
    }

    private int error(int opcode, long node, ByteBuffer body) {
        FakeKernel.Reply reply = kernel.call(opcode, node, body);
        assertNotNull(reply);
        return -reply.error();
    }

    private void forget(long node, long lookups) {
        ByteBuffer body = FakeKernel.body(RequestLayout.Forget.SIZE_BYTES);
        body.putLong(0, lookups);
        assertNull(kernel.call(FuseOpcode.FORGET, node, body));
    }

    private boolean lives(long node) {
        try {
            kernel.volume.getattr(node, new InodeAttributes());
            return true;
        } catch (FsException e) {
            assertEquals(Errno.ESTALE, e.errno());
            return false;
        }
    }

    /** A program chooses what a FAULT says of its addresses; the volume must not fail by it. */
    @Test
    void areasThatCannotBeAreNotNoted() throws FsException {
        long node = create("file");
        kernel.volume.write(node, 0, new byte[8192], 0, 8192, 0, Caller.ROOT);
        DirectClient client = new DirectClient(Libc.load().eventfd(0, 0), 7);
        client.guarded = true;
        kernel.state.mappings.connected(client);
        kernel.state.mappings.attach(client, node, 0);
        long page = 0x7f0000000000L;
        assertTrue(guardedBytes(node, 0, 8192, page) > 0);
        assertEquals(0, guardedBytes(node, 0, 0x7ffffffffffff000L, page)); // the end overflows
        assertEquals(0, guardedBytes(node, 0, 8192, page + 1));
        assertEquals(0, guardedBytes(node, 0, 8192, -4096));
        assertEquals(0, guardedBytes(node, 0, 8192, Long.MAX_VALUE - 4095));
        assertFalse(kernel.volume.readOnly());
        kernel.state.mappings.disconnected(client);
    }

    private long open(long node) {
        ByteBuffer body = FakeKernel.body(RequestLayout.Open.SIZE_BYTES);
        body.putInt(RequestLayout.Open.FLAGS, Libc.O_RDWR);
        return kernel.call(FuseOpcode.OPEN, node, body).body().getLong(ReplyLayout.Open.HANDLE);
    }

    /** It says how far it got: at least some, so that the program's loop goes on. */
    @Test
    void anInterruptedCopyEndsEarly() throws FsException {
        int length = 3 * RequestContext.MAX_DATA_BYTES;
        long in = create("in");
        long out = create("out");
        kernel.volume.write(in, 0, new byte[length], 0, length, 0, Caller.ROOT);
        ByteBuffer body = FakeKernel.body(RequestLayout.CopyFileRange.SIZE_BYTES);
        body.putLong(RequestLayout.CopyFileRange.IN_HANDLE, open(in));
        body.putLong(RequestLayout.CopyFileRange.OUT_HANDLE, open(out));
        body.putLong(RequestLayout.CopyFileRange.LENGTH, length);
        int opcode = FuseOpcode.COPY_FILE_RANGE_64;
        FakeKernel.Reply part = kernel.callInterrupted(opcode, in, body);
        int copied = ReplyLayout.CopyFileRange.BYTES_COPIED;
        assertEquals(RequestContext.MAX_DATA_BYTES, part.body().getLong(copied));
        assertEquals(length, kernel.call(opcode, in, body).body().getLong(copied));
    }

    /** What may be guarded, says the answer to a first store at offset 0 of a file. */
    private long guardedBytes(long node, long areaStart, long areaEnd, long address) {
        long handle = open(node);
        int fault = RequestLayout.Ioctl.SIZE_BYTES;
        ByteBuffer body = FakeKernel.body(fault + ControlProtocol.Fault.SIZE_BYTES);
        body.putLong(RequestLayout.Ioctl.HANDLE, handle);
        body.putInt(RequestLayout.Ioctl.COMMAND, ControlProtocol.FAULT);
        body.putInt(RequestLayout.Ioctl.IN_SIZE, ControlProtocol.Fault.SIZE_BYTES);
        body.putInt(RequestLayout.Ioctl.OUT_SIZE, ControlProtocol.Fault.SIZE_BYTES);
        body.putLong(fault + ControlProtocol.Fault.COOKIE, 7);
        body.putInt(fault + ControlProtocol.Fault.FLAGS, ControlProtocol.Fault.FLAG_WRITE);
        body.putLong(fault + ControlProtocol.Fault.AREA_START, areaStart);
        body.putLong(fault + ControlProtocol.Fault.AREA_END, areaEnd);
        body.putLong(fault + ControlProtocol.Fault.ADDRESS, address);
        body.putLong(fault + ControlProtocol.Fault.AREA, 1);
        FakeKernel.Reply reply = kernel.call(FuseOpcode.IOCTL, node, body);
        assertEquals(0, reply.error());
        int answer = ReplyLayout.Ioctl.SIZE_BYTES;
        int result = reply.body().getInt(answer + ControlProtocol.Fault.RESULT);
        assertEquals(ControlProtocol.Fault.RESULT_WRITE, result);
        return reply.body().getLong(answer + ControlProtocol.Fault.GUARD_LENGTH);
    }

    @Test
    void anUnlinkedInodeLivesUntilTheLastForget() {
        long node = create("file");
        assertEquals(0, error(FuseOpcode.LOOKUP, Nodes.ROOT_NODE, FakeKernel.body(0, "file")));
        assertEquals(0, error(FuseOpcode.UNLINK, Nodes.ROOT_NODE, FakeKernel.body(0, "file")));
        assertTrue(lives(node));
        forget(node, 1);
        assertTrue(lives(node));
        forget(node, 1);
        assertFalse(lives(node));
    }

    @Test
    void batchForgetForgetsEach() {
        long one = create("one");
        long two = create("two");
        for (String name : new String[] {"one", "two"}) {
            error(FuseOpcode.UNLINK, Nodes.ROOT_NODE, FakeKernel.body(0, name));
        }
        ByteBuffer body =
                FakeKernel.body(
                        RequestLayout.BatchForget.SIZE_BYTES
                                + 2 * RequestLayout.ForgetOne.SIZE_BYTES);
        body.putInt(0, 1 << 30); // more than there are
        body.putLong(8, one);
        body.putLong(16, 1);
        body.putLong(24, two);
        body.putLong(32, 1);
        assertNull(kernel.call(FuseOpcode.BATCH_FORGET, 0, body));
        assertFalse(lives(one) || lives(two));
        assertEquals(0, kernel.state.lookups.size());
    }

    @Test
    void forgottenInodesWithANameStay() {
        long node = create("file");
        forget(node, 1);
        assertEquals(0, kernel.state.lookups.size());
        assertTrue(lives(node));
    }

    @Test
    void hiddenInodesAreNobodysNode() {
        for (long node : new long[] {-1, 0, 2, 3, 1L << 40, Long.MIN_VALUE}) {
            assertEquals(
                    Errno.ESTALE.intValue(),
                    error(FuseOpcode.GETATTR, node, FakeKernel.body(16)),
                    "node " + node);
        }
    }

    @Test
    void truncatedRequestsAreRefused() {
        for (int opcode = 0; opcode < FuseOpcode.COUNT + 3; opcode++) {
            int least = RequestLayout.leastBodyBytes(opcode);
            for (int size = 0; size < least; size++) {
                FakeKernel.Reply reply = kernel.call(opcode, 1, FakeKernel.body(size));
                assertEquals(-Errno.EIO.intValue(), reply.error(), opcode + " of " + size);
            }
        }
        assertNull(kernel.sendRaw(new byte[7]));
        assertNull(kernel.sendRaw(new byte[RequestLayout.Header.SIZE_BYTES])); // says length 0
        create("still serving");
    }

    @Test
    void unknownRequestsAreENOSYS() {
        for (int opcode : new int[] {0, 7, 40, 49, FuseOpcode.COUNT, 4096, -1}) {
            assertEquals(
                    Errno.ENOSYS.intValue(), error(opcode, 1, FakeKernel.body(64)), "op " + opcode);
        }
    }

    @Test
    void randomRequestsNeverStopTheVolume() {
        long seed = Long.getLong("seed", System.nanoTime());
        System.out.println("randomRequestsNeverStopTheVolume: -Dseed=" + seed);
        Random random = new Random(seed);
        long node = create("file");
        for (int i = 0; i < 20_000; i++) {
            byte[] bytes = new byte[random.nextInt(200)];
            random.nextBytes(bytes);
            if (random.nextBoolean()) { // small numbers are likelier to mean something
                for (int b = 0; b < bytes.length; b++) {
                    bytes[b] = random.nextInt(3) == 0 ? (byte) random.nextInt(4) : 0;
                }
            }
            long target = random.nextInt(3) == 0 ? random.nextLong() : random.nextInt(8);
            int opcode = random.nextInt(FuseOpcode.COUNT + 2);
            kernel.call(opcode, random.nextBoolean() ? node : target, ByteBuffer.wrap(bytes));
            assertNull(kernel.volume.failure(), () -> "opcode " + opcode + ", seed " + seed);
        }
    }

    @Test
    void aWriteThatClaimsMoreThanItCarriesIsRefused() {
        long node = create("file");
        ByteBuffer open = FakeKernel.body(RequestLayout.Open.SIZE_BYTES);
        open.putInt(0, O_RDWR);
        long handle = kernel.call(FuseOpcode.OPEN, node, open).body().getLong(0);
        ByteBuffer write = FakeKernel.body(RequestLayout.Write.SIZE_BYTES + 10);
        write.putLong(RequestLayout.Write.HANDLE, handle);
        write.putInt(RequestLayout.Write.SIZE, 11);
        assertEquals(Errno.EINVAL.intValue(), error(FuseOpcode.WRITE, node, write));
        write.putInt(RequestLayout.Write.SIZE, 10);
        assertEquals(0, error(FuseOpcode.WRITE, node, write));
    }

    @Test
    void initAgreesOnNoMoreThanIsOffered() {
        ByteBuffer body = FakeKernel.body(64);
        body.putInt(RequestLayout.Init.MAJOR, 7);
        body.putInt(RequestLayout.Init.MINOR, 31);
        body.putInt(RequestLayout.Init.FLAGS, 1 << 22 | 1 << 5);
        FakeKernel.Reply reply = kernel.call(FuseOpcode.INIT, 0, body);
        assertEquals(0, reply.error());
        assertEquals(1 << 22 | 1 << 5, reply.body().getInt(ReplyLayout.Init.FLAGS));
        assertEquals(1 << 20, reply.body().getInt(ReplyLayout.Init.MAX_WRITE));
        assertEquals(256, reply.body().getShort(ReplyLayout.Init.MAX_PAGES));
        assertEquals(0, reply.body().getInt(ReplyLayout.Init.FLAGS2));
        body.putInt(RequestLayout.Init.MINOR, 12);
        assertEquals(Errno.EPROTO.intValue(), error(FuseOpcode.INIT, 0, body));
    }

    @Test
    void lookupCountsKeepApartWhatHashesAlike() throws FsException {
        LookupCounts counts = kernel.state.lookups;
        for (int round = 1; round <= 3; round++) {
            for (long inode = 4; inode < 20_000; inode += 3) {
                counts.known(inode);
            }
        }
        assertEquals(6666, counts.size());
        for (long inode = 19_999; inode >= 4; inode -= 3) {
            counts.forget(inode, inode % 2 == 0 ? 3 : 2);
        }
        for (long inode = 4; inode < 20_000; inode += 3) {
            counts.forget(inode, 1); // again: the even ones are gone
        }
        assertEquals(0, counts.size());
    }

    @Test
    void theKernelsReleaseDecides() {
        assertTrue(NativeTransport.isPossible("6.18.44-fc-v669"));
        assertTrue(NativeTransport.isPossible("4.20"));
        assertTrue(NativeTransport.isPossible("5"));
        assertFalse(NativeTransport.isPossible("4.19.0-21-amd64"));
        assertFalse(NativeTransport.isPossible("3.10.0"));
        assertThrows(
                IllegalArgumentException.class,
                () -> MountOptions.builder().accept("transport=carrier-pigeon"));
    }
}
