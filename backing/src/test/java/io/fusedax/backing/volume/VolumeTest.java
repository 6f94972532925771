package io.fusedax.backing.volume;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertNotEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import io.fusedax.backing.Counter;
import io.fusedax.backing.FsException;
import io.fusedax.backing.journal.CommitCause;
import java.nio.charset.StandardCharsets;
import java.util.Arrays;
import java.util.HashSet;
import java.util.List;
import java.util.Random;
import java.util.Set;
import jnr.constants.platform.Errno;
import org.junit.jupiter.api.Test;

class VolumeTest {
    private static final long ROOT = Volume.ROOT_INODE;
    private static final long MIB = 1L << 20;

    private static byte[] random(int seed, int length) {
        byte[] bytes = new byte[length];
        new Random(seed).nextBytes(bytes);
        return bytes;
    }

    private static void assertErrno(Errno errno, org.junit.jupiter.api.function.Executable call) {
        assertEquals(errno, assertThrows(FsException.class, call).errno());
    }

    @Test
    void committedFilesSurviveACrashAndOthersDoNot() throws FsException {
        try (TestVolume v = new TestVolume(16 * MIB)) {
            long kept = v.create(ROOT, "kept");
            byte[] content = random(1, 100_000);
            v.write(kept, 5, content);
            v.volume.fsync(kept, false);
            v.create(ROOT, "lost");
            v.crash();
            assertEquals(kept, v.lookup(ROOT, "kept"));
            assertArrayEquals(content, v.read(kept, 5, content.length));
            assertEquals(0, v.lookup(ROOT, "lost"));
            assertEquals(1, v.volume.summary().recoveredTransactions());
        }
    }

    @Test
    void aCleanUnmountKeepsEverythingAndLeavesNothingToRecover() throws FsException {
        try (TestVolume v = new TestVolume(16 * MIB)) {
            long file = v.create(ROOT, "file");
            v.write(file, 0, random(2, 5000));
            v.remount();
            assertArrayEquals(random(2, 5000), v.read(v.lookup(ROOT, "file"), 0, 6000));
            assertEquals(0, v.volume.counters().get(Counter.JOURNAL_RECOVERED_TRANSACTIONS));
        }
    }

    @Test
    void fdatasyncOfAnOverwriteCommitsNothing() throws FsException {
        try (TestVolume v = new TestVolume(16 * MIB)) {
            long file = v.create(ROOT, "file");
            v.write(file, 0, random(2, 5000));
            v.volume.fsync(file, false);
            long commits = v.volume.counters().get(Counter.JOURNAL_COMMITS_FSYNC);
            v.write(file, 0, random(3, 5000));
            v.volume.fsync(file, true);
            assertEquals(commits, v.volume.counters().get(Counter.JOURNAL_COMMITS_FSYNC));
            v.volume.fsync(file, false);
            assertEquals(commits + 1, v.volume.counters().get(Counter.JOURNAL_COMMITS_FSYNC));
            assertFalse(v.volume.commitInode(file, CommitCause.FAULT));
        }
    }

    @Test
    void anUnlinkedFileLivesUntilReleased() throws FsException {
        try (TestVolume v = new TestVolume(16 * MIB)) {
            v.create(ROOT, "other");
            long free = v.volume.statfs().freeBlocks();
            long file = v.create(ROOT, "file");
            v.volume.acquire(file);
            v.write(file, 0, random(4, 3 << 20));
            v.unlink(ROOT, "file");
            assertEquals(0, v.stat(file).linkCount);
            assertArrayEquals(random(4, 3 << 20), v.read(file, 0, 3 << 20));
            v.volume.release(file);
            assertErrno(Errno.ESTALE, () -> v.stat(file));
            v.volume.sync(CommitCause.SYNC);
            assertEquals(free, v.volume.statfs().freeBlocks());
        }
    }

    @Test
    void anUnlinkedOpenFileIsReclaimedAfterACrash() throws FsException {
        try (TestVolume v = new TestVolume(16 * MIB)) {
            v.create(ROOT, "other");
            long free = v.volume.statfs().freeBlocks();
            long file = v.create(ROOT, "file");
            v.volume.acquire(file);
            v.write(file, 0, random(4, 1 << 20));
            v.unlink(ROOT, "file");
            v.volume.sync(CommitCause.SYNC);
            assertTrue(v.volume.statfs().freeBlocks() < free - 200);
            v.crash();
            assertEquals(free, v.volume.statfs().freeBlocks());
        }
    }

    /** None of these may need a block that a full volume has not: it could never be emptied. */
    @Test
    void aFullVolumeCanBeEmptied() throws FsException {
        try (TestVolume v = new TestVolume(16 * MIB)) {
            long fragmented = v.create(ROOT, "fragmented");
            long other = v.create(ROOT, "other");
            for (int i = 0; i < 700; i++) {
                v.write(fragmented, i * 4096L, random(i, 4096));
                v.write(other, i * 4096L, random(i, 4096));
            }
            long preallocated = v.create(ROOT, "preallocated");
            v.volume.fallocate(preallocated, 0, 0, 200 * 4096, Caller.ROOT);
            long open = v.create(ROOT, "open");
            v.volume.acquire(open);
            fill(v, v.create(ROOT, "filler"));
            for (int i = 0; i < 200; i += 2) {
                assertEquals(4096, v.write(preallocated, i * 4096L, random(i, 4096)));
            }
            for (int i = 1; i < 700; i += 2) {
                v.volume.fallocate(fragmented, 3, i * 4096L, 4096, Caller.ROOT);
                fill(v, other);
            }
            v.unlink(ROOT, "open");
            v.volume.release(open);
            v.truncate(other, 0);
            v.unlink(ROOT, "fragmented");
            v.unlink(ROOT, "filler");
            assertEquals(4096, v.write(other, 0, random(1, 4096)));
        }
    }

    /**
     * Zeroing what a file owns needs no blocks; if it needs some that are not there, nothing is
     * lost.
     */
    @Test
    void zeroingARangeOnAFullVolumeWorksInPlaceOrDoesNothing() throws FsException {
        try (TestVolume v = new TestVolume(16 * MIB)) {
            long owned = v.create(ROOT, "owned");
            byte[] content = random(1, 50_000);
            v.write(owned, 0, content);
            long holey = v.create(ROOT, "holey");
            v.write(holey, 0, content);
            v.truncate(holey, 40 * 4096);
            fill(v, v.create(ROOT, "filler"));

            v.volume.fallocate(owned, RangeOperations.ZERO_RANGE, 5000, 30_000, Caller.ROOT);
            byte[] expected = content.clone();
            java.util.Arrays.fill(expected, 5000, 35_000, (byte) 0);
            assertArrayEquals(expected, v.read(owned, 0, 50_000));
            assertErrno(
                    Errno.ENOSPC,
                    () ->
                            v.volume.fallocate(
                                    holey, RangeOperations.ZERO_RANGE, 5000, 150_000, Caller.ROOT));
            assertArrayEquals(content, v.read(holey, 0, 50_000));
            v.volume.close();
            CheckReport report = VolumeChecker.check(v.region, false, line -> {});
            assertEquals(List.of(), report.messages());
            v.crash();
        }
    }

    private static void fill(TestVolume v, long file) throws FsException {
        try {
            while (true) {
                v.write(file, v.stat(file).sizeBytes, new byte[65_536]);
            }
        } catch (FsException e) {
            assertEquals(Errno.ENOSPC, e.errno());
        }
    }

    @Test
    void diskFullIsExactAndEverythingComesBack() throws FsException {
        try (TestVolume v = new TestVolume(8 * MIB)) {
            v.mkdir(ROOT, "warm");
            v.rmdir(ROOT, "warm");
            v.volume.sync(CommitCause.SYNC);
            long free = v.volume.statfs().freeBlocks();
            long file = v.create(ROOT, "file");
            byte[] chunk = random(5, 300_000);
            long size = 0;
            try {
                while (true) {
                    size += v.write(file, size, chunk);
                }
            } catch (FsException e) {
                assertEquals(Errno.ENOSPC, e.errno());
            }
            assertEquals(0, v.volume.statfs().availableBlocks());
            assertEquals(size, v.stat(file).sizeBytes);
            assertErrno(Errno.ENOSPC, () -> v.write(file, 100 * MIB, new byte[1]));
            v.unlink(ROOT, "file");
            long again = v.create(ROOT, "again");
            assertEquals(4096, v.write(again, 0, new byte[4096]));
            v.unlink(ROOT, "again");
            assertEquals(free, v.volume.statfs().freeBlocks());
        }
    }

    @Test
    void aDirectoryOfManyNamesFindsListsAndForgetsAll() throws FsException {
        try (TestVolume v = new TestVolume(64 * MIB)) {
            long dir = v.mkdir(ROOT, "dir");
            int count = 20_000;
            for (int i = 0; i < count; i++) {
                v.create(dir, "name-" + i);
            }
            v.remount();
            Set<String> seen = new HashSet<>();
            long[] cookie = {0};
            boolean[] more = {true};
            while (more[0]) {
                int[] batch = {0};
                more[0] = false;
                v.volume.readdir(
                        dir,
                        cookie[0],
                        (name, offset, length, inode, type, next) -> {
                            if (batch[0]++ == 100) {
                                more[0] = true;
                                return false;
                            }
                            assertTrue(
                                    seen.add(
                                            new String(
                                                    name, offset, length, StandardCharsets.UTF_8)));
                            cookie[0] = next;
                            return true;
                        });
            }
            assertEquals(count + 2, seen.size());
            for (int i = 0; i < count; i++) {
                assertNotEquals(0, v.lookup(dir, "name-" + i));
                v.unlink(dir, "name-" + i);
            }
            v.rmdir(ROOT, "dir");
        }
    }

    @Test
    void largeFilesAreAlignedAndContiguous() throws FsException {
        try (TestVolume v = new TestVolume(256 * MIB)) {
            long file = v.create(ROOT, "grown");
            v.volume.acquire(file);
            for (int i = 0; i < 16 * 8; i++) {
                v.write(file, i * 131072L, new byte[131072]);
            }
            v.volume.extents(
                    file,
                    0,
                    (logical, physical, length, unwritten) -> {
                        assertEquals(logical % 512, physical % 512);
                        return true;
                    });
            long preallocated = v.create(ROOT, "preallocated");
            v.volume.fallocate(preallocated, 0, 0, 64 * MIB, Caller.ROOT);
            int[] extents = {0};
            v.volume.extents(
                    preallocated,
                    0,
                    (logical, physical, length, unwritten) -> {
                        assertEquals(logical % 512, physical % 512);
                        assertTrue(unwritten);
                        extents[0]++;
                        return true;
                    });
            assertTrue(extents[0] <= 2, "extents: " + extents[0]);
            v.volume.release(file);
        }
    }

    @Test
    void renameReplacesRefusesLoopsAndExchanges() throws FsException {
        try (TestVolume v = new TestVolume(16 * MIB)) {
            long a = v.mkdir(ROOT, "a");
            long b = v.mkdir(a, "b");
            assertErrno(Errno.EINVAL, () -> v.rename(ROOT, "a", b, "c", 0));
            assertErrno(Errno.ENOTEMPTY, () -> v.rename(a, "b", ROOT, "a", 0));
            long f = v.create(ROOT, "f");
            long g = v.create(b, "g");
            assertErrno(Errno.EEXIST, () -> v.rename(ROOT, "f", b, "g", 1));
            v.rename(ROOT, "f", b, "g", 2);
            assertEquals(g, v.lookup(ROOT, "f"));
            assertEquals(f, v.lookup(b, "g"));
            v.rename(a, "b", ROOT, "moved", 0);
            assertEquals(2, v.stat(a).linkCount);
            assertEquals(4, v.stat(ROOT).linkCount);
            assertEquals(ROOT, v.lookup(b, ".."));
            v.rename(ROOT, "f", b, "g", 0);
            assertEquals(0, v.lookup(ROOT, "f"));
            assertErrno(Errno.ESTALE, () -> v.stat(f));
        }
    }

    @Test
    void collapseAndInsertMoveBytes() throws FsException {
        try (TestVolume v = new TestVolume(16 * MIB)) {
            long file = v.create(ROOT, "file");
            byte[] content = random(6, 40 * 4096 + 100);
            v.write(file, 0, content);
            v.volume.fallocate(file, RangeOperations.COLLAPSE_RANGE, 4096, 8192, Caller.ROOT);
            byte[] expected = new byte[content.length - 8192];
            System.arraycopy(content, 0, expected, 0, 4096);
            System.arraycopy(content, 12288, expected, 4096, content.length - 12288);
            assertArrayEquals(expected, v.read(file, 0, content.length));
            v.volume.fallocate(file, RangeOperations.INSERT_RANGE, 4096, 8192, Caller.ROOT);
            Arrays.fill(content, 4096, 12288, (byte) 0);
            assertArrayEquals(content, v.read(file, 0, content.length + 1));
        }
    }

    @Test
    void growingNeverShowsWhatWasCutOff() throws FsException {
        try (TestVolume v = new TestVolume(16 * MIB)) {
            long file = v.create(ROOT, "file");
            byte[] content = random(7, 10_000);
            v.write(file, 0, content);
            v.truncate(file, 5_000);
            v.truncate(file, 10_000);
            byte[] expected = Arrays.copyOf(Arrays.copyOf(content, 5_000), 10_000);
            assertArrayEquals(expected, v.read(file, 0, 10_000));
            v.write(file, 20_000, new byte[] {1});
            assertArrayEquals(new byte[10_000], v.read(file, 10_000, 10_000));
        }
    }

    @Test
    void punchingBehindAShorterEndSparesWhatACrashBringsBack() throws FsException {
        try (TestVolume v = new TestVolume(16 * MIB)) {
            long file = v.create(ROOT, "file");
            byte[] content = random(9, 4_000);
            v.write(file, 0, content);
            v.volume.sync(CommitCause.SYNC);
            v.truncate(file, 1_000);
            v.volume.fallocate(file, 3, 2_000, 1_000, Caller.ROOT);
            v.crash();
            int length = (int) v.stat(file).sizeBytes;
            assertArrayEquals(Arrays.copyOf(content, length), v.read(file, 0, length));
        }
    }

    @Test
    void inodesOfAnEarlierVolumeWithTheSameUuidAreGone() throws FsException {
        try (TestVolume v = new TestVolume(16 * MIB)) {
            for (int i = 0; i < 10; i++) {
                v.create(ROOT, "file" + i);
            }
            v.volume.close();
            v.format();
            CheckReport report = VolumeChecker.check(v.region, false, line -> {});
            assertEquals(List.of(), report.messages());
            v.crash();
        }
    }

    @Test
    void aFragmentedFileIsTruncatedInStepsAndSurvivesACrash() throws FsException {
        try (TestVolume v = new TestVolume(64 * MIB)) {
            long file = v.create(ROOT, "file");
            long free = v.volume.statfs().freeBlocks();
            for (int i = 0; i < 3_000; i++) {
                v.write(file, i * 8192L, new byte[] {1, 2, 3});
            }
            v.volume.sync(CommitCause.SYNC);
            v.truncate(file, 0);
            v.volume.sync(CommitCause.SYNC);
            assertEquals(free, v.volume.statfs().freeBlocks());
            v.crash();
            assertEquals(0, v.stat(file).sizeBytes);
        }
    }

    @Test
    void sparseFilesReachSixteenTebibytes() throws FsException {
        try (TestVolume v = new TestVolume(16 * MIB)) {
            long file = v.create(ROOT, "file");
            long end = 1L << 44;
            assertEquals(10, v.write(file, end - 10, random(1, 10)));
            assertEquals(end, v.stat(file).sizeBytes);
            assertErrno(Errno.EFBIG, () -> v.write(file, end, new byte[1]));
            assertErrno(Errno.EFBIG, () -> v.truncate(file, end + 1));
            assertEquals(end - 4096, v.volume.seek(file, 0, true));
            assertEquals(0, v.volume.seek(file, 0, false));
        }
    }

    @Test
    void aHugeFileFitsTheSmallestJournalInSteps() throws FsException {
        try (TestVolume v = new TestVolume(16L << 30, 256 << 10)) {
            long file = v.create(ROOT, "file");
            long free = v.volume.statfs().freeBlocks();
            v.volume.fallocate(file, 0, 0, 12L << 30, Caller.ROOT);
            v.volume.sync(CommitCause.SYNC);
            v.truncate(file, 4096);
            v.truncate(file, 0);
            v.volume.sync(CommitCause.SYNC);
            assertEquals(free, v.volume.statfs().freeBlocks());
        }
    }
}
