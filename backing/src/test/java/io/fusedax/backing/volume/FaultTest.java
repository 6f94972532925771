package io.fusedax.backing.volume;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import io.fusedax.backing.Counter;
import io.fusedax.backing.FsException;
import io.fusedax.backing.journal.CommitCause;
import java.nio.charset.StandardCharsets;
import jnr.constants.platform.Errno;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;

/** What a load or a first store of a mapped page is answered, and what it changes. */
class FaultTest {
    private static final long PAGE = 4096;
    private static final long HUGE = 2 << 20;
    private static final long FILE = 8 << 20;

    private TestVolume volume;
    private long inode;
    private final Fault fault = new Fault();

    @BeforeEach
    void format() throws FsException {
        volume = new TestVolume(64 << 20);
        inode = volume.create(Volume.ROOT_INODE, "f");
    }

    @AfterEach
    void close() throws FsException {
        volume.close();
    }

    /** A fault of a mapping of the whole file at an address out of phase with huge pages. */
    private Fault small(long offset, boolean write) throws FsException {
        return fault(offset, write, 0x7000_0000_1000L + offset, 0);
    }

    private Fault huge(long offset, boolean write) throws FsException {
        return fault(offset, write, 0x7000_0000_0000L + offset, 0);
    }

    private Fault fault(long offset, boolean write, long address, int grantBytes)
            throws FsException {
        fault.offset = offset;
        fault.areaStart = 0;
        fault.areaEnd = FILE;
        fault.address = address;
        fault.write = write;
        fault.grantBytes = grantBytes;
        volume.volume.fault(inode, fault);
        return fault;
    }

    private void store(Fault granted, long offset, byte value) {
        volume.region.write(
                granted.regionOffset + offset - granted.start, new byte[] {value}, 0, 1);
    }

    private boolean commit() throws FsException {
        return volume.volume.commitInode(inode, CommitCause.FAULT);
    }

    @Test
    void aLoadFromAHoleIsZerosAndAllocatesNothing() throws FsException {
        volume.truncate(inode, FILE);
        small(3 * HUGE + PAGE, false);
        assertEquals(Fault.Kind.ZERO, fault.kind);
        assertEquals(3 * HUGE, fault.start);
        assertEquals(HUGE, fault.length);
        assertEquals(0, volume.stat(inode).blocks512);
    }

    @Test
    void aLoadIsGrantedTheWholeExtentWithinMappingAndFile() throws FsException {
        volume.truncate(inode, FILE);
        volume.write(inode, 10 * PAGE, new byte[(int) (20 * PAGE)]);
        small(15 * PAGE, false);
        assertEquals(Fault.Kind.READ, fault.kind);
        assertEquals(10 * PAGE, fault.start);
        assertEquals(20 * PAGE, fault.length);
        small(9 * PAGE, false);
        assertEquals(Fault.Kind.ZERO, fault.kind);
        assertEquals(0, fault.start);
        assertEquals(10 * PAGE, fault.length);
        small(30 * PAGE, false);
        assertEquals(30 * PAGE, fault.start);
        assertEquals(HUGE - 30 * PAGE, fault.length);
    }

    @Test
    void behindTheEndIsNothing() throws FsException {
        volume.truncate(inode, PAGE + 1);
        assertEquals(Fault.Kind.BUS, small(2 * PAGE, false).kind);
        assertEquals(Fault.Kind.BUS, small(2 * PAGE, true).kind);
        assertEquals(Fault.Kind.WRITE, small(PAGE, true).kind);
        assertEquals(Fault.Kind.ZERO, small(0, false).kind);
    }

    @Test
    void everyPageOfAHoleIsOneFaultAndOneCommit() throws FsException {
        volume.truncate(inode, FILE);
        volume.volume.sync(CommitCause.SYNC);
        for (int page = 0; page < 64; page++) {
            small(page * PAGE, true);
            assertEquals(PAGE, fault.length);
            assertEquals(fault.offset, fault.changedStart);
            assertTrue(commit());
        }
        assertEquals(64, volume.volume.counters().get(Counter.JOURNAL_COMMITS_FAULT));
        assertFalse(commit());
    }

    @Test
    void everyPageOfUnwrittenBlocksIsOneCommitAndOfWrittenOnesNone() throws FsException {
        volume.volume.fallocate(inode, 0, 0, FILE, Caller.ROOT);
        volume.volume.sync(CommitCause.SYNC);
        for (int page = 0; page < 64; page++) {
            assertEquals(Fault.Kind.ZERO, small(page * PAGE, false).kind);
            small(page * PAGE, true);
            assertEquals(Fault.Kind.WRITE, fault.kind);
            assertTrue(commit());
            small(page * PAGE, true);
            assertEquals(0, fault.changedEnd);
            assertFalse(commit());
        }
    }

    @Test
    void anAlignedHoleIsGrantedByHugePages() throws FsException {
        volume.truncate(inode, FILE);
        for (long at = PAGE; at < FILE; at += HUGE) {
            huge(at, true);
            assertTrue(fault.wantsHuge);
            assertTrue(fault.huge);
            assertEquals(at - PAGE, fault.start);
            assertEquals(HUGE, fault.length);
            assertEquals(0, fault.regionOffset % HUGE);
            assertTrue(commit());
        }
        assertEquals(FILE / 512, volume.stat(inode).blocks512);
    }

    @Test
    void aHugePageThatIsPartlyWrittenFallsBack() throws FsException {
        volume.truncate(inode, FILE);
        volume.write(inode, PAGE, new byte[1]);
        huge(0, true);
        assertTrue(fault.wantsHuge);
        assertFalse(fault.huge);
        assertEquals(PAGE, fault.length);
        volume.truncate(inode, FILE - 1);
        assertTrue(huge(FILE - PAGE, true).huge, "the end counts rounded up to a page");
        volume.truncate(inode, FILE - PAGE);
        assertFalse(huge(FILE - 2 * PAGE, true).wantsHuge);
    }

    @Test
    void widerGrantsTakeTheirWindowWithin() throws FsException {
        volume.truncate(inode, FILE);
        fault(20 * PAGE, true, 0, 1 << 16);
        assertEquals(16 * PAGE, fault.start);
        assertEquals(16 * PAGE, fault.length);
        fault(21 * PAGE, true, 0, 1 << 16);
        assertEquals(0, fault.changedEnd);
        assertEquals(16 * PAGE, fault.length);
        volume.truncate(inode, 5 * PAGE);
        fault(PAGE, true, 0, 1 << 16);
        assertEquals(0, fault.start);
        assertEquals(5 * PAGE, fault.length);
    }

    @Test
    void aStoreIsReadBackAndSurvivesWithItsCommit() throws FsException {
        volume.truncate(inode, FILE);
        volume.volume.sync(CommitCause.SYNC);
        small(PAGE, true);
        store(fault, PAGE + 7, (byte) 9);
        assertTrue(commit());
        small(2 * PAGE, true);
        store(fault, 2 * PAGE, (byte) 8);
        assertArrayEquals(new byte[] {0, 9, 0}, volume.read(inode, PAGE + 6, 3));
        volume.crash();
        assertArrayEquals(new byte[] {0, 9, 0}, volume.read(inode, PAGE + 6, 3));
        assertArrayEquals(new byte[] {0}, volume.read(inode, 2 * PAGE, 1));
        assertEquals(8, volume.stat(inode).blocks512, "the second page was not committed");
    }

    @Test
    void storesBehindTheEndWithinTheLastPageShowWhenTheFileGrows() throws FsException {
        volume.write(inode, 0, "x".repeat(8192).getBytes(StandardCharsets.US_ASCII));
        volume.truncate(inode, PAGE + 100);
        small(PAGE, true);
        byte[] tail = new byte[2];
        volume.region.read(fault.regionOffset + 100, tail, 0, 2);
        assertArrayEquals(new byte[2], tail);
        store(fault, PAGE + 100, (byte) 1);
        volume.write(inode, PAGE + 100 - 1, new byte[] {5});
        volume.truncate(inode, 3 * PAGE);
        assertArrayEquals(new byte[] {5, 1, 0}, volume.read(inode, PAGE + 99, 3));
    }

    @Test
    void theTailIsZeroedAgainAfterTheFileShrank() throws FsException {
        volume.write(inode, 0, "x".repeat(8192).getBytes(StandardCharsets.US_ASCII));
        volume.truncate(inode, 100);
        store(small(0, true), 100, (byte) 1);
        volume.truncate(inode, 200);
        volume.truncate(inode, 50);
        volume.truncate(inode, 200);
        assertArrayEquals(new byte[150], volume.read(inode, 50, 150));
    }

    @Test
    void aFullVolumeIsNoSpaceAndRoomIsFoundAgain() throws FsException {
        volume.truncate(inode, FILE);
        long filler = volume.create(Volume.ROOT_INODE, "filler");
        FsException full = null;
        try {
            for (long at = 0; ; at += 1 << 16) {
                assertEquals(1 << 16, volume.write(filler, at, new byte[1 << 16]));
            }
        } catch (FsException | AssertionError e) {
            full = e instanceof FsException expected ? expected : null;
        }
        FsException refused = assertThrows(FsException.class, () -> fillPages());
        assertEquals(Errno.ENOSPC, refused.errno());
        assertTrue(full == null || full.errno() == Errno.ENOSPC);
        volume.unlink(Volume.ROOT_INODE, "filler");
        assertEquals(Fault.Kind.WRITE, small(FILE - PAGE, true).kind);
    }

    private void fillPages() throws FsException {
        for (long at = 0; at < FILE; at += PAGE) {
            small(at, true);
        }
    }

    @Test
    void freedBlocksAreKeptWhileAProgramMayReachThem() throws FsException {
        volume.write(inode, 0, new byte[16 << 20]);
        volume.volume.sync(CommitCause.SYNC);
        volume.volume.holdFreedBlocks(true);
        volume.truncate(inode, 0);
        volume.volume.sync(CommitCause.SYNC);
        long filler = volume.create(Volume.ROOT_INODE, "filler");
        long held = written(filler);
        volume.volume.holdFreedBlocks(false);
        long afterwards = written(filler);
        assertTrue(held > 0);
        assertTrue(afterwards > 12 << 20, "came back: " + afterwards);
    }

    /** Appends until the volume is full. */
    private long written(long file) throws FsException {
        long start = volume.stat(file).sizeBytes;
        long at = start;
        try {
            while (true) {
                at += volume.write(file, at, new byte[1 << 16]);
            }
        } catch (FsException e) {
            assertEquals(Errno.ENOSPC, e.errno());
        }
        return at - start;
    }
}
