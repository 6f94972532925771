package io.fusedax.backing.volume;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertNull;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import io.fusedax.backing.FsException;
import io.fusedax.backing.format.Checksums;
import io.fusedax.backing.format.Geometry;
import io.fusedax.backing.format.MountStateLayout;
import io.fusedax.backing.format.Superblock;
import io.fusedax.backing.journal.CommitCause;
import io.fusedax.backing.region.BadBlocks;
import io.fusedax.backing.region.MediaErrorException;
import java.util.Arrays;
import jnr.constants.platform.Errno;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;

/** Bad blocks: EIO in file data until they are overwritten; in metadata they stop the volume. */
class MediaErrorTest {
    private static final int UNIT = BadBlocks.UNIT_BYTES;
    private static final int PAGE = 4096;
    private static final int PUNCH = RangeOperations.PUNCH_HOLE | RangeOperations.KEEP_SIZE;

    private TestVolume volume;
    private long inode;
    private final byte[] content = new byte[16 * PAGE];

    @BeforeEach
    void format() throws FsException {
        Arrays.fill(content, (byte) 'c');
        volume = new TestVolume(64 << 20);
        inode = volume.create(Volume.ROOT_INODE, "f");
        volume.write(inode, 0, content);
    }

    @AfterEach
    void close() throws FsException {
        volume.close();
    }

    private BadBlocks bad() {
        return volume.volume.badBlocks();
    }

    /** Region offset of a byte of the file, whose data is one extent. */
    private long place(long offset) throws FsException {
        long[] start = new long[1];
        volume.volume.extents(
                inode,
                0,
                (logical, physical, length, unwritten) -> {
                    start[0] = physical << Geometry.BLOCK_SHIFT;
                    return false;
                });
        return start[0] + offset;
    }

    private void assertEio(org.junit.jupiter.api.function.Executable call) {
        FsException e = assertThrows(FsException.class, call);
        assertEquals(Errno.EIO, e.errno(), e.getMessage());
        assertTrue(e.getMessage().contains("bad block"), e.getMessage());
    }

    @Test
    void aReadThatTouchesABadBlockIsEioAndOthersAreNot() throws FsException {
        bad().mark(place(5 * PAGE + UNIT), UNIT);
        assertEio(() -> volume.read(inode, 0, content.length));
        assertEio(() -> volume.read(inode, 5 * PAGE + UNIT, 1));
        assertEquals(PAGE + UNIT, volume.read(inode, 4 * PAGE, PAGE + UNIT).length);
        assertEquals(PAGE, volume.read(inode, 5 * PAGE + 2 * UNIT, PAGE).length);
        assertNull(volume.volume.failure());
    }

    @Test
    void aWriteOfWholeUnitsMakesThemGoodAndOneOfAPartIsEio() throws FsException {
        bad().mark(place(5 * PAGE), 2 * UNIT);
        assertEio(() -> volume.write(inode, 5 * PAGE + 10, new byte[100]));
        assertEio(() -> volume.write(inode, 5 * PAGE + UNIT, new byte[UNIT + UNIT / 2 - 513]));
        volume.write(inode, 5 * PAGE, new byte[PAGE]);
        assertFalse(bad().any());
        assertArrayEquals(new byte[PAGE], volume.read(inode, 5 * PAGE, PAGE));
    }

    @Test
    void aLargeOverwriteMakesThemGoodToo() throws FsException {
        bad().mark(place(0), content.length);
        volume.write(inode, 0, content);
        assertFalse(bad().any());
        assertArrayEquals(content, volume.read(inode, 0, content.length));
    }

    @Test
    void aPunchMakesZerosOfThemAndTheCommitMakesTheBlocksGood() throws FsException {
        bad().mark(place(5 * PAGE + UNIT), UNIT);
        volume.volume.fallocate(inode, PUNCH, 5 * PAGE, PAGE, Caller.ROOT);
        assertArrayEquals(new byte[PAGE], volume.read(inode, 5 * PAGE, PAGE));
        volume.volume.sync(CommitCause.SYNC);
        assertFalse(bad().any());
    }

    @Test
    void aPunchOrTruncationWithinABadUnitIsEio() throws FsException {
        bad().mark(place(5 * PAGE), UNIT);
        assertEio(() -> volume.volume.fallocate(inode, PUNCH, 5 * PAGE + 1, 10, Caller.ROOT));
        volume.truncate(inode, 5 * PAGE + 10);
        assertEio(() -> volume.truncate(inode, 6 * PAGE));
        volume.truncate(inode, 5 * PAGE);
        volume.truncate(inode, 6 * PAGE);
        assertArrayEquals(new byte[PAGE], volume.read(inode, 5 * PAGE, PAGE));
    }

    @Test
    void anUnwrittenBlockReadsAsZerosAndAStoreIntoAPartOfItMakesItGood() throws FsException {
        volume.truncate(inode, 0);
        volume.volume.fallocate(inode, 0, 0, 4 * PAGE, Caller.ROOT);
        bad().mark(place(PAGE), PAGE);
        assertArrayEquals(new byte[4 * PAGE], volume.read(inode, 0, 4 * PAGE));
        volume.write(inode, PAGE + 100, new byte[] {1});
        assertFalse(bad().any());
        assertEquals(1, volume.read(inode, PAGE + 100, 1)[0]);
    }

    @Test
    void aBlockThatIsAllocatedIsGood() throws FsException {
        volume.volume.sync(CommitCause.SYNC);
        bad().mark(32 << 20, 31 << 20); // free space, and a little of it taken below
        long other = volume.create(Volume.ROOT_INODE, "g");
        byte[] much = new byte[40 << 20];
        Arrays.fill(much, (byte) 'm');
        for (int at = 0; at < much.length; at += 1 << 20) {
            volume.volume.write(other, at, much, at, 1 << 20, 0, Caller.ROOT);
        }
        assertArrayEquals(much, volume.read(other, 0, much.length));
        assertNull(volume.volume.failure());
    }

    @Test
    void aFaultOnABadPageIsEioAndGrantsEndBeforeIt() throws FsException {
        bad().mark(place(5 * PAGE + UNIT), UNIT);
        assertEio(() -> fault(5 * PAGE, false));
        assertEio(() -> fault(5 * PAGE, true));
        Fault before = fault(4 * PAGE, false);
        assertEquals(Fault.Kind.READ, before.kind);
        assertEquals(0, before.start);
        assertEquals(5 * PAGE, before.length);
        Fault behind = fault(7 * PAGE, false);
        assertEquals(6 * PAGE, behind.start);
        assertEquals(content.length - 6 * PAGE, behind.length);
        Fault store = fault(6 * PAGE, true);
        assertEquals(Fault.Kind.WRITE, store.kind);
        assertEquals(6 * PAGE, store.guardStart, "what is guarded shows the region, too");
        volume.write(inode, 5 * PAGE, new byte[PAGE]);
        assertEquals(Fault.Kind.READ, fault(5 * PAGE, false).kind);
    }

    private Fault fault(long offset, boolean write) throws FsException {
        Fault fault = new Fault();
        fault.offset = offset;
        fault.areaEnd = content.length;
        fault.address = 0x7000_0000_0000L + offset;
        fault.write = write;
        fault.wantsGuard = true;
        volume.volume.fault(inode, fault);
        return fault;
    }

    @Test
    void aBadBlockInTheJournalFailsTheCommitAndStopsTheVolume() throws FsException {
        Geometry geometry = Superblock.read(volume.region).geometry();
        bad().mark(
                        geometry.journalBlock() + 1 << Geometry.BLOCK_SHIFT,
                        geometry.journalLengthBlocks() - 1 << Geometry.BLOCK_SHIFT);
        Throwable failure =
                assertThrows(MediaErrorException.class, () -> volume.volume.sync(CommitCause.SYNC));
        assertTrue(failure.getMessage().contains("journal transaction"), failure.getMessage());
        volume.volume.fail("sync", failure); // as the mount does
        assertStopped("journal transaction");
    }

    @Test
    void aBadBlockInAnInodeStopsTheVolumeWhenItIsReadOnly() throws FsException {
        volume.remount(); // nothing is cached any more
        Geometry geometry = Superblock.read(volume.region).geometry();
        long data = geometry.firstDataBlock() << Geometry.BLOCK_SHIFT;
        bad().mark(data, 4L << 20);
        Throwable failure = assertThrows(MediaErrorException.class, () -> volume.stat(inode));
        assertTrue(failure.getMessage().startsWith("inode at offset "), failure.getMessage());
        volume.volume.fail("getattr", failure);
        assertStopped("inode at offset ");
    }

    @Test
    void theVolumeStopsAlsoWhenTheMountStateCannotBeStored() throws FsException {
        bad().mark(0, PAGE);
        volume.volume.fail("test", new IllegalStateException("a bug"));
        assertTrue(volume.volume.readOnly());
        assertTrue(volume.volume.failure().contains("a bug"), volume.volume.failure());
    }

    private void assertStopped(String why) throws FsException {
        assertTrue(volume.volume.failure().contains(why), volume.volume.failure());
        assertTrue(volume.volume.readOnly());
        bad().clear(0, volume.region.sizeBytes());
        FsException refused =
                assertThrows(FsException.class, () -> volume.write(inode, 0, new byte[1]));
        assertEquals(Errno.EROFS, refused.errno());
        Checksums checksums = new Checksums(Superblock.read(volume.region).geometry().uuid());
        MountRecord record = new MountRecord(volume.region, checksums);
        assertEquals(MountStateLayout.STATE_ERROR, record.state());
        assertEquals(1, record.errorCount());
        volume.volume.fail("again", new IllegalStateException());
        assertEquals(1, new MountRecord(volume.region, checksums).errorCount(), "counted once");
    }
}
