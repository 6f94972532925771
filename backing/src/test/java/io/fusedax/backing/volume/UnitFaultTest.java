package io.fusedax.backing.volume;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import io.fusedax.backing.FsException;
import io.fusedax.backing.journal.CommitCause;
import io.fusedax.backing.region.ArrayRegion;
import io.fusedax.backing.region.CrashRegion;
import io.fusedax.backing.region.Region;
import io.fusedax.backing.region.Survivors;
import java.util.Arrays;
import java.util.Random;
import java.util.UUID;
import jnr.constants.platform.Errno;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.EnumSource;

/** Faults on a device that can be mapped in units of 2 MiB only. */
class UnitFaultTest {
    private static final int PAGE = 4096;
    private static final int UNIT = 2 << 20;
    private static final int FILE = 2 * UNIT;
    private static final int KEEP_SIZE = 1; // FALLOC_FL_*
    private static final int PUNCH_HOLE = 2;
    private static final VolumeOptions OPTIONS =
            VolumeOptions.defaults().withCommitIntervalMillis(0);

    private final CrashRegion region = new CrashRegion(24 << 20);
    private final Fault fault = new Fault();
    private Volume volume;
    private long inode;

    @BeforeEach
    void format() throws FsException {
        region.alignTo(UNIT);
        VolumeFormatter.format(
                region, new FormatOptions(new UUID(1, 2), "t", 0, 0, 0, 3, 4, 1_700_000_000));
        volume = Volume.open(region, OPTIONS);
        byte[] name = {'f'};
        inode = volume.mknod(Volume.ROOT_INODE, name, 0, 1, 0100644, 0, Caller.ROOT);
    }

    @AfterEach
    void isSound() throws FsException {
        volume.close();
        CheckReport report = VolumeChecker.check(region, false, line -> {});
        assertTrue(report.clean(), report.messages().toString());
    }

    private Fault fault(long offset, boolean write) throws FsException {
        fault.offset = offset;
        fault.areaStart = 0;
        fault.areaEnd = FILE;
        fault.address = offset;
        fault.write = write;
        fault.grantBytes = 0;
        volume.fault(inode, fault);
        return fault;
    }

    private void assertUnit(Fault.Kind kind, long offset) {
        assertEquals(kind, fault.kind);
        assertEquals(offset, fault.start);
        assertEquals(UNIT, fault.length);
        assertEquals(0, fault.regionOffset % UNIT);
    }

    private void write(long offset, int length, int seed) throws FsException {
        byte[] content = new byte[length];
        new Random(seed).nextBytes(content);
        assertEquals(length, volume.write(inode, offset, content, 0, length, 0, Caller.ROOT));
    }

    private void truncate(long sizeBytes) throws FsException {
        volume.setattr(
                inode, new SetAttributes().size(sizeBytes), Caller.ROOT, new InodeAttributes());
    }

    private static byte[] content(Volume volume, long inode) throws FsException {
        byte[] content = new byte[FILE + PAGE];
        return Arrays.copyOf(content, volume.read(inode, 0, content, 0, content.length));
    }

    private byte[] mapped() {
        byte[] unit = new byte[UNIT];
        region.read(fault.regionOffset, unit, 0, UNIT);
        return unit;
    }

    /** Three pieces that lie apart, with a hole between and unwritten blocks behind. */
    private byte[] scatter() throws FsException {
        write(5 * PAGE, PAGE, 1);
        write(0, 2 * PAGE, 2);
        write(300 * PAGE + 100, 3 * PAGE, 3);
        volume.fallocate(inode, KEEP_SIZE, 310 * PAGE, 20 * PAGE, Caller.ROOT);
        return content(volume, inode);
    }

    @Test
    void aHoleIsZerosUntilItIsStoredInto() throws FsException {
        truncate(FILE);
        fault(UNIT, false);
        assertUnit(Fault.Kind.ZERO, UNIT);
        fault(UNIT, true);
        assertUnit(Fault.Kind.WRITE, UNIT);
        assertEquals(UNIT, fault.changedStart);
        assertEquals(2 * UNIT, fault.changedEnd);
        assertArrayEquals(new byte[UNIT], mapped());
        long place = fault.regionOffset;
        fault(UNIT, true);
        assertEquals(place, fault.regionOffset);
        assertEquals(fault.changedStart, fault.changedEnd);
        fault(UNIT, false);
        assertUnit(Fault.Kind.READ, UNIT);
    }

    @Test
    void whatIsScatteredIsMovedTogetherForLoadsAndStores() throws FsException {
        byte[] before = scatter();
        for (boolean write : new boolean[] {false, true}) {
            fault(0, write);
            assertUnit(write ? Fault.Kind.WRITE : Fault.Kind.READ, 0);
            assertArrayEquals(Arrays.copyOf(before, UNIT), mapped());
            assertArrayEquals(before, content(volume, inode));
        }
        long place = fault.regionOffset;
        write(7 * PAGE, PAGE, 4); // in place
        fault(0, true);
        assertEquals(place, fault.regionOffset);
        volume.fallocate(inode, PUNCH_HOLE | KEEP_SIZE, 7 * PAGE, PAGE, Caller.ROOT);
        fault(0, true);
        assertUnit(Fault.Kind.WRITE, 0);
        assertArrayEquals(Arrays.copyOf(before, UNIT), mapped());
    }

    @Test
    void behindTheLastUnitIsNothing() throws FsException {
        truncate(UNIT + 1);
        fault(UNIT, true);
        assertUnit(Fault.Kind.WRITE, UNIT);
        InodeAttributes attributes = new InodeAttributes();
        volume.getattr(inode, attributes);
        assertEquals(UNIT + 1, attributes.sizeBytes);
        truncate(UNIT);
        assertEquals(Fault.Kind.BUS, fault(UNIT, true).kind);
        assertEquals(Fault.Kind.BUS, fault(UNIT, false).kind);
    }

    /** The blocks of the last unit behind the end are written: growth must not bring them back. */
    @Test
    void whatACutTookIsZerosWhenTheFileGrows() throws FsException {
        write(0, PAGE, 1);
        fault(0, true);
        volume.sync(CommitCause.SYNC);
        region.record();
        write(PAGE, 50 * PAGE, 2); // in place
        region.stopRecording();
        Region image =
                new ArrayRegion(region.image(region.cuts() - 1, Survivors.ALL, new Random(1)));
        ((ArrayRegion) image).alignTo(UNIT);
        Volume after = Volume.open(image, OPTIONS);
        InodeAttributes attributes = new InodeAttributes();
        after.setattr(inode, new SetAttributes().size(UNIT), Caller.ROOT, attributes);
        byte[] content = content(after, inode);
        assertEquals(UNIT, content.length);
        assertArrayEquals(new byte[UNIT - PAGE], Arrays.copyOfRange(content, PAGE, UNIT));
        after.close();
    }

    @Test
    void fsckFlushesBeforeItCallsTheVolumeClean() throws FsException {
        write(0, PAGE, 1);
        fault(0, true);
        volume.sync(CommitCause.SYNC);
        region.putLong(fault.regionOffset, 0x5EED); // a program that was killed told nobody
        CheckReport report = VolumeChecker.check(region, true, line -> {});
        assertTrue(report.clean(), report.messages().toString());
        byte[] left = region.image(Survivors.NONE, new Random(1));
        assertEquals(0x5EED, new ArrayRegion(left).getLong(fault.regionOffset));
        volume = Volume.open(region, OPTIONS);
    }

    @Test
    void halfUnitsAreRefused() {
        FsException e = assertThrows(FsException.class, () -> fault(PAGE, true));
        assertEquals(Errno.EINVAL, e.errno());
    }

    @Test
    void withoutAnAlignedUnitAStoreFindsNoSpace() throws FsException {
        truncate(FILE);
        byte[] name = {'g'};
        long other = volume.mknod(Volume.ROOT_INODE, name, 0, 1, 0100644, 0, Caller.ROOT);
        byte[] page = new byte[PAGE];
        for (long at = 0; volume.statfs().availableBlocks() > 300; at += PAGE) {
            volume.write(other, at, page, 0, PAGE, 0, Caller.ROOT);
        }
        FsException e = assertThrows(FsException.class, () -> fault(0, true));
        assertEquals(Errno.ENOSPC, e.errno());
        assertArrayEquals(new byte[FILE], content(volume, inode));
    }

    @ParameterizedTest
    @EnumSource(Survivors.class)
    void aPowerCutWhileMovingLosesNothing(Survivors survivors) throws FsException {
        byte[] before = scatter();
        volume.sync(CommitCause.SYNC);
        region.record();
        fault(0, true);
        volume.commitInode(inode, CommitCause.FAULT);
        region.stopRecording();
        assertTrue(region.cuts() > 10);
        for (int cut = 0; cut < region.cuts(); cut++) {
            Region image = new ArrayRegion(region.image(cut, survivors, new Random(cut)));
            Volume after = Volume.open(image, OPTIONS);
            assertArrayEquals(before, content(after, inode), "cut " + cut);
            after.close();
            CheckReport report = VolumeChecker.check(image, false, line -> {});
            assertTrue(report.clean(), report.messages().toString());
        }
    }
}
