package io.fusedax.tests.conformance;

import static io.fusedax.tests.conformance.HostAndMount.assertErrno;
import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertNotNull;
import static org.junit.jupiter.api.Assertions.assertTrue;

import io.fusedax.tests.support.Command;
import io.fusedax.tests.support.NativeOnly;
import io.fusedax.tests.support.Posix;
import java.nio.charset.StandardCharsets;
import java.nio.file.Path;
import jnr.constants.platform.Errno;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.extension.ExtendWith;

/** Calls that libfuse 2.9 does not carry. The host is the control. */
@ExtendWith(NativeOnly.class)
final class ModernCallsIT {
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

    private static Path file(Path folder, String name, String content) {
        Path path = folder.resolve(name);
        int fd = Posix.create(path);
        Posix.write(fd, content);
        Posix.close(fd);
        return path;
    }

    private static String content(Path path) {
        int fd = Posix.open(path, Posix.O_RDONLY);
        try {
            return new String(Posix.pread(fd, 100, 0), StandardCharsets.UTF_8);
        } finally {
            Posix.close(fd);
        }
    }

    @Test
    void renameNoReplaceKeepsTheTarget() {
        both.agree(
                folder -> {
                    Path a = file(folder, "a", "a");
                    Path b = file(folder, "b", "b");
                    assertErrno(Errno.EEXIST, () -> Posix.renameat2(a, b, Posix.RENAME_NOREPLACE));
                    assertEquals("b", content(b));
                    Posix.unlink(b);
                    Posix.renameat2(a, b, Posix.RENAME_NOREPLACE);
                    assertEquals("a", content(b));
                    assertFalse(Posix.exists(a));
                });
    }

    @Test
    void renameExchangeSwapsFileAndDirectory() {
        both.agree(
                folder -> {
                    Path a = file(folder, "a", "a");
                    Path directory = folder.resolve("d");
                    Posix.mkdir(directory, 0755);
                    Path inner = file(directory, "inner", "inner");
                    Posix.renameat2(a, directory, Posix.RENAME_EXCHANGE);
                    assertEquals("a", content(directory));
                    assertEquals("inner", content(a.resolve("inner")));
                    Posix.renameat2(directory, a.resolve("inner"), Posix.RENAME_EXCHANGE);
                    assertEquals("inner", content(directory));
                    assertEquals("a", content(a.resolve("inner")));
                    assertErrno(
                            Errno.ENOENT,
                            () -> Posix.renameat2(a, folder.resolve("no"), Posix.RENAME_EXCHANGE));
                    assertErrno(Errno.ENOTDIR, () -> Posix.lstat(inner));
                });
    }

    @Test
    void renameWhiteoutLeavesADeviceOfZero() {
        both.agree(
                folder -> {
                    Path a = file(folder, "a", "a");
                    Posix.renameat2(a, folder.resolve("b"), Posix.RENAME_WHITEOUT);
                    assertEquals(Posix.S_IFCHR, Posix.lstat(a).type());
                    assertEquals(0, Posix.lstat(a).permissions());
                    assertEquals("a", content(folder.resolve("b")));
                    Posix.unlink(a);
                });
    }

    @Test
    void aTemporaryFileGetsANameOnce() {
        both.agree(
                folder -> {
                    int fd = Posix.open(folder, Posix.O_TMPFILE | Posix.O_RDWR, 0640);
                    Posix.write(fd, "temporary");
                    assertEquals(0, Posix.fstat(fd).linkCount());
                    assertEquals(0640, Posix.fstat(fd).permissions());
                    Path name = folder.resolve("name");
                    Posix.linkOpen(fd, name);
                    assertEquals(1, Posix.fstat(fd).linkCount());
                    assertEquals(Posix.fstat(fd).inode(), Posix.lstat(name).inode());
                    Posix.close(fd);
                    assertEquals("temporary", content(name));
                    int unnamed =
                            Posix.open(folder, Posix.O_TMPFILE | Posix.O_EXCL | Posix.O_RDWR, 0600);
                    assertErrno(
                            Errno.ENOENT, () -> Posix.linkOpen(unnamed, folder.resolve("never")));
                    Posix.close(unnamed);
                });
    }

    @Test
    void birthStaysWhenAllElseChanges() {
        both.agree(
                folder -> {
                    Path path = file(folder, "a", "a");
                    Posix.Time birth = Posix.birth(path);
                    assertNotNull(birth);
                    Posix.chmod(path, 0600);
                    Posix.utimens(path, new Posix.Time(1, 2), new Posix.Time(3, 4));
                    Posix.rename(path, folder.resolve("b"));
                    assertEquals(birth, Posix.birth(folder.resolve("b")));
                    assertTrue(birth.seconds() > 1_000_000_000);
                });
    }

    @Test
    void seekFindsHolesAndData() {
        both.agree(
                folder -> {
                    int fd = Posix.create(folder.resolve("sparse"));
                    Posix.pwrite(fd, new byte[4096], 1 << 20);
                    Posix.ftruncate(fd, 2 << 20);
                    assertEquals(1 << 20, Posix.lseek(fd, 0, Posix.SEEK_DATA));
                    assertEquals(0, Posix.lseek(fd, 0, Posix.SEEK_HOLE));
                    assertEquals((1 << 20) + 4096, Posix.lseek(fd, 1 << 20, Posix.SEEK_HOLE));
                    assertErrno(
                            Errno.ENXIO, () -> Posix.lseek(fd, (1 << 20) + 4096, Posix.SEEK_DATA));
                    assertErrno(Errno.ENXIO, () -> Posix.lseek(fd, 2 << 20, Posix.SEEK_HOLE));
                    Posix.close(fd);
                });
    }

    @Test
    void copyFileRangeCopiesWithinAndBetweenFiles() {
        both.agree(
                folder -> {
                    byte[] data = new byte[3 << 20];
                    new java.util.Random(5).nextBytes(data);
                    Path from = folder.resolve("from");
                    int in = Posix.create(from);
                    assertEquals(data.length, Posix.pwrite(in, data, 0));
                    Path to = folder.resolve("to");
                    Command.of("xfs_io", "-f", "-c", "copy_range -s 5 -d 7 -l 3145000 " + from, to)
                            .ok();
                    int out = Posix.open(to, Posix.O_RDONLY);
                    assertEquals(7 + 3145000, Posix.fstat(out).sizeBytes());
                    assertArrayEquals(
                            java.util.Arrays.copyOfRange(data, 5, 5 + 3145000),
                            Posix.pread(out, 3145000, 7));
                    Posix.close(in);
                    Posix.close(out);
                });
    }
}
