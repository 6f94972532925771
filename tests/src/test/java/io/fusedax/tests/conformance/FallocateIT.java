package io.fusedax.tests.conformance;

import static io.fusedax.tests.conformance.HostAndMount.assertErrno;
import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import io.fusedax.tests.support.Posix;
import java.nio.file.Path;
import java.util.Arrays;
import jnr.constants.platform.Errno;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Test;

/** fallocate(2), mode by mode. */
final class FallocateIT {
    private static final int BLOCK = 4096;
    private static final int SECTORS = BLOCK / 512;

    private static HostAndMount both;

    @BeforeAll
    static void mount() {
        both = new HostAndMount("");
    }

    @AfterAll
    static void unmount() {
        if (both != null) {
            both.close();
        }
    }

    @Test
    void defaultModeAllocatesAndGrows() {
        both.agree(
                folder -> {
                    int fd = Posix.create(folder.resolve("file"));
                    Posix.fallocate(fd, 0, 10 * BLOCK, 90 * BLOCK);
                    assertEquals(100 * BLOCK, Posix.fstat(fd).sizeBytes());
                    assertTrue(Posix.fstat(fd).blocks512() >= 90 * SECTORS);
                    assertArrayEquals(new byte[100 * BLOCK], Posix.pread(fd, 100 * BLOCK, 0));
                    Posix.fallocate(fd, 0, 0, 50 * BLOCK);
                    assertEquals(100 * BLOCK, Posix.fstat(fd).sizeBytes());
                    assertTrue(Posix.fstat(fd).blocks512() >= 100 * SECTORS);
                    Posix.close(fd);
                });
    }

    @Test
    void keepSizeAllocatesWithoutGrowing() {
        both.agree(
                folder -> {
                    int fd = Posix.create(folder.resolve("file"));
                    Posix.write(fd, "abc");
                    Posix.fallocate(fd, Posix.FALLOC_KEEP_SIZE, 0, 100 * BLOCK);
                    assertEquals(3, Posix.fstat(fd).sizeBytes());
                    assertTrue(Posix.fstat(fd).blocks512() >= 100 * SECTORS);
                    Posix.pwrite(fd, new byte[] {9}, 50 * BLOCK);
                    byte[] expected = new byte[50 * BLOCK + 1];
                    System.arraycopy(new byte[] {'a', 'b', 'c'}, 0, expected, 0, 3);
                    expected[50 * BLOCK] = 9;
                    assertArrayEquals(expected, Posix.pread(fd, 100 * BLOCK, 0));
                    Posix.close(fd);
                });
    }

    @Test
    void punchingFreesBlocksAndLeavesZeros() {
        both.agree(
                folder -> {
                    int fd = filled(folder, 100 * BLOCK);
                    long before = Posix.fstat(fd).blocks512();
                    int mode = Posix.FALLOC_PUNCH_HOLE | Posix.FALLOC_KEEP_SIZE;
                    int from = 10 * BLOCK + 100;
                    int length = 50 * BLOCK;
                    Posix.fallocate(fd, mode, from, length);
                    assertEquals(100 * BLOCK, Posix.fstat(fd).sizeBytes());
                    assertEquals(before - 49 * SECTORS, Posix.fstat(fd).blocks512());
                    assertArrayEquals(
                            zeroed(100 * BLOCK, from, from + length),
                            Posix.pread(fd, 100 * BLOCK, 0));
                    Posix.fallocate(fd, mode, 99 * BLOCK, 1000L * BLOCK);
                    assertEquals(100 * BLOCK, Posix.fstat(fd).sizeBytes());
                    Posix.close(fd);
                });
    }

    @Test
    void zeroRangeZeroesWithoutFreeing() {
        both.agree(
                folder -> {
                    int fd = filled(folder, 20 * BLOCK);
                    int from = 5 * BLOCK - 1;
                    int length = 3 * BLOCK;
                    Posix.fallocate(fd, Posix.FALLOC_ZERO_RANGE, from, length);
                    assertTrue(Posix.fstat(fd).blocks512() >= 20 * SECTORS);
                    assertArrayEquals(
                            zeroed(20 * BLOCK, from, from + length),
                            Posix.pread(fd, 20 * BLOCK, 0));
                    Posix.fallocate(fd, Posix.FALLOC_ZERO_RANGE, 19 * BLOCK, 2 * BLOCK);
                    assertEquals(21 * BLOCK, Posix.fstat(fd).sizeBytes());
                    Posix.fallocate(
                            fd,
                            Posix.FALLOC_ZERO_RANGE | Posix.FALLOC_KEEP_SIZE,
                            20 * BLOCK,
                            9 * BLOCK);
                    assertEquals(21 * BLOCK, Posix.fstat(fd).sizeBytes());
                    Posix.close(fd);
                });
    }

    @Test
    void wrongArgumentsAreNamed() {
        both.agree(
                folder -> {
                    int fd = Posix.create(folder.resolve("file"));
                    assertErrno(Errno.EINVAL, () -> Posix.fallocate(fd, 0, 0, 0));
                    assertErrno(Errno.EINVAL, () -> Posix.fallocate(fd, 0, -1, 10));
                    assertErrno(
                            Errno.EOPNOTSUPP,
                            () -> Posix.fallocate(fd, Posix.FALLOC_PUNCH_HOLE, 0, 10));
                    int reader = Posix.open(folder.resolve("file"), Posix.O_RDONLY);
                    assertErrno(Errno.EBADF, () -> Posix.fallocate(reader, 0, 0, 10));
                    Posix.close(reader);
                    Posix.close(fd);
                });
    }

    @Test
    void collapseAndInsertAreRefusedByTheTransport() {
        both.mountOnly(
                folder -> {
                    int fd = filled(folder, 10 * BLOCK);
                    for (int mode :
                            new int[] {Posix.FALLOC_COLLAPSE_RANGE, Posix.FALLOC_INSERT_RANGE}) {
                        assertErrno(
                                Errno.EOPNOTSUPP, () -> Posix.fallocate(fd, mode, BLOCK, BLOCK));
                    }
                    assertArrayEquals(zeroed(10 * BLOCK, 0, 0), Posix.pread(fd, 10 * BLOCK, 0));
                    Posix.close(fd);
                });
    }

    @Test
    void moreThanTheVolumeHoldsIsENOSPCAndChangesNothing() {
        both.mountOnly(
                folder -> {
                    int fd = Posix.create(folder.resolve("file"));
                    long free = Posix.statvfs(folder).freeBlocks();
                    assertErrno(Errno.ENOSPC, () -> Posix.fallocate(fd, 0, 0, 1L << 40));
                    Posix.ftruncate(fd, 0);
                    assertEquals(0, Posix.fstat(fd).blocks512());
                    both.volume().sync();
                    assertEquals(free, Posix.statvfs(folder).freeBlocks());
                    Posix.close(fd);
                });
    }

    private static int filled(Path folder, int sizeBytes) {
        int fd = Posix.create(folder.resolve("filled"));
        Posix.pwrite(fd, zeroed(sizeBytes, 0, 0), 0);
        Posix.fsync(fd);
        return fd;
    }

    private static byte[] zeroed(int sizeBytes, int from, int to) {
        byte[] content = new byte[sizeBytes];
        Arrays.fill(content, (byte) 'x');
        Arrays.fill(content, from, to, (byte) 0);
        return content;
    }
}
