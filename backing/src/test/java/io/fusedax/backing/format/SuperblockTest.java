package io.fusedax.backing.format;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import io.fusedax.backing.Counters;
import io.fusedax.backing.FsException;
import io.fusedax.backing.region.Region;
import io.fusedax.backing.region.RegionOptions;
import io.fusedax.backing.region.Regions;
import java.nio.file.Path;
import java.util.Random;
import java.util.UUID;
import jnr.constants.platform.Errno;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;

class SuperblockTest {
    private static final int REGION_BYTES = 1 << 20;

    private final Random random = Seed.random("SuperblockTest");
    private Region region;
    private Geometry geometry;

    @BeforeEach
    void open() throws FsException {
        RegionOptions options = RegionOptions.defaults().withCreateSizeBytes(REGION_BYTES);
        region = Regions.open(Path.of("memfd:test"), options, new Counters());
        geometry = Geometry.layOut(REGION_BYTES, 0, UUID.randomUUID(), 0x1234, -5);
    }

    @AfterEach
    void close() {
        region.close();
    }

    private Superblock superblock(int compat, int incompat, int roCompat) {
        return new Superblock(geometry, "lábel", compat, incompat, roCompat, 1_700_000_000);
    }

    private void store(Superblock superblock, long offset) {
        byte[] bytes = superblock.toBytes(offset);
        region.write(offset, bytes, 0, bytes.length);
    }

    private void assertRefused(Errno errno, String inMessage) {
        FsException e = assertThrows(FsException.class, () -> Superblock.read(region));
        assertEquals(errno, e.errno(), e.getMessage());
        assertTrue(e.getMessage().contains(inMessage), e.getMessage());
    }

    @Test
    void whatIsStoredIsReadFromEitherPlace() throws FsException {
        Superblock superblock = superblock(0, Features.INCOMPAT_FORMAT_1, 0);
        store(superblock, SuperblockLayout.PRIMARY_OFFSET);
        store(superblock, geometry.backupSuperblockOffset());
        assertEquals(superblock, Superblock.read(region));
        assertEquals(superblock, Superblock.readAt(region, geometry.backupSuperblockOffset()));
        byte[] bytes = new byte[16];
        region.read(SuperblockLayout.UUID, bytes, 0, bytes.length);
        UUID uuid = geometry.uuid();
        byte[] bigEndian =
                java.nio.ByteBuffer.allocate(16)
                        .putLong(uuid.getMostSignificantBits())
                        .putLong(uuid.getLeastSignificantBits())
                        .array();
        assertArrayEquals(bigEndian, bytes);
    }

    @Test
    void withoutAVolumeNothingIsRead() {
        assertRefused(Errno.EINVAL, "no volume");
    }

    @Test
    void aDamagedPrimaryIsRefusedAndTheBackupNamed() {
        store(superblock(0, 1, 0), SuperblockLayout.PRIMARY_OFFSET);
        long victim = 4L + random.nextInt(SuperblockLayout.SIZE_BYTES - 8);
        region.putInt(victim, region.getInt(victim) ^ 1 << random.nextInt(32));
        assertRefused(Errno.EUCLEAN, "no valid backup");
        store(superblock(0, 1, 0), geometry.backupSuperblockOffset());
        assertRefused(Errno.EUCLEAN, "fsck can restore it");
        region.putInt(0, 0);
        assertRefused(Errno.EUCLEAN, "fsck can restore it");
    }

    @Test
    void featureWordsFollowTheRulesOfExt4() throws FsException {
        store(superblock(0x8000_0001, 1, 0), 0);
        assertFalse(Superblock.read(region).needsReadOnly());
        store(superblock(0, 1, 0x100), 0);
        assertTrue(Superblock.read(region).needsReadOnly());
        store(superblock(0, 0x101, 0), 0);
        assertRefused(Errno.EINVAL, "incompatible features 0x101");
        store(superblock(0, 0, 0), 0);
        assertRefused(Errno.EINVAL, "incompatible features 0x0");
    }

    @Test
    void aVolumeLargerThanItsRegionIsRefused() throws FsException {
        geometry = Geometry.layOut(2 * REGION_BYTES, 0, geometry.uuid(), 0, 0);
        store(superblock(0, 1, 0), 0);
        assertRefused(Errno.EUCLEAN, "truncated");
    }

    @Test
    void aLabelIsBoundedInBytes() throws FsException {
        Superblock.checkLabel("x".repeat(64));
        Superblock.checkLabel("é".repeat(32));
        assertThrows(FsException.class, () -> Superblock.checkLabel("é".repeat(33)));
        String longest = "é".repeat(32);
        Superblock superblock = new Superblock(geometry, longest, 0, 1, 0, 0);
        store(superblock, 0);
        assertEquals(longest, Superblock.read(region).label());
    }
}
