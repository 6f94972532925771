package io.fusedax.mount;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertNotEquals;
import static org.junit.jupiter.api.Assertions.assertNotNull;
import static org.junit.jupiter.api.Assertions.assertNull;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import io.fusedax.backing.Counter;
import io.fusedax.backing.FsException;
import io.fusedax.backing.volume.Caller;
import io.fusedax.backing.volume.Fault;
import io.fusedax.backing.volume.InodeAttributes;
import io.fusedax.backing.volume.SetAttributes;
import io.fusedax.backing.volume.Volume;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.TimeUnit;
import jnr.constants.platform.Errno;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;

/** Programs, faults and changes of a file against each other, over real sockets. */
class DirectMappingsTest {
    private static final int PAGE = 4096;
    private static final long FILE_BYTES = 1 << 20;
    private static final int WRITE = ControlProtocol.Fault.FLAG_WRITE;
    private static final int SYNC = ControlProtocol.Fault.FLAG_SYNC;
    private static final long LIMIT_SECONDS = 10;

    private final int owner = Libc.load().geteuid();
    private final Fault fault = new Fault();
    private final DirectMappings.Answer answer = new DirectMappings.Answer();
    private MemoryVolume memory;
    private Volume volume;
    private FaultStatistics statistics;
    private DirectMappings mappings;
    private ClientServer server;
    private GuardServer guards;
    private FakeProgram program;
    private FakeProgram other;
    private DirectClient client;
    private DirectClient otherClient;
    private long inode;

    @BeforeEach
    void start() throws FsException {
        memory = new MemoryVolume();
        volume = memory.volume;
        inode = volume.mknod(Volume.ROOT_INODE, new byte[] {'f'}, 0, 1, 0100644, 0, Caller.ROOT);
        truncate(FILE_BYTES);
        statistics = new FaultStatistics(volume.counters());
        serve(TimeUnit.SECONDS.toNanos(LIMIT_SECONDS));
    }

    private void serve(long ackTimeoutNanos) throws FsException {
        mappings = new DirectMappings(volume, statistics, 0, ackTimeoutNanos);
        guards = new GuardServer(mappings, new ErrorMapper(volume));
        server = ClientServer.start(volume, mappings, owner, guards);
        program = new FakeProgram(server.session());
        other = new FakeProgram(server.session());
        client = mappings.client(program.hello());
        otherClient = mappings.client(other.hello());
        mappings.attach(client, inode, 1);
        mappings.attach(otherClient, inode, 1);
    }

    @AfterEach
    void end() throws FsException {
        stopServing();
        memory.close();
    }

    private void stopServing() {
        server.close();
        guards.close();
        program.close();
        other.close();
    }

    private void truncate(long bytes) throws FsException {
        volume.setattr(inode, new SetAttributes().size(bytes), Caller.ROOT, new InodeAttributes());
    }

    private int fault(DirectClient who, long offset, int flags) throws FsException {
        fault.offset = offset;
        fault.areaStart = 0;
        fault.areaEnd = FILE_BYTES;
        fault.address = PAGE + offset;
        mappings.fault(who, inode, flags, fault, answer);
        return answer.result;
    }

    private interface Task {
        void run() throws FsException;
    }

    private static CompletableFuture<Void> inBackground(Task task) {
        return CompletableFuture.runAsync(
                () -> {
                    try {
                        task.run();
                    } catch (FsException e) {
                        throw new AssertionError(e);
                    }
                });
    }

    private static void await(CompletableFuture<?> task) throws Exception {
        task.get(LIMIT_SECONDS, TimeUnit.SECONDS);
    }

    private long count(Counter counter) {
        return volume.counters().get(counter);
    }

    /** Nor is any descriptor kept that came with a message. */
    @Test
    void whatIsNoUserfaultfdIsRefused() throws Exception {
        long cookie = client.cookie;
        int version = ControlProtocol.VERSION;
        int event = Libc.load().eventfd(0, 0);
        int otherEvent = Libc.load().eventfd(0, 0);
        try {
            assertEquals(Errno.EINVAL.intValue(), offer(cookie, version));
            long before = FakeProgram.openEvents();
            assertEquals(Errno.EINVAL.intValue(), offer(cookie, version, event));
            assertEquals(Errno.EINVAL.intValue(), offer(cookie, version, event, otherEvent));
            assertEquals(Errno.EPROTO.intValue(), offer(cookie, version - 1, event));
            assertEquals(Errno.ESTALE.intValue(), offer(cookie + 1000, version, event));
            assertFalse(client.guarded);
            assertEquals(before, FakeProgram.openEvents());
        } finally {
            Libc.load().close(event);
            Libc.load().close(otherEvent);
        }
    }

    private int offer(long cookie, int version, int... descriptors) {
        try (FakeProgram shortConnection = new FakeProgram(server.session())) {
            return shortConnection.guard(cookie, version, descriptors);
        }
    }

    /** The page has its blocks, so the answer needs no transaction; what it promises, it needs. */
    @Test
    void aSynchronousStoreIsRefusedWhenTheVolumeHasFailed() throws FsException {
        assertEquals(ControlProtocol.Fault.RESULT_WRITE, fault(client, 0, WRITE)); // not committed
        volume.fail("test", new IllegalStateException("a bug"));
        assertThrows(FsException.class, () -> fault(client, 0, WRITE | SYNC));
    }

    @Test
    void anotherVersionIsRefused() {
        try (FakeProgram old = new FakeProgram(server.session())) {
            assertEquals(Errno.EPROTO.intValue(), old.hello(ControlProtocol.VERSION + 1));
            assertEquals(0, old.receive());
        }
    }

    @Test
    void theRegionIsGivenWritableOnlyToWhoMayStore() throws Exception {
        try (FakeProgram asking = new FakeProgram(server.session())) {
            assertEquals(Errno.EACCES.intValue(), asking.region(client.cookie, true));
            assertEquals(-1, asking.passed);
        }
        client.mayStore = true;
        for (boolean writable : new boolean[] {false, true}) {
            try (FakeProgram asking = new FakeProgram(server.session())) {
                assertEquals(0, asking.region(client.cookie, writable));
                assertEquals(
                        memory.region.sizeBytes(),
                        asking.getLong(DirectProtocol.Grant.REGION_BYTES));
                String info = Files.readString(Path.of("/proc/self/fdinfo/" + asking.passed));
                int flags = Integer.parseInt(info.replaceAll("(?s).*flags:\\s+(\\d+).*", "$1"), 8);
                assertEquals(writable ? Libc.O_RDWR : Libc.O_RDONLY, flags & Libc.O_ACCMODE);
                assertFalse(info.contains("FLOCK"), info);
                Libc.load().close(asking.passed);
            }
        }
        try (FakeProgram asking = new FakeProgram(server.session())) {
            assertEquals(Errno.ESTALE.intValue(), asking.region(client.cookie + 1, false));
        }
    }

    @Test
    void aFaultWithoutAttachmentIsRefused() throws FsException {
        mappings.detach(client, inode);
        FsException refused = assertThrows(FsException.class, () -> fault(client, 0, 0));
        assertEquals(Errno.ESTALE, refused.errno());
        assertEquals(ControlProtocol.Fault.RESULT_ZERO, fault(otherClient, 0, 0));
    }

    @Test
    void aStoreIntoAHoleTakesTheZerosOfOthersBackFirst() throws Exception {
        fault(client, 0, 0);
        long before = answer.generation;
        CompletableFuture<Void> store = inBackground(() -> fault(otherClient, PAGE, WRITE | SYNC));
        int serial = program.awaitRevoke(PAGE, 2 * PAGE);
        assertFalse(store.isDone());
        program.acknowledge(serial);
        await(store);
        assertEquals(ControlProtocol.Fault.RESULT_WRITE, answer.result);
        assertTrue(answer.generation > before);
        assertEquals(1, count(Counter.REVOCATIONS));
        assertEquals(1, count(Counter.FAULT_COMMITS));
        assertEquals(1, count(Counter.SYNCHRONOUS_FAULTS));
        // nothing is left to take back there
        fault(otherClient, PAGE, WRITE);
        assertEquals(-1, program.receiveNow());
    }

    @Test
    void aProgramsOwnZerosMakeItsAnswersUnderWayVoid() throws FsException {
        fault(client, 0, 0);
        long zeros = answer.generation;
        fault(client, 0, WRITE);
        assertTrue(answer.generation > zeros);
        assertEquals(-1, program.receiveNow());
        long stored = answer.generation;
        fault(client, 0, WRITE);
        assertEquals(stored, answer.generation);
    }

    @Test
    void aWriteCallTakesOnlyZerosBack() throws Exception {
        fault(client, 0, 0);
        CompletableFuture<Void> store = inBackground(() -> fault(otherClient, 8 * PAGE, WRITE));
        program.acknowledge(program.awaitRevoke(8 * PAGE, 9 * PAGE));
        await(store);
        mappings.written(inode, 8 * PAGE, 8 * PAGE + 5);
        assertEquals(-1, program.receiveNow());
        CompletableFuture<Void> write = inBackground(() -> mappings.written(inode, 5, PAGE + 1));
        program.acknowledge(program.awaitRevoke(0, 2 * PAGE));
        await(write);
        assertEquals(-1, other.receiveNow());
    }

    @Test
    void aChangeWaitsForAllAndFaultsOnItsRangeAreToAskAgain() throws Exception {
        fault(client, 4 * PAGE, WRITE);
        fault(otherClient, 4 * PAGE, WRITE);
        boolean[] ran = new boolean[1];
        CompletableFuture<Void> change =
                inBackground(() -> mappings.change(inode, 4 * PAGE, 6 * PAGE, () -> ran[0] = true));
        int serial = program.awaitRevoke(4 * PAGE, 6 * PAGE);
        int otherSerial = other.awaitRevoke(4 * PAGE, 6 * PAGE);
        assertEquals(ControlProtocol.Fault.RESULT_RETRY, fault(client, 5 * PAGE, WRITE));
        // the whole file for a moment, then only what is changed
        long deadline = System.nanoTime() + TimeUnit.SECONDS.toNanos(LIMIT_SECONDS);
        while (fault(client, 3 * PAGE, WRITE) == ControlProtocol.Fault.RESULT_RETRY) {
            assertTrue(System.nanoTime() < deadline);
            Thread.onSpinWait();
        }
        assertEquals(ControlProtocol.Fault.RESULT_WRITE, answer.result);
        assertEquals(ControlProtocol.Fault.RESULT_ZERO, fault(client, 6 * PAGE, 0));
        assertEquals(6 * PAGE, fault.start);
        program.acknowledge(serial);
        assertFalse(ran[0]);
        other.acknowledge(otherSerial);
        await(change);
        assertTrue(ran[0]);
        assertEquals(ControlProtocol.Fault.RESULT_WRITE, fault(client, 5 * PAGE, WRITE));
    }

    @Test
    void whatNobodyHasIsChangedWithoutAsking() throws FsException {
        fault(client, 0, WRITE);
        mappings.change(inode, PAGE, Long.MAX_VALUE, () -> truncate(PAGE));
        assertEquals(-1, program.receiveNow());
        assertEquals(ControlProtocol.Fault.RESULT_BUS, fault(client, PAGE, 0));
        assertEquals(0, count(Counter.REVOCATIONS));
    }

    @Test
    void whoEndsIsNotWaitedFor() throws Exception {
        fault(client, 0, WRITE);
        CompletableFuture<Void> change =
                inBackground(() -> mappings.change(inode, 0, Long.MAX_VALUE, () -> truncate(0)));
        program.awaitRevoke(0, -1);
        program.close();
        await(change);
        assertEquals(0, count(Counter.REVOCATION_TIMEOUTS));
    }

    /** The end of a program shows at the socket before the server has seen it. */
    @Test
    void whoHasJustEndedIsNotCutOff() throws Exception {
        for (int i = 0; i < 300; i++) {
            try (FakeProgram brief = new FakeProgram(server.session())) {
                DirectClient briefClient = mappings.client(brief.hello());
                mappings.attach(briefClient, inode, 1);
                fault(briefClient, 0, 0);
            }
            mappings.change(inode, 0, Long.MAX_VALUE, () -> {});
        }
        assertEquals(0, count(Counter.REVOCATION_TIMEOUTS));
    }

    @Test
    void whoDoesNotAnswerIsCutOffAndItsBlocksAreKeptWhileItLives() throws Exception {
        stopServing();
        serve(TimeUnit.MILLISECONDS.toNanos(50));
        fault(client, 0, WRITE);
        long block = fault.regionOffset;
        mappings.change(inode, 0, Long.MAX_VALUE, () -> truncate(0));
        assertEquals(1, count(Counter.REVOCATION_TIMEOUTS));
        program.awaitRevoke(0, -1);
        assertEquals(0, program.receive(), "the connection ends");
        assertNull(mappings.client(client.cookie));
        truncate(FILE_BYTES);
        volume.sync(io.fusedax.backing.journal.CommitCause.SYNC);
        assertFalse(everyBlockCanBe(block));
        long cookie = client.cookie;
        program.close();
        awaitGone(cookie);
        assertTrue(everyBlockCanBe(block));
    }

    private void awaitGone(long cookie) throws InterruptedException {
        try (FakeProgram next = new FakeProgram(server.session())) {
            next.hello(); // served after the end of the one before
        }
        assertNull(mappings.client(cookie));
    }

    /** Whether a new file can get a block, when it takes all there are. */
    private boolean everyBlockCanBe(long regionOffset) throws FsException {
        byte[] name = {'g'};
        long file = volume.mknod(Volume.ROOT_INODE, name, 0, 1, 0100644, 0, Caller.ROOT);
        boolean[] found = new boolean[1];
        try {
            for (long at = 0; ; at += 1 << 16) {
                volume.write(file, at, new byte[1 << 16], 0, 1 << 16, 0, Caller.ROOT);
            }
        } catch (FsException e) {
            assertEquals(Errno.ENOSPC, e.errno());
        }
        volume.extents(
                file,
                0,
                (logical, physical, length, unwritten) -> {
                    found[0] |=
                            physical * PAGE <= regionOffset
                                    && regionOffset < (physical + length) * PAGE;
                    return true;
                });
        volume.unlink(Volume.ROOT_INODE, name, 0, 1);
        return found[0];
    }

    @Test
    void fsyncFlushesWhatProgramsMayHaveStored() throws FsException {
        long before = count(Counter.REGION_FLUSHED_BYTES);
        fault(client, 0, WRITE);
        fault(client, PAGE, WRITE);
        long zeroed = count(Counter.REGION_FLUSHED_BYTES);
        assertEquals(2 * PAGE, zeroed - before);
        mappings.flushStores(inode);
        mappings.flushAllStores(); // stores may have gone on
        assertEquals(4 * PAGE, count(Counter.REGION_FLUSHED_BYTES) - zeroed);
        mappings.detach(client, inode);
        mappings.detach(otherClient, inode);
        assertEquals(6 * PAGE, count(Counter.REGION_FLUSHED_BYTES) - zeroed);
        mappings.flushStores(inode);
        assertEquals(6 * PAGE, count(Counter.REGION_FLUSHED_BYTES) - zeroed);
    }

    @Test
    void countsAreKeptForEachFile() throws FsException {
        fault(client, 0, 0);
        fault(client, 0, WRITE | SYNC);
        fault(client, PAGE, WRITE | ControlProtocol.Fault.FLAG_PREFAULT);
        FaultCounts counts = statistics.find(inode, 1);
        assertNotNull(counts);
        assertEquals(1, counts.get(Counter.READ_FAULTS));
        assertEquals(1, counts.get(Counter.ZERO_PAGE_GRANTS));
        assertEquals(1, counts.get(Counter.WRITE_FAULTS));
        assertEquals(1, counts.get(Counter.FAULT_COMMITS));
        assertNull(statistics.find(inode, 2));
        long[] median = new long[1];
        statistics.visitLatency((key, nanos) -> median[0] = Math.max(median[0], nanos));
        assertNotEquals(0, median[0]);
    }
}
