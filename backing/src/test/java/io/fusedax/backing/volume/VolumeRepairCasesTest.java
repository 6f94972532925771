package io.fusedax.backing.volume;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import io.fusedax.backing.FsException;
import io.fusedax.backing.format.Bytes;
import io.fusedax.backing.format.Geometry;
import io.fusedax.backing.format.GroupLayout;
import io.fusedax.backing.format.InodeLayout;
import io.fusedax.backing.format.MountStateLayout;
import io.fusedax.backing.format.PackedExtent;
import io.fusedax.backing.format.RecordNodeLayout;
import io.fusedax.backing.format.RecordRootLayout;
import io.fusedax.backing.format.StructureType;
import io.fusedax.backing.format.VolumeStateLayout;
import io.fusedax.backing.inode.InodeNumbers;
import io.fusedax.backing.region.CrashRegion;
import io.fusedax.backing.region.Region;
import io.fusedax.backing.region.RegionOptions;
import io.fusedax.backing.region.Regions;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.Map;
import java.util.UUID;
import jnr.constants.platform.Errno;
import org.junit.jupiter.api.Test;

class VolumeRepairCasesTest {
    private final CheckFixture fixture = populated();

    private static CheckFixture populated() {
        try {
            return CheckFixture.populated(CheckFixture.random("cases"));
        } catch (FsException e) {
            throw new IllegalStateException(e);
        }
    }

    private Volume open() throws FsException {
        return Volume.open(fixture.region, CheckFixture.OPTIONS);
    }

    private void assertRepairs() throws FsException {
        CheckReport report = fixture.check(true);
        assertTrue(report.problems() > 0);
        assertEquals(report.problems(), report.repaired(), report.messages()::toString);
        assertEquals(List.of(), fixture.check(false).messages());
    }

    private void assertNothingStored() throws FsException {
        byte[] before = fixture.image.clone();
        CheckReport report = fixture.check(true);
        assertTrue(report.problems() > 0);
        assertEquals(0, report.repaired());
        assertArrayEquals(before, fixture.image);
    }

    @Test
    void anInodeTableBeyondRepairIsLeftAlone() throws FsException {
        fixture.flip(InodeNumbers.TABLE_INODE_OFFSET + 70);
        fixture.flip(CheckFixture.REGION_BYTES - 4096 + InodeNumbers.TABLE_INODE_BACKUP + 70);
        fixture.flip(4096 + 700);
        assertNothingStored();
    }

    @Test
    void superblocksBeyondRepairAreLeftAlone() throws FsException {
        fixture.flip(60);
        fixture.flip(CheckFixture.REGION_BYTES - 4096 + 60);
        assertNothingStored();
    }

    @Test
    void aRegionWithoutVolumeIsRefused() {
        CrashRegion empty = new CrashRegion(1 << 20);
        FsException e =
                assertThrows(FsException.class, () -> VolumeChecker.check(empty, true, line -> {}));
        assertEquals(Errno.EINVAL, e.errno());
    }

    @Test
    void anUnlinkedOpenFileAtACrashIsNoProblem() throws FsException {
        Volume volume = open();
        long file = fixture.inodes.get("fragmented");
        volume.acquire(file);
        volume.unlink(fixture.inodes.get("dir"), CheckFixture.bytes("fragmented"), 0, 10);
        fixture.commit(volume); // then kill -9
        assertTrue(fixture.check(false).clean());
        assertTrue(fixture.check(true).clean());
        open().close(); // reclaims it
        assertEquals(List.of(), fixture.check(false).messages());
    }

    @Test
    void anUnlinkedFileThatLostItsOrphanEntryIsFreed() throws FsException {
        Volume volume = open();
        long file = fixture.inodes.get("file1"); // with attributes
        volume.acquire(file);
        volume.unlink(fixture.inodes.get("sub"), CheckFixture.bytes("file1"), 0, 5);
        fixture.commit(volume);
        fixture.check(true); // replays
        fixture.editInode(3, b -> Bytes.putInt(b, InodeLayout.PAYLOAD, 0)); // no leaves
        CheckReport report = fixture.check(false);
        assertTrue(report.messages().toString().contains("no entry among the orphans"));
        assertRepairs();
        assertEquals(0, Bytes.getInt(fixture.image, (int) fixture.offsetOfInode(file) + 20));
    }

    @Test
    void aFileWithoutNameIsFoundWithItsContent() throws FsException {
        Map<String, String> before = fixture.tree();
        String file = before.get("/dir/sub/file3/");
        fixture.flip(Surgery.leaf(fixture, "sub") + 100);
        assertRepairs();
        Map<String, String> after = fixture.tree();
        assertEquals(file, after.get("/lost+found/#" + fixture.inodes.get("file3") + "/"));
        // again: the directory is there already
        fixture.flip(Surgery.leaf(fixture, "wide") + 100);
        assertRepairs();
        assertTrue(fixture.tree().size() >= before.size());
    }

    @Test
    void contestedBlocksAreCopied() throws FsException {
        Map<String, String> before = fixture.tree();
        long extent = Surgery.firstExtent(fixture, "file2");
        long own = Surgery.firstExtent(fixture, "file6");
        long length = Math.min(PackedExtent.length(extent), PackedExtent.length(own));
        Surgery.extent(fixture, "file6", PackedExtent.of(PackedExtent.start(extent), length));
        String shared = fixture.tree().get("/dir/file6/");
        assertRepairs();
        assertEquals(before.get("/dir/file2/"), fixture.tree().get("/dir/file2/"));
        String content = shared.replaceAll(".*content (-?\\d+) .*", "$1");
        assertTrue(fixture.tree().get("/dir/file6/").contains("content " + content));
    }

    /** Gives the blocks that a full volume keeps back to files, by means of a check. */
    private void takeReserve() throws FsException {
        byte[] group = fixture.structure(StructureType.GROUP, Geometry.BLOCK_BYTES);
        List<Long> free = new ArrayList<>();
        for (int bit = 0; bit < GroupLayout.BLOCKS_PER_GROUP; bit++) {
            if ((group[GroupLayout.BITMAP + bit / 8] >> bit % 8 & 1) == 0) {
                free.add((long) bit);
            }
        }
        for (int i = 0; i < free.size(); i++) {
            int record = i % RecordRootLayout.CAPACITY;
            int at =
                    InodeLayout.PAYLOAD
                            + RecordRootLayout.RECORDS
                            + record * RecordNodeLayout.RECORD_BYTES;
            long extent = PackedExtent.of(free.get(i), 1);
            fixture.editInode(
                    "rest" + i / RecordRootLayout.CAPACITY,
                    b -> {
                        Bytes.putShort(b, InodeLayout.PAYLOAD + RecordRootLayout.COUNT, record + 1);
                        Bytes.putLong(b, at, record);
                        Bytes.putLong(b, at + Long.BYTES, extent);
                    });
        }
        assertRepairs();
    }

    @Test
    void aFullVolumeIsRepairedAsFarAsItGoes() throws FsException {
        Volume volume = open();
        for (int i = 0; i < 9; i++) {
            fixture.create(volume, 2, "rest" + i, 0100600);
        }
        long filler = fixture.create(volume, 2, "filler", 0100600);
        byte[] block = new byte[4096];
        long at = 0;
        try {
            while (true) {
                volume.write(filler, at, block, 0, block.length, 0, Caller.ROOT);
                at += block.length;
            }
        } catch (FsException e) {
            assertEquals(Errno.ENOSPC, e.errno());
        }
        volume.close();
        takeReserve();
        assertEquals(0L, fixture.getLong(2048 + 8), "free_blocks");
        Map<String, String> before = fixture.tree();
        fixture.flip(4096 + 700); // a bitmap
        fixture.flip(Surgery.leaf(fixture, "sub") + 100); // and a leaf: its files have no place
        CheckReport report = fixture.check(true);
        String all = report.messages().toString();
        assertTrue(report.repaired() < report.problems(), all);
        assertTrue(all.contains("too few free blocks"), all);
        Map<String, String> after = fixture.tree();
        assertEquals(before.get("/filler/"), after.get("/filler/"));
        // with a block free again it goes on
        volume = open();
        volume.unlink(2, CheckFixture.bytes("filler"), 0, 6);
        volume.close();
        assertRepairs();
        assertTrue(fixture.tree().containsKey("/lost+found/#" + fixture.inodes.get("file3") + "/"));
    }

    @Test
    void theErrorFlagIsClearedByACleanCheck() throws FsException {
        fixture.edit(
                StructureType.MOUNT_STATE,
                MountStateLayout.OFFSET,
                b -> {
                    Bytes.putInt(b, MountStateLayout.STATE, MountStateLayout.STATE_ERROR);
                    Bytes.putLong(b, MountStateLayout.ERROR_COUNT, 3);
                });
        CheckReport report = fixture.check(false);
        assertTrue(report.messages().toString().contains("errors=3"));
        assertTrue(fixture.check(true).clean());
        assertEquals(List.of(), fixture.check(false).messages());
    }

    @Test
    void aHugeSparseVolumeTakesMomentsAndLittleMemory() throws FsException {
        RegionOptions options = RegionOptions.defaults().withCreateSizeBytes(4L << 40);
        try (Region region = Regions.open(Path.of("memfd:huge"), options)) {
            VolumeFormatter.format(
                    region,
                    new FormatOptions(new UUID(1, 1), "huge", 0, 0, 0, 3, 4, 1_700_000_000));
            Volume volume = Volume.open(region, CheckFixture.OPTIONS);
            long file = fixture.create(volume, 2, "big", 0100600);
            volume.fallocate(file, 0, 0, 100L << 30, Caller.ROOT);
            volume.close();
            long start = System.nanoTime();
            CheckReport report = VolumeChecker.check(region, false, line -> {});
            long millis = (System.nanoTime() - start) / 1_000_000;
            System.out.println("check of 4 TiB with 100 GiB allocated: ms=" + millis);
            assertEquals(List.of(), report.messages());
            assertTrue(millis < 20_000);
            region.putInt(2056, 77); // the volume state: everything is counted anew
            assertFalse(VolumeChecker.check(region, true, line -> {}).clean());
            assertTrue(VolumeChecker.check(region, false, line -> {}).clean());
        }
    }

    @Test
    void tooManyInitializedGroupsAreNoticed() throws FsException {
        CheckFixture large = CheckFixture.formatted(260 << 20);
        long before = large.getLong(VolumeStateLayout.OFFSET + 16);
        Surgery.state(large, VolumeStateLayout.INITIALIZED_GROUPS, before + 2);
        CheckReport found = large.check(false);
        assertTrue(found.problems() > 0, found.messages()::toString);
        CheckReport report = large.check(true);
        assertEquals(report.problems(), report.repaired(), report.messages()::toString);
        assertEquals(List.of(), large.check(false).messages());
    }

    @Test
    void aFileOfManyContestedExtentsEndsSoon() throws FsException {
        // each of these files says that it owns the whole data area, in each of its extents
        long first = fixture.superblock.geometry().firstDataBlock();
        long blocks = fixture.superblock.geometry().totalBlocks() - 1 - first;
        for (int i = 0; i < 20; i++) {
            fixture.editInode(
                    "file" + i,
                    b -> {
                        int root = InodeLayout.PAYLOAD;
                        Bytes.putShort(b, root + RecordRootLayout.COUNT, RecordRootLayout.CAPACITY);
                        for (int j = 0; j < RecordRootLayout.CAPACITY; j++) {
                            int at = root + RecordRootLayout.RECORDS + j * 16;
                            Bytes.putLong(b, at, j * blocks);
                            Bytes.putLong(b, at + 8, PackedExtent.of(first, blocks));
                        }
                    });
        }
        long start = System.nanoTime();
        assertRepairs();
        assertTrue(System.nanoTime() - start < 20_000_000_000L);
        fixture.tree();
    }

    @Test
    void aRepairTooLargeForOneTransactionTakesSeveral() throws FsException {
        RegionOptions options = RegionOptions.defaults().withCreateSizeBytes(64L << 30);
        try (Region region = Regions.open(Path.of("memfd:large"), options)) {
            long journalBytes = 256 << 10;
            VolumeFormatter.format(
                    region,
                    new FormatOptions(new UUID(1, 1), "", journalBytes, 0, 0, 3, 4, 1_700_000_000));
            Volume volume = Volume.open(region, CheckFixture.OPTIONS);
            long file = fixture.create(volume, 2, "big", 0100600);
            volume.fallocate(file, 0, 0, 40L << 30, Caller.ROOT);
            volume.close();
            for (int group = 0; group < 300; group++) {
                region.putLong((1L + group) * Geometry.BLOCK_BYTES + GroupLayout.BITMAP + 800, 5);
            }
            CheckReport report = VolumeChecker.check(region, true, line -> {});
            assertEquals(300, report.problems());
            assertEquals(300, report.repaired());
            assertEquals(List.of(), VolumeChecker.check(region, false, line -> {}).messages());
        }
    }

    @Test
    void theInspectorShowsADamagedAndDirtyVolumeAsFarAsItGoes() throws FsException {
        Volume volume = open();
        fixture.create(volume, 2, "fresh", 0100644);
        fixture.commit(volume); // then kill -9
        fixture.flip(60); // primary superblock
        fixture.flip(Surgery.leaf(fixture, "wide") + 100);
        fixture.flip(Surgery.node(fixture, "fragmented", 0) + 100);
        fixture.flip(fixture.offsetOfInode("file4") + 90);
        byte[] before = fixture.image.clone();
        VolumeInspector inspector = VolumeInspector.open(fixture.region);
        Map<?, ?> primary = (Map<?, ?>) inspector.superblock().get("primary");
        assertTrue(primary.get("checksum").toString().startsWith("checksum 0x"));
        assertEquals(1, ((List<?>) inspector.journal().get("transactions")).size());
        long fresh = inspector.resolve("/fresh");
        assertEquals("0100644", inspector.inode(fresh).get("mode"));
        assertEquals(
                fixture.offsetOfInode("file4"),
                inspector.inode(fixture.inodes.get("file4")).get("offset"));
        long file5 = inspector.resolve("/dir/sub/file5");
        assertEquals(fixture.inodes.get("file5"), file5);
        Map<String, Object> extents = inspector.extents(fixture.inodes.get("fragmented"));
        assertEquals(1, ((List<?>) extents.get("problems")).size());
        assertTrue(((List<?>) extents.get("extents")).size() > 300);
        Map<String, Object> wide = inspector.directory(fixture.inodes.get("wide"));
        List<?> leaves = (List<?>) wide.get("leaves");
        assertFalse(((Map<?, ?>) leaves.get(0)).get("checksum").equals("ok"));
        assertEquals("ok", ((Map<?, ?>) leaves.get(1)).get("checksum"));
        assertEquals("ok", inspector.group(0).get("checksum"));
        assertThrows(FsException.class, () -> inspector.resolve("/dir/none"));
        assertThrows(FsException.class, () -> inspector.inode(1L << 40));
        assertThrows(FsException.class, () -> inspector.group(9));
        assertTrue(Arrays.equals(before, fixture.image));
    }
}
