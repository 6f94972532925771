package io.fusedax.backing.volume;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertTrue;

import io.fusedax.backing.FsException;
import io.fusedax.backing.format.Bytes;
import io.fusedax.backing.format.Checksums;
import io.fusedax.backing.format.Geometry;
import io.fusedax.backing.format.GroupLayout;
import io.fusedax.backing.format.InodeLayout;
import io.fusedax.backing.format.StructureType;
import io.fusedax.backing.format.Superblock;
import io.fusedax.backing.format.VolumeStateLayout;
import io.fusedax.backing.journal.CommitCause;
import io.fusedax.backing.region.ArrayRegion;
import io.fusedax.backing.region.CrashRegion;
import java.nio.charset.StandardCharsets;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.Random;
import java.util.UUID;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

class VolumeCheckerTest {
    private static final int REGION_BYTES = 4 << 20;
    private static final VolumeOptions OPTIONS =
            VolumeOptions.defaults().withCommitIntervalMillis(0);

    private byte[] image;
    private long file;
    private long fragmented;
    private long directory;
    private Map<String, String> tree;
    private Geometry geometry;

    @BeforeEach
    void makeVolume() throws FsException {
        CrashRegion region = new CrashRegion(REGION_BYTES);
        VolumeFormatter.format(
                region, new FormatOptions(new UUID(5, 6), "check", 0, 0, 0, 3, 4, 1_700_000_000));
        Volume volume = Volume.open(region, OPTIONS);
        file = create(volume, 2, "file");
        volume.write(file, 0, new byte[9000], 0, 9000, 0, Caller.ROOT);
        fragmented = create(volume, 2, "fragmented");
        for (int i = 0; i < 40; i++) {
            volume.write(fragmented, i * 8192L, new byte[10], 0, 10, 0, Caller.ROOT);
        }
        byte[] name = "directory".getBytes(StandardCharsets.UTF_8);
        directory = volume.mkdir(2, name, 0, name.length, 0755, Caller.ROOT);
        for (int i = 0; i < 300; i++) {
            create(volume, directory, "name-" + i);
        }
        volume.setxattr(file, "user.a".getBytes(StandardCharsets.UTF_8), new byte[5000], 0);
        unlink(volume, directory, "name-7");
        volume.sync(CommitCause.SYNC);
        tree = TreeSnapshot.of(volume);
        volume.close();
        image = new byte[REGION_BYTES];
        region.read(0, image, 0, REGION_BYTES);
        geometry = Superblock.read(region).geometry();
    }

    private static long create(Volume volume, long parent, String name) throws FsException {
        byte[] bytes = name.getBytes(StandardCharsets.UTF_8);
        return volume.mknod(parent, bytes, 0, bytes.length, 0100644, 0, Caller.ROOT);
    }

    private static void unlink(Volume volume, long parent, String name) throws FsException {
        byte[] bytes = name.getBytes(StandardCharsets.UTF_8);
        volume.unlink(parent, bytes, 0, bytes.length);
    }

    private List<String> checkOnly() throws FsException {
        byte[] copy = image.clone();
        return VolumeChecker.check(new ArrayRegion(copy), false, line -> {}).messages();
    }

    private Map<String, String> repairAndSnapshot() throws FsException {
        CheckReport report = VolumeChecker.check(new ArrayRegion(image), true, line -> {});
        assertTrue(report.problems() > 0);
        assertEquals(report.problems(), report.repaired(), report.messages().toString());
        List<String> again = checkOnly();
        assertEquals(List.of(), again);
        Volume volume = Volume.open(new ArrayRegion(image), OPTIONS);
        Map<String, String> after = TreeSnapshot.of(volume);
        volume.close();
        assertEquals(List.of(), checkOnly());
        return after;
    }

    private long inodeOffset(long number) throws FsException {
        VolumeInspector inspector = VolumeInspector.open(new ArrayRegion(image.clone()));
        return (Long) inspector.inode(number).get("offset");
    }

    /** Changes a structure and gives it a right checksum. */
    private void edit(StructureType type, long offset, int field, long value, int bytes) {
        byte[] structure = new byte[type.sizeBytes()];
        System.arraycopy(image, (int) offset, structure, 0, structure.length);
        if (bytes == Integer.BYTES) {
            Bytes.putInt(structure, field, (int) value);
        } else {
            Bytes.putLong(structure, field, value);
        }
        new Checksums(geometry.uuid()).seal(type, offset, structure);
        System.arraycopy(structure, 0, image, (int) offset, structure.length);
    }

    private void assertNamed(String... words) throws FsException {
        String all = String.join("\n", checkOnly());
        for (String word : words) {
            assertTrue(all.contains(word), word + " not in: " + all);
        }
    }

    @Test
    void aSoundVolumeIsClean() throws FsException {
        assertEquals(List.of(), checkOnly());
    }

    @Test
    void theSuperblockIsRestoredFromItsBackupAndTheOtherWayRound() throws FsException {
        image[100] ^= 1;
        assertNamed("superblock at offset 0", "checksum");
        assertEquals(tree, repairAndSnapshot());
        image[REGION_BYTES - 4096 + 50] ^= 1;
        assertNamed("superblock at offset " + (REGION_BYTES - 4096));
        assertEquals(tree, repairAndSnapshot());
    }

    @Test
    void damagedBitmapsAndCountersAreMadeAnew() throws FsException {
        long group = geometry.groupOffset(0);
        image[(int) group + 200] ^= 1;
        assertNamed("block group 0 at offset " + group, "checksum");
        assertEquals(tree, repairAndSnapshot());
        edit(StructureType.GROUP, group, GroupLayout.BITMAP + 120, -1, Long.BYTES);
        assertNamed("blocks in use that nobody owns");
        assertEquals(tree, repairAndSnapshot());
        edit(
                StructureType.VOLUME_STATE,
                VolumeStateLayout.OFFSET,
                VolumeStateLayout.FREE_BLOCKS,
                7,
                Long.BYTES);
        assertNamed("free_blocks 7");
        assertEquals(tree, repairAndSnapshot());
        image[(int) VolumeStateLayout.OFFSET + 9] ^= 1;
        assertNamed("volume state at offset 2048");
        assertEquals(tree, repairAndSnapshot());
    }

    @Test
    void wrongLinkAndBlockCountsAreSetRight() throws FsException {
        long offset = inodeOffset(file);
        edit(StructureType.INODE, offset, InodeLayout.LINK_COUNT, 5, Integer.BYTES);
        edit(StructureType.INODE, offset, InodeLayout.BLOCK_COUNT, 77, Long.BYTES);
        assertNamed("inode " + file + " at offset " + offset, "link_count 5", "block_count 77");
        assertEquals(tree, repairAndSnapshot());
    }

    @Test
    void aDamagedInodeLosesItsNameAndNothingElse() throws FsException {
        image[(int) inodeOffset(file) + 60] ^= 1;
        assertNamed("inode " + file + " at offset " + inodeOffset(file), "not in use");
        Map<String, String> after = repairAndSnapshot();
        tree.remove("/file/");
        assertEquals(tree, after);
    }

    @Test
    void aDamagedDirectoryInodeSendsItsFilesToLostAndFound() throws FsException {
        image[(int) inodeOffset(directory) + 60] ^= 1;
        Map<String, String> after = repairAndSnapshot();
        assertEquals(
                299, after.keySet().stream().filter(p -> p.matches("/lost.found/#.+")).count());
        assertEquals(tree.get("/file/"), after.get("/file/"));
    }

    @Test
    void aDamagedRootIsMadeAnewAndItsFilesAreFound() throws FsException {
        image[(int) inodeOffset(2) + 60] ^= 1;
        Map<String, String> after = repairAndSnapshot();
        assertTrue(after.containsKey("/lost+found/#" + file + "/"));
        assertTrue(after.containsKey("/lost+found/#" + directory + "/name-8/"));
    }

    @Test
    @SuppressWarnings("unchecked")
    void aDamagedDirectoryLeafLosesItsNamesToLostAndFound() throws FsException {
        VolumeInspector inspector = VolumeInspector.open(new ArrayRegion(image.clone()));
        List<Object> leaves = (List<Object>) inspector.directory(directory).get("leaves");
        assertTrue(leaves.size() > 2);
        long offset = (Long) ((Map<String, Object>) leaves.get(1)).get("offset");
        image[(int) offset + 100] ^= 1;
        assertNamed("directory leaf at offset " + offset);
        Map<String, String> after = repairAndSnapshot();
        assertEquals(tree.size() + 1, after.size(), "only lost+found is new");
    }

    @Test
    void aDamagedTreeNodeCostsItsExtentsOnly() throws FsException {
        long block = Bytes.getLong(image, (int) inodeOffset(fragmented) + InodeLayout.PAYLOAD + 24);
        image[(int) (block << 12) + 70] ^= 1;
        assertNamed("record tree node at offset " + (block << 12));
        Map<String, String> after = repairAndSnapshot();
        assertFalse(after.get("/fragmented/").equals(tree.get("/fragmented/")));
        assertEquals(tree.get("/file/"), after.get("/file/"));
    }

    @Test
    void aBlockOwnedTwiceStaysWithItsFirstOwner() throws FsException {
        long offset = inodeOffset(fragmented);
        long extent = Bytes.getLong(image, (int) inodeOffset(file) + InodeLayout.PAYLOAD + 24);
        int root = InodeLayout.PAYLOAD;
        edit(StructureType.INODE, offset, root, 0x1_0000, Integer.BYTES);
        edit(StructureType.INODE, offset, root + 24, extent, Long.BYTES);
        assertNamed("which is not its own");
        Map<String, String> after = repairAndSnapshot();
        assertEquals(tree.get("/file/"), after.get("/file/"));
    }

    @Test
    void aDirectoryBelowItselfIsTakenOut() throws FsException {
        Volume volume = Volume.open(new ArrayRegion(image), OPTIONS);
        byte[] name = {'s'};
        long sub = volume.mkdir(directory, name, 0, 1, 0755, Caller.ROOT);
        long subsub = volume.mkdir(sub, name, 0, 1, 0755, Caller.ROOT);
        volume.close();
        retarget(directory, "s", subsub);
        edit(StructureType.INODE, inodeOffset(subsub), InodeLayout.PARENT, directory, Long.BYTES);
        retarget(sub, "s", sub);
        assertFalse(checkOnly().isEmpty());
        repairAndSnapshot();
    }

    @SuppressWarnings("unchecked")
    private void retarget(long parent, String name, long inode) throws FsException {
        VolumeInspector inspector = VolumeInspector.open(new ArrayRegion(image.clone()));
        for (Object leaf : (List<Object>) inspector.directory(parent).get("leaves")) {
            long offset = (Long) ((Map<String, Object>) leaf).get("offset");
            byte[] bytes = new byte[4096];
            System.arraycopy(image, (int) offset, bytes, 0, 4096);
            for (int at = 64; at < 4096 - 24; at += 8) {
                if (bytes[at + 16] == name.length()
                        && new String(bytes, at + 18, name.length(), StandardCharsets.UTF_8)
                                .equals(name)) {
                    edit(StructureType.DIRECTORY_LEAF, offset, at + 8, inode, Long.BYTES);
                }
            }
        }
    }

    @ParameterizedTest
    @ValueSource(ints = {1, 2, 3, 4, 5, 6, 7, 8})
    void randomDamageIsNamedRepairedAndNeverThrows(int round) throws FsException {
        long seed = Long.getLong("fusedax.seed", round * 1_000L);
        System.out.println("seed " + seed);
        byte[] sound = image;
        List<Integer> used = usedBytes(sound);
        for (int i = 0; i < 60; i++) {
            Random random = new Random(seed + i);
            image = sound.clone();
            for (int flips = random.nextInt(4); flips >= 0; flips--) {
                int at = used.get(random.nextInt(used.size()));
                image[at] ^= (byte) (1 << random.nextInt(8));
            }
            String where = "seed " + (seed + i);
            byte[] before = image.clone();
            checkOnly();
            assertArrayEquals(before, image);
            try {
                VolumeChecker.check(new ArrayRegion(image), true, line -> {});
            } catch (FsException e) {
                continue; // no volume left to speak of
            } catch (RuntimeException e) {
                throw new AssertionError(where, e);
            }
            assertEquals(List.of(), checkOnly(), where);
        }
    }

    /** Offsets of metadata bytes that are not zero. */
    private List<Integer> usedBytes(byte[] bytes) {
        List<Integer> used = new ArrayList<>();
        for (int at = 0; at < bytes.length; at++) {
            boolean log =
                    at >= (geometry.journalBlock() + 1) << 12
                            && at < geometry.firstDataBlock() << 12;
            if (bytes[at] != 0 && !log) {
                used.add(at);
            }
        }
        return used;
    }
}
