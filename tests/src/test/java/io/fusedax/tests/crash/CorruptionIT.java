package io.fusedax.tests.crash;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import io.fusedax.backing.format.DirectoryLeafLayout;
import io.fusedax.backing.format.GroupLayout;
import io.fusedax.backing.format.InodeLayout;
import io.fusedax.backing.format.JournalHeaderLayout;
import io.fusedax.backing.format.MountStateLayout;
import io.fusedax.backing.format.StructureType;
import io.fusedax.backing.format.SuperblockLayout;
import io.fusedax.backing.format.VolumeStateLayout;
import io.fusedax.tests.support.Command;
import io.fusedax.tests.support.MountedVolume;
import io.fusedax.tests.support.Posix;
import io.fusedax.tests.support.PosixException;
import io.fusedax.tests.support.Seed;
import io.fusedax.tests.support.Trees;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Random;
import java.util.SortedMap;
import java.util.regex.Pattern;
import jnr.constants.platform.Errno;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;

/**
 * Damaged metadata: the structure and its offset are named, nothing ends in an exception trace,
 * only looking changes no byte, and fsck repairs or refuses.
 */
final class CorruptionIT {
    private static final int FSCK_CORRECTED = 1;
    private static final int FSCK_UNCORRECTED = 4;
    private static final int FSCK_OPERATIONAL = 8;
    private static final int RANDOM_ROUNDS = Integer.getInteger("corruption.rounds", 12);
    private static final Pattern TRACE =
            Pattern.compile(
                    "^\\s+at [\\w.$/]+\\(|\\w+Exception\\b|internal error", Pattern.MULTILINE);

    private MountedVolume volume;
    private Path log;
    private long fileInode;
    private long directoryInode;
    private SortedMap<String, String> healthy;

    @BeforeEach
    void makeVolume() throws IOException {
        MountedVolume.assumeMounted();
        volume = MountedVolume.builder().size("32M").format();
        log = volume.outside().resolve("daemon.log");
        mount();
        for (int i = 0; i < 20; i++) {
            Path directory = volume.resolve("directory" + i);
            Posix.mkdir(directory, 0755);
            for (int j = 0; j < 20; j++) {
                Files.write(directory.resolve("file" + j), new byte[i * j * 31]);
            }
        }
        fileInode = Posix.lstat(volume.resolve("directory3/file7")).inode();
        directoryInode = Posix.lstat(volume.resolve("directory5")).inode();
        healthy = Trees.describe(volume.directory());
        volume.unmount();
        volume.assertClean();
    }

    @AfterEach
    void noExceptionWasLogged() throws IOException {
        if (volume == null) {
            return;
        }
        String logged = Files.exists(log) ? Files.readString(log) : "";
        volume.close();
        assertFalse(TRACE.matcher(logged).find(), () -> "trace in the log:\n" + logged);
    }

    @Test
    void aDamagedSuperblockIsNamedAndRepairedFromItsBackup() throws IOException {
        flip(SuperblockLayout.GROUP_COUNT);
        assertFsckNames("superblock", 0);
        assertMountRefusesOrIsWhole("superblock", 0);
        repair(true);
        assertWhole();
    }

    @Test
    void aDamagedBackupSuperblockIsNamedAndRepaired() throws IOException {
        long offset;
        try (Media media = new Media(volume.region())) {
            offset = media.backupSuperblockOffset();
            media.flip(offset + SuperblockLayout.UUID);
        }
        assertFsckNames("superblock", offset);
        assertMountRefusesOrIsWhole("superblock", offset);
        repair(true);
        assertWhole();
    }

    @Test
    void bothSuperblocksGoneIsRefused() throws IOException {
        try (Media media = new Media(volume.region())) {
            media.flip(media.backupSuperblockOffset());
            media.flip(SuperblockLayout.UUID);
        }
        long before = Trees.crc32c(volume.region());
        Command.Result mount = volume.mountCommand("log=" + log).run();
        assertTrue(mount.exitCode() != 0, mount::toString);
        assertNames(mount, "superblock", 0);
        Command.Result fsck = volume.fsck("-n");
        assertTrue(fsck.exitCode() >= FSCK_UNCORRECTED, fsck::toString);
        assertNames(fsck, "superblock", 0);
        Command.Result repair = volume.fsck("-y");
        assertTrue(repair.exitCode() >= FSCK_UNCORRECTED, repair::toString);
        assertFalse(TRACE.matcher(repair.output()).find(), repair::toString);
        assertEquals(before, Trees.crc32c(volume.region()));
    }

    @Test
    void aDamagedBitmapIsNamedAndRepaired() throws IOException {
        long offset = first(StructureType.GROUP);
        flip(offset + GroupLayout.BITMAP + 100);
        assertFsckNames("block group", offset);
        assertMountReadsOrRefuses("block group", offset);
        repair(true);
        assertWhole();
    }

    @Test
    void aWrongFreeCountIsNamedAndRepaired() throws IOException {
        flip(VolumeStateLayout.OFFSET + VolumeStateLayout.FREE_BLOCKS);
        assertFsckNames("volume state", VolumeStateLayout.OFFSET);
        assertMountReadsOrRefuses("volume state", VolumeStateLayout.OFFSET);
        repair(true);
        assertWhole();
    }

    @Test
    void aDamagedMountStateIsRepaired() throws IOException {
        flip(MountStateLayout.OFFSET + MountStateLayout.MOUNT_COUNT);
        assertFsckNames("mount state", MountStateLayout.OFFSET);
        assertMountReadsOrRefuses("mount state", MountStateLayout.OFFSET);
        repair(true);
        assertWhole();
    }

    @Test
    void aDamagedInodeIsNamedAndHurtsOnlyItsFile() throws IOException {
        long offset;
        try (Media media = new Media(volume.region())) {
            offset = media.inode(fileInode);
            media.flip(offset + InodeLayout.FILE_SIZE);
        }
        assertFsckNames("inode", offset);
        mount();
        assertCorrupt(() -> Posix.lstat(volume.resolve("directory3/file7")));
        assertOthersAreWhole("directory3/file7");
        volume.kill9();
        repair(false);
        assertOthersAreWholeAfterRepair("directory3/file7");
    }

    @Test
    void aDamagedDirectoryLeafIsNamedAndHurtsOnlyItsDirectory() throws IOException {
        long offset;
        try (Media media = new Media(volume.region())) {
            offset = media.directoryLeaf(directoryInode);
            media.flip(offset + DirectoryLeafLayout.ENTRIES + 5);
        }
        assertFsckNames("directory leaf", offset);
        mount();
        assertCorrupt(() -> Posix.lstat(volume.resolve("directory5/file1")));
        assertOthersAreWhole("directory5");
        volume.kill9();
        repair(false);
        assertOthersAreWholeAfterRepair("directory5");
    }

    @Test
    void aDamagedJournalHeaderSlotIsSurvivedOrNamed() throws IOException {
        makeJournalDirty();
        try (Media media = new Media(volume.region())) {
            media.flip(media.journalOffset() + JournalHeaderLayout.FIRST_SEQUENCE);
        }
        assertMountRefusesOrIsWhole("journal", -1);
        // The other slot may be stale by design; what fsck then says it did, it must have done.
        repair(true);
        mount();
        assertOthersAreWhole("directory1");
        volume.unmount();
    }

    @Test
    void aJournalWithoutHeaderIsNamed() throws IOException {
        makeJournalDirty();
        long offset;
        try (Media media = new Media(volume.region())) {
            offset = media.journalOffset();
            for (int slot = 0; slot < JournalHeaderLayout.SLOT_COUNT; slot++) {
                media.flip(
                        offset
                                + slot * JournalHeaderLayout.SLOT_STRIDE_BYTES
                                + JournalHeaderLayout.FIRST_SEQUENCE);
            }
        }
        long before = Trees.crc32c(volume.region());
        Command.Result mount = volume.mountCommand("log=" + log).run();
        assertTrue(mount.exitCode() != 0, mount::toString);
        assertNames(mount, "journal", offset);
        assertEquals(before, Trees.crc32c(volume.region()));
        assertFsckNames("journal", offset);
        repair(false);
    }

    @Test
    void randomDamageNeverEndsInATraceOrInWorseDamage() throws IOException {
        Random random = new Random(Seed.printed("CorruptionIT"));
        Path pristine = volume.outside().resolve("pristine");
        Command.of("cp", "--sparse=always", volume.region(), pristine).ok();
        for (int round = 0; round < RANDOM_ROUNDS; round++) {
            Command.of("cp", "--sparse=always", pristine, volume.region()).ok();
            List<Long> damaged = damageMetadata(random);
            String where = "round " + round + ", damaged at " + damaged;
            long before = Trees.crc32c(volume.region());
            Command.Result look = volume.fsck("-n");
            assertEquals(before, Trees.crc32c(volume.region()), where);
            assertFalse(TRACE.matcher(look.output()).find(), () -> where + ": " + look);
            assertTrue(look.exitCode() >= FSCK_UNCORRECTED, () -> where + ": " + look);
            Command.Result repair = volume.fsck("-y");
            assertFalse(TRACE.matcher(repair.output()).find(), () -> where + ": " + repair);
            if (repair.exitCode() == FSCK_CORRECTED) {
                assertEquals(0, volume.fsck("-n").exitCode(), () -> where + ": after " + repair);
                mount();
                readEverything();
                volume.unmount();
            }
        }
    }

    /** Damages one to three live structures, with bit flips or with noise. */
    private List<Long> damageMetadata(Random random) throws IOException {
        List<Long> damaged = new ArrayList<>();
        try (Media media = new Media(volume.region())) {
            List<Long> candidates = new ArrayList<>();
            candidates.add(SuperblockLayout.PRIMARY_OFFSET);
            candidates.add(VolumeStateLayout.OFFSET);
            candidates.addAll(media.find(StructureType.GROUP, 4096));
            candidates.addAll(media.find(StructureType.DIRECTORY_LEAF, 4096));
            candidates.addAll(media.find(StructureType.RECORD_NODE, 4096));
            candidates.add(media.inode(fileInode));
            candidates.add(media.inode(directoryInode));
            candidates.add(media.inode(2));
            int count = 1 + random.nextInt(3);
            for (int i = 0; i < count; i++) {
                long offset = candidates.get(random.nextInt(candidates.size()));
                damaged.add(offset);
                if (random.nextBoolean()) {
                    media.flip(offset + random.nextInt(64));
                } else {
                    media.fill(offset + random.nextInt(32), 1 + random.nextInt(30), random);
                }
            }
        }
        return damaged;
    }

    private void mount() {
        volume.mount("log=" + log);
    }

    private void flip(long offset) throws IOException {
        try (Media media = new Media(volume.region())) {
            media.flip(offset);
        }
    }

    private long first(StructureType type) throws IOException {
        try (Media media = new Media(volume.region())) {
            return media.find(type, 4096).get(0);
        }
    }

    private void makeJournalDirty() {
        mount();
        int fd = Posix.open(volume.resolve("directory1"), Posix.O_RDONLY);
        Posix.chmod(volume.resolve("directory1"), 0700);
        Posix.fsync(fd);
        healthy = Trees.describe(volume.directory());
        volume.kill9();
        Posix.closeQuietly(fd);
    }

    private void assertFsckNames(String structure, long offset) {
        long before = Trees.crc32c(volume.region());
        Command.Result result = volume.fsck("-n");
        assertTrue(
                result.exitCode() == FSCK_UNCORRECTED || result.exitCode() == FSCK_OPERATIONAL,
                result::toString);
        assertNames(result, structure, offset);
        assertEquals(before, Trees.crc32c(volume.region()), "fsck -n changed the media");
    }

    private static void assertNames(Command.Result result, String structure, long offset) {
        String output = result.output();
        assertFalse(TRACE.matcher(output).find(), result::toString);
        assertTrue(output.contains(structure), () -> "does not name " + structure + ": " + result);
        boolean named =
                offset < 0
                        || Pattern.compile(
                                        "\\b("
                                                + offset
                                                + "|0x0*"
                                                + Long.toHexString(offset)
                                                + ")\\b")
                                .matcher(output)
                                .find();
        assertTrue(named, () -> "does not name offset " + offset + ": " + result);
    }

    private void assertMountRefusesOrIsWhole(String structure, long offset) {
        long before = Trees.crc32c(volume.region());
        Command.Result result = volume.mountCommand("log=" + log).run();
        if (result.exitCode() == 0) {
            Trees.assertSame(healthy, Trees.describe(volume.directory()));
            volume.unmount();
        } else {
            assertNames(result, structure, offset);
            assertEquals(before, Trees.crc32c(volume.region()), "the failed mount changed media");
        }
    }

    /**
     * A mount that works lets everything be read, and answers a change with success, EUCLEAN, EIO
     * or EROFS.
     */
    private void assertMountReadsOrRefuses(String structure, long offset) {
        long before = Trees.crc32c(volume.region());
        Command.Result result = volume.mountCommand("log=" + log).run();
        if (result.exitCode() != 0) {
            assertNames(result, structure, offset);
            assertEquals(before, Trees.crc32c(volume.region()), "the failed mount changed media");
            return;
        }
        Trees.assertSame(healthy, Trees.describe(volume.directory()));
        try {
            Files.write(volume.resolve("directory1/file1"), new byte[100_000]);
            Files.write(volume.resolve("directory1/file1"), new byte[31]);
            volume.sync();
            healthy = Trees.describe(volume.directory());
        } catch (IOException e) {
            assertTrue(
                    e.getMessage()
                            .matches(
                                    ".*(Structure needs cleaning|Input/output error|Read-only file"
                                            + " system).*"),
                    e::toString);
        }
        volume.kill9();
    }

    private void assertOthersAreWhole(String damaged) {
        healthy.forEach(
                (path, line) -> {
                    Path file = volume.resolve(path);
                    if (!path.startsWith(damaged) && line.contains("size=")) {
                        assertTrue(
                                line.endsWith(Long.toHexString(Trees.crc32c(file))),
                                () -> path + " is damaged, too");
                    }
                });
    }

    private void assertOthersAreWholeAfterRepair(String damaged) {
        if (volume.fsck("-n").exitCode() == 0) {
            mount();
            assertOthersAreWhole(damaged);
            readEverything();
            volume.unmount();
        }
    }

    private void assertWhole() {
        mount();
        Trees.assertSame(healthy, Trees.describe(volume.directory()));
        volume.unmount();
        volume.assertClean();
    }

    /** Repairs, or, where that is allowed, refuses to; after a repair there is nothing to find. */
    private void repair(boolean mustWork) {
        Command.Result result = volume.fsck("-y");
        assertFalse(TRACE.matcher(result.output()).find(), result::toString);
        if (mustWork || result.exitCode() < FSCK_UNCORRECTED) {
            assertTrue(result.exitCode() <= FSCK_CORRECTED, result::toString);
            volume.assertClean();
        }
    }

    private void readEverything() {
        Command.shell("find \"$1\" -type f -exec cat {} + > /dev/null", volume.directory()).ok();
    }

    /** Fails as ext4 does on what it finds damaged. */
    private static void assertCorrupt(Runnable call) {
        PosixException failure = assertThrows(PosixException.class, call::run);
        assertTrue(
                failure.errno() == Errno.EUCLEAN || failure.errno() == Errno.EIO,
                failure::toString);
    }
}
