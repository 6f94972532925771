package io.fusedax.backing.format;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import io.fusedax.backing.FsException;
import java.util.Random;
import java.util.UUID;
import jnr.constants.platform.Errno;
import org.junit.jupiter.api.Test;

class GeometryTest {
    private static final long KIB = 1L << 10;
    private static final long MIB = 1L << 20;
    private static final long TIB = 1L << 40;

    private final Random random = Seed.random("GeometryTest");

    private static Geometry layOut(long regionBytes, long journalBytes) throws FsException {
        return Geometry.layOut(regionBytes, journalBytes, new UUID(1, 2), 3, 4);
    }

    /** Any size from 1 MiB to 16 TiB, small ones as likely as large ones. */
    private long randomRegionBytes() {
        long scale = 1L << 20 + random.nextInt(25);
        long bytes = scale + Math.floorMod(random.nextLong(), scale);
        return Math.min(bytes, Geometry.MAX_REGION_BYTES) & -Geometry.BLOCK_BYTES;
    }

    /** Every block belongs to exactly one part, and the parts follow one another. */
    private static void check(Geometry g, long regionBytes) {
        assertTrue(g.plausible(regionBytes));
        assertEquals(regionBytes, g.totalBlocks() * Geometry.BLOCK_BYTES);
        assertEquals(1, g.groupTableBlock());
        assertEquals(g.groupTableBlock() + g.groupCount(), g.journalBlock());
        assertEquals(g.journalBlock() + g.journalLengthBlocks(), g.firstDataBlock());
        assertTrue(g.journalLengthBlocks() * Geometry.BLOCK_BYTES >= 256 * KIB);
        assertTrue(g.isDataBlock(g.firstDataBlock()));
        assertFalse(g.isDataBlock(g.firstDataBlock() - 1));
        assertTrue(g.isDataBlock(g.totalBlocks() - 2));
        assertFalse(g.isDataBlock(g.totalBlocks() - 1));
        assertEquals(regionBytes - Geometry.BLOCK_BYTES, g.backupSuperblockOffset());
        long last = g.groupCount() - 1;
        assertTrue(g.blocksInGroup(last) > 0);
        assertEquals(
                g.totalBlocks(),
                last * GroupLayout.BLOCKS_PER_GROUP + g.blocksInGroup(last),
                "the groups cover the region");
        assertEquals(g.journalBlock() - 1, g.groupOffset(last) / Geometry.BLOCK_BYTES);
        long dataBlocks = g.totalBlocks() - g.reservedBlocks();
        assertEquals(g.totalBlocks() - 1 - g.firstDataBlock(), dataBlocks);
        assertTrue(dataBlocks > 0);
    }

    @Test
    void everySizeThatIsAllowedHasALayout() throws FsException {
        for (int i = 0; i < 5_000; i++) {
            long regionBytes = randomRegionBytes();
            check(layOut(regionBytes, 0), regionBytes);
            long largest = regionBytes / 2 - 256 * KIB;
            long journalBytes = 256 * KIB + Math.floorMod(random.nextLong(), largest + 1);
            Geometry geometry = layOut(regionBytes, journalBytes);
            check(geometry, regionBytes);
            assertEquals(
                    journalBytes & -Geometry.BLOCK_BYTES,
                    geometry.journalLengthBlocks() * Geometry.BLOCK_BYTES);
        }
        check(layOut(MIB, 0), MIB);
        check(layOut(MIB, MIB / 2), MIB);
        check(layOut(16 * TIB, 0), 16 * TIB);
        check(layOut(16 * TIB, 8 * TIB), 16 * TIB);
    }

    @Test
    void theDefaultJournalIsASixteenthWithinBounds() throws FsException {
        assertEquals(64, layOut(MIB, 0).journalLengthBlocks());
        assertEquals(64, layOut(4 * MIB, 0).journalLengthBlocks());
        assertEquals(1024, layOut(64 * MIB, 0).journalLengthBlocks());
        assertEquals(16_384, layOut(TIB, 0).journalLengthBlocks());
    }

    @Test
    void otherSizesAreRefused() {
        long[][] refused = {
            {MIB - 4096, 0},
            {16 * TIB + 4096, 0},
            {0, 0},
            {64 * MIB, 255 * KIB},
            {64 * MIB, 32 * MIB + 4096},
            {MIB, 600 * KIB},
            {64 * MIB, -1},
        };
        for (long[] sizes : refused) {
            FsException e =
                    assertThrows(FsException.class, () -> layOut(sizes[0], sizes[1]).groupCount());
            assertEquals(Errno.EINVAL, e.errno(), sizes[0] + " " + sizes[1]);
        }
    }

    @Test
    void anExtentIsInsideOrItIsNot() throws FsException {
        Geometry g = layOut(64 * MIB, 0);
        long first = g.firstDataBlock();
        long end = g.totalBlocks() - 1;
        assertTrue(g.isDataExtent(PackedExtent.of(first, end - first)));
        assertTrue(g.isDataExtent(PackedExtent.of(first, end - first, true)));
        assertTrue(g.isDataExtent(PackedExtent.of(end - 1, 1)));
        assertFalse(g.isDataExtent(PackedExtent.of(first - 1, 1)));
        assertFalse(g.isDataExtent(PackedExtent.of(first - 1, 5)));
        assertFalse(g.isDataExtent(PackedExtent.of(end, 1)));
        assertFalse(g.isDataExtent(PackedExtent.of(first, end - first + 1)));
        assertFalse(g.isDataExtent(PackedExtent.of(0xFFFF_FFFFL, PackedExtent.MAX_LENGTH_BLOCKS)));
        assertFalse(g.isDataExtent(first), "of no length");
        assertFalse(g.isDataExtent(0));
    }

    /** Facts that a damaged superblock may state. */
    @Test
    void whatDoesNotFitTogetherIsNotPlausible() throws FsException {
        Geometry g = layOut(64 * MIB, 0);
        for (int field = 0; field < 6; field++) {
            for (long wrong :
                    new long[] {-1, 1, 1 << 20, Long.MIN_VALUE, Long.MAX_VALUE, 1L << 32}) {
                long[] facts = {
                    g.totalBlocks(),
                    g.groupTableBlock(),
                    g.groupCount(),
                    g.journalBlock(),
                    g.journalLengthBlocks(),
                    g.firstDataBlock()
                };
                facts[field] += wrong;
                Geometry changed =
                        new Geometry(
                                g.uuid(), facts[0], facts[1], facts[2], facts[3], facts[4],
                                facts[5], 0, 0);
                boolean smaller = field == 0 && wrong == -1; // a region may be larger
                assertEquals(
                        smaller, changed.plausible(64 * MIB), "field " + field + " by " + wrong);
            }
        }
    }

    /** What a log claims to have changed in the others would be stored over them. */
    @Test
    void onlyWhatIsJournaledMayBeLogged() throws FsException {
        Geometry g = layOut(MIB, 256 * KIB);
        long backup = g.backupSuperblockOffset();
        long journal = g.journalBlock() << Geometry.BLOCK_SHIFT;
        long data = g.firstDataBlock() << Geometry.BLOCK_SHIFT;
        assertTrue(g.mayBeLogged(1024, 256)); // the inode table's inode
        assertTrue(g.mayBeLogged(VolumeStateLayout.OFFSET, 64));
        assertTrue(g.mayBeLogged(4096, 4096)); // a group
        assertTrue(g.mayBeLogged(data, 4096));
        assertTrue(g.mayBeLogged(backup + 1024, 256));
        for (long address : new long[] {0, 960, 3072, journal, data - 64, backup, -64, MIB}) {
            assertFalse(g.mayBeLogged(address, 64), "offset " + address);
        }
        assertFalse(g.mayBeLogged(960, 128), "the end of the superblock");
        assertFalse(g.mayBeLogged(journal - 64, 128));
        assertFalse(g.mayBeLogged(backup - 64, 128));
        assertFalse(g.mayBeLogged(data + 8, 64));
        assertFalse(g.mayBeLogged(data, 8));
        assertFalse(g.mayBeLogged(data, 0));
        assertFalse(g.mayBeLogged(data, 8192));
        assertFalse(g.mayBeLogged(Long.MAX_VALUE & -64, 64));
    }
}
