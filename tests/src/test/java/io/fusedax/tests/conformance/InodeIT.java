package io.fusedax.tests.conformance;

import static io.fusedax.tests.conformance.HostAndMount.assertErrno;
import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertTrue;

import io.fusedax.tests.support.Await;
import io.fusedax.tests.support.Command;
import io.fusedax.tests.support.NativeOnly;
import io.fusedax.tests.support.Posix;
import io.fusedax.tests.support.PosixException;
import io.fusedax.tests.support.SharedMapping;
import java.nio.charset.StandardCharsets;
import java.nio.file.Path;
import java.time.Duration;
import jnr.constants.platform.Errno;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.extension.ExtendWith;

/** One inode per file: what libfuse's node per name gets wrong. The host is the control. */
@ExtendWith(NativeOnly.class)
final class InodeIT {
    private static final int PAGE = 4096;

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

    private static byte[] bytes(String text) {
        return text.getBytes(StandardCharsets.UTF_8);
    }

    @Test
    void hardLinksShareThePageCache() {
        both.agree(
                folder -> {
                    Path first = folder.resolve("first");
                    Path second = folder.resolve("second");
                    int one = Posix.create(first);
                    Posix.write(one, "before");
                    Posix.link(first, second);
                    int two = Posix.open(second, Posix.O_RDWR);
                    assertArrayEquals(bytes("before"), Posix.pread(two, 100, 0));
                    Posix.pwrite(one, bytes("after!"), 0);
                    assertArrayEquals(bytes("after!"), Posix.pread(two, 100, 0));
                    Posix.pwrite(two, bytes("and grown"), 6);
                    assertArrayEquals(bytes("after!and grown"), Posix.pread(one, 100, 0));
                    assertEquals(15, Posix.fstat(one).sizeBytes());
                    assertEquals(Posix.lstat(first), Posix.lstat(second));
                    Posix.close(one);
                    Posix.close(two);
                });
    }

    @Test
    void hardLinksShareMappingsWhileTheFileGrows() {
        both.agree(
                folder -> {
                    Path first = folder.resolve("first");
                    Path second = folder.resolve("second");
                    int fd = Posix.create(first);
                    Posix.ftruncate(fd, PAGE);
                    Posix.link(first, second);
                    try (SharedMapping one = new SharedMapping(first, 0, PAGE)) {
                        one.buffer().put(0, (byte) 'a');
                        Posix.truncate(second, 2 * PAGE);
                        try (SharedMapping two = new SharedMapping(second, 0, 2 * PAGE)) {
                            assertEquals('a', two.buffer().get(0));
                            two.buffer().put(PAGE, (byte) 'b');
                            two.buffer().put(1, (byte) 'c');
                            assertEquals('c', one.buffer().get(1));
                        }
                    }
                    assertArrayEquals(bytes("b"), Posix.pread(fd, 1, PAGE));
                    Posix.close(fd);
                });
    }

    @Test
    void hardLinksShareLocks() {
        both.agree(
                folder -> {
                    Path first = folder.resolve("first");
                    Path second = folder.resolve("second");
                    int one = Posix.create(first);
                    Posix.link(first, second);
                    int two = Posix.open(second, Posix.O_RDWR);
                    Posix.lockFirstByte(one);
                    assertErrno(Errno.EAGAIN, () -> Posix.lockFirstByte(two));
                    Posix.close(one);
                    Posix.lockFirstByte(two);
                    Posix.close(two);
                });
    }

    @Test
    void anUnlinkedOpenFileIsWhole() {
        both.agree(
                folder -> {
                    Path directory = folder.resolve("directory");
                    Posix.mkdir(directory, 0755);
                    Path file = directory.resolve("file");
                    int fd = Posix.create(file);
                    Posix.write(fd, "content");
                    Posix.unlink(file);
                    Posix.rmdir(directory);
                    assertEquals(0, Posix.fstat(fd).linkCount());
                    Posix.fchmod(fd, 0600);
                    Posix.fchown(fd, 12, 34);
                    Posix.futimens(fd, new Posix.Time(5, 6), new Posix.Time(7, 8));
                    Posix.Stat stat = Posix.fstat(fd);
                    assertEquals(0600, stat.permissions());
                    assertEquals(12, stat.uid());
                    assertEquals(new Posix.Time(7, 8), stat.mtime());
                    Posix.ftruncate(fd, 3);
                    assertArrayEquals(bytes("con"), Posix.pread(fd, 100, 0));
                    assertErrno(Errno.ENOENT, () -> Posix.linkOpen(fd, folder.resolve("again")));
                    int reopened = Posix.open(Path.of("/proc/self/fd/" + fd), Posix.O_RDWR);
                    Posix.pwrite(reopened, bytes("more"), 3);
                    Posix.close(reopened);
                    assertArrayEquals(bytes("conmore"), Posix.pread(fd, 100, 0));
                    Posix.close(fd);
                });
    }

    /** Nobody has it open for the daemon to see; O_PATH and cwd hold it in the kernel alone. */
    @Test
    void whatTheKernelKnowsOutlivesItsName() {
        both.agree(
                folder -> {
                    Path file = folder.resolve("file");
                    Posix.close(Posix.create(file));
                    long inode = Posix.lstat(file).inode();
                    int held = Posix.open(file, Posix.O_PATH);
                    Posix.unlink(file);
                    for (int i = 0; i < 50; i++) {
                        Posix.close(Posix.create(folder.resolve("other" + i)));
                    }
                    Posix.Stat stat = Posix.fstat(held);
                    assertEquals(inode, stat.inode());
                    assertEquals(0, stat.linkCount());
                    int fd = Posix.open(Path.of("/proc/self/fd/" + held), Posix.O_RDWR);
                    assertEquals(4, Posix.write(fd, "abcd"));
                    Posix.close(fd);
                    Posix.close(held);
                });
    }

    @Test
    void aReplacedFileStaysOpen() {
        both.agree(
                folder -> {
                    Path target = folder.resolve("target");
                    int old = Posix.create(target);
                    Posix.write(old, "old");
                    int source = Posix.create(folder.resolve("source"));
                    Posix.write(source, "new");
                    Posix.rename(folder.resolve("source"), target);
                    assertArrayEquals(bytes("old"), Posix.pread(old, 10, 0));
                    assertEquals(0, Posix.fstat(old).linkCount());
                    assertEquals(1, Posix.fstat(source).linkCount());
                    Posix.fchmod(old, 0640);
                    Posix.close(old);
                    Posix.close(source);
                });
    }

    @Test
    void aHandleOpensItsFileUntilThatIsGone() {
        both.agree(
                folder -> {
                    Path file = folder.resolve("file");
                    int mount = Posix.open(folder, Posix.O_RDONLY | Posix.O_DIRECTORY);
                    int fd = Posix.create(file);
                    Posix.write(fd, "found");
                    Posix.close(fd);
                    byte[] handle = Posix.handle(file);
                    Posix.rename(file, folder.resolve("moved"));
                    Command.shell("echo 2 > /proc/sys/vm/drop_caches").run();
                    int again = Posix.openByHandle(mount, handle, Posix.O_RDONLY);
                    assertArrayEquals(bytes("found"), Posix.pread(again, 10, 0));
                    Posix.close(again);
                    Posix.unlink(folder.resolve("moved"));
                    Posix.close(Posix.create(folder.resolve("maybe the same number")));
                    // The kernel lets go of the file when the close above has reached the daemon.
                    Await.until(
                            "the file is gone",
                            Duration.ofSeconds(10),
                            () -> !opens(mount, handle));
                    assertErrno(
                            Errno.ESTALE, () -> Posix.openByHandle(mount, handle, Posix.O_RDONLY));
                    Posix.close(mount);
                });
    }

    private static boolean opens(int mount, byte[] handle) {
        try {
            Posix.close(Posix.openByHandle(mount, handle, Posix.O_RDONLY));
            return true;
        } catch (PosixException e) {
            return false;
        }
    }

    @Test
    void thousandsOfForgottenInodesAreFoundAgain() {
        both.agree(
                folder -> {
                    for (int i = 0; i < 3000; i++) {
                        Posix.close(Posix.create(folder.resolve("file" + i)));
                    }
                    for (int round = 0; round < 3; round++) {
                        Command.shell("echo 2 > /proc/sys/vm/drop_caches").run();
                        for (int i = round; i < 3000; i += 7) {
                            assertTrue(Posix.exists(folder.resolve("file" + i)));
                        }
                    }
                    for (int i = 0; i < 3000; i++) {
                        Posix.unlink(folder.resolve("file" + i));
                    }
                    assertFalse(Posix.exists(folder.resolve("file17")));
                });
    }
}
