package io.fusedax.tests.mount;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import io.fusedax.tests.support.MountedVolume;
import io.fusedax.tests.support.Posix;
import io.fusedax.tests.support.PosixDirectory;
import io.fusedax.tests.support.PosixException;
import io.fusedax.tests.support.Seed;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Arrays;
import java.util.Random;
import jnr.constants.platform.Errno;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;

/** A full volume: ENOSPC when df says so, not before, and nothing is broken or lost by it. */
final class FullDiskIT {
    private static final int BLOCK = 4096;

    /** Blocks that df may still show when a 4 KiB write fails: the tree nodes it would need. */
    private static final int SLACK_BLOCKS = 16;

    private final Random random = Seed.random("FullDiskIT");
    private MountedVolume volume;

    @BeforeEach
    void mount() {
        MountedVolume.assumeMounted();
        volume = MountedVolume.builder().size("48M").mount();
    }

    @AfterEach
    void unmount() {
        if (volume != null) {
            volume.close();
        }
    }

    @Test
    void oneFileTakesAllThatDfShows() {
        long available = available();
        long written = fillWithBlocks("file");
        assertTrue(
                available - written <= available / 100 + SLACK_BLOCKS,
                written + " blocks written, df showed " + available);
        assertTrue(
                available() <= SLACK_BLOCKS, "df shows " + available() + " blocks of a full disk");
        assertStillSound();
    }

    @Test
    void aFileDeletedGivesBackAllItTook() {
        fillWithBlocks("warm-up");
        Posix.unlink(volume.resolve("warm-up"));
        volume.sync();
        long available = available();
        long first = fillWithBlocks("file");
        Posix.unlink(volume.resolve("file"));
        volume.sync();
        assertEquals(available, available());
        assertEquals(first, fillWithBlocks("file"));
        Posix.unlink(volume.resolve("file"));
        // Without a sync: the allocator itself commits to get freed blocks back.
        assertEquals(first, fillWithBlocks("file"));
        assertStillSound();
    }

    @Test
    void manyFilesOfManySizesFillAndEmptyAgain() {
        fillWithFiles("warm-up");
        deleteAll();
        volume.sync();
        long available = available();
        for (int round = 0; round < 3; round++) {
            fillWithFiles("round" + round + "-");
            assertTrue(available() <= SLACK_BLOCKS, "df shows " + available());
            deleteAll();
            volume.sync();
            assertEquals(available, available(), "round " + round);
        }
        assertStillSound();
    }

    @Test
    void emptyFilesFillTheVolumeToo() {
        volume.close();
        volume = MountedVolume.builder().size("8M").mount();
        int made = 0;
        try {
            for (; made < 10_000_000; made++) {
                Posix.close(Posix.create(volume.resolve("empty" + made)));
            }
        } catch (PosixException e) {
            assertEquals(Errno.ENOSPC, e.errno());
        }
        assertEquals(made, PosixDirectory.list(volume.directory()).size());
        volume.remount();
        assertEquals(made, PosixDirectory.list(volume.directory()).size());
        deleteAll();
        volume.unmount();
        volume.assertClean();
    }

    @Test
    void aWriteIntoAllocatedSpaceWorksOnAFullDisk() {
        Path path = volume.resolve("preallocated");
        int fd = Posix.create(path);
        Posix.fallocate(fd, 0, 0, 100 * BLOCK);
        fillWithBlocks("file");
        for (int block = 0; block < 100; block++) {
            assertEquals(BLOCK, Posix.pwrite(fd, filled(block), (long) block * BLOCK));
        }
        Posix.fsync(fd);
        Posix.close(fd);
        volume.kill9();
        volume.assertClean();
        volume.mount();
        fd = Posix.open(path, Posix.O_RDONLY);
        for (int block = 0; block < 100; block++) {
            assertTrue(Arrays.equals(filled(block), Posix.pread(fd, BLOCK, (long) block * BLOCK)));
        }
        Posix.close(fd);
    }

    @Test
    void aFailedWriteLeavesTheFileAsItWas() throws Exception {
        Path victim = volume.resolve("victim");
        Files.writeString(victim, "as it was");
        fillWithBlocks("file");
        int fd = Posix.open(victim, Posix.O_RDWR);
        PosixException failure =
                assertThrows(
                        PosixException.class, () -> Posix.pwrite(fd, new byte[BLOCK], 50L * BLOCK));
        assertEquals(Errno.ENOSPC, failure.errno());
        assertThrows(PosixException.class, () -> Posix.fallocate(fd, 0, 0, 30L * BLOCK));
        Posix.close(fd);
        assertEquals("as it was", Files.readString(victim));
        Posix.unlink(volume.resolve("file"));
        Files.write(volume.resolve("again"), new byte[30 * BLOCK]);
        assertStillSound();
    }

    @Test
    void killedWhenFullItRecovers() {
        fillWithFiles("file");
        volume.kill9();
        volume.assertClean();
        volume.mount();
        deleteAll();
        fillWithBlocks("again");
        assertStillSound();
    }

    private void assertStillSound() {
        volume.remount();
        PosixDirectory.list(volume.directory());
        volume.unmount();
        volume.assertClean();
    }

    private long available() {
        return Posix.statvfs(volume.directory()).availableBlocks();
    }

    /** Writes block after block until the first ENOSPC; returns how many fitted. */
    private long fillWithBlocks(String name) {
        int fd = Posix.create(volume.resolve(name));
        long blocks = 0;
        try {
            while (true) {
                Posix.pwrite(fd, filled((int) blocks), blocks * BLOCK);
                blocks++;
            }
        } catch (PosixException e) {
            assertEquals(Errno.ENOSPC, e.errno());
        }
        Posix.close(fd);
        return blocks;
    }

    /** Files from nothing to half a mebibyte; once one does not fit, smaller ones until none do. */
    private void fillWithFiles(String prefix) {
        int largest = 1 << 19;
        for (int i = 0; largest > 1; i++) {
            Path path = volume.resolve(prefix + i);
            try {
                int fd = Posix.create(path);
                try {
                    write(fd, 1 + random.nextInt(largest));
                } finally {
                    Posix.close(fd);
                }
            } catch (PosixException e) {
                assertEquals(Errno.ENOSPC, e.errno());
                largest /= 2;
            }
        }
    }

    private static void write(int fd, int sizeBytes) {
        int offset = 0;
        while (offset < sizeBytes) {
            offset += Posix.pwrite(fd, new byte[sizeBytes - offset], offset);
        }
    }

    private void deleteAll() {
        for (String name : PosixDirectory.list(volume.directory())) {
            Posix.unlink(volume.resolve(name));
        }
    }

    private static byte[] filled(int value) {
        byte[] block = new byte[BLOCK];
        Arrays.fill(block, (byte) value);
        return block;
    }
}
