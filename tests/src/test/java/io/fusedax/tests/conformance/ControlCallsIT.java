package io.fusedax.tests.conformance;

import static io.fusedax.tests.conformance.HostAndMount.assertErrno;
import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import io.fusedax.backing.FsException;
import io.fusedax.mount.MountControl;
import io.fusedax.mount.MountControl.FileExtent;
import io.fusedax.tests.support.Command;
import io.fusedax.tests.support.MountedVolume;
import io.fusedax.tests.support.Posix;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Arrays;
import java.util.List;
import java.util.Random;
import jnr.constants.platform.Errno;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Test;

/** ioctl(2): file flags, FS_XFLAG_DAX, and our own calls for extents and ranges. */
final class ControlCallsIT {
    private static final long FS_IOC_GETFLAGS = 0x80086601L;
    private static final long FS_IOC_SETFLAGS = 0x40086602L;
    private static final long FS_IOC_FSGETXATTR = 0x801c581fL;
    private static final long FS_IOC_FSSETXATTR = 0x401c5820L;
    private static final int FS_DAX_FL = 0x02000000;
    private static final int FS_XFLAG_DAX = 0x8000;
    private static final int XATTR_BYTES = 28;
    private static final int PROJECT_ID = 12;
    private static final int BLOCK = 4096;

    private static HostAndMount both;

    @BeforeAll
    static void mount() {
        MountedVolume.assumeMounted();
        both = new HostAndMount("allow_other");
    }

    @AfterAll
    static void unmount() {
        if (both != null) {
            both.close();
        }
    }

    @Test
    void theDaxFlagIsOneFlagUnderTwoNames() {
        both.mountOnly(
                folder -> {
                    int fd = Posix.create(folder.resolve("file"));
                    assertEquals(0, xflags(fd) & FS_XFLAG_DAX);
                    setXflags(fd, FS_XFLAG_DAX, 0);
                    assertEquals(FS_XFLAG_DAX, xflags(fd) & FS_XFLAG_DAX);
                    assertEquals(FS_DAX_FL, flags(fd) & FS_DAX_FL);
                    setFlags(fd, flags(fd) & ~FS_DAX_FL);
                    assertEquals(0, xflags(fd) & FS_XFLAG_DAX);
                    Posix.close(fd);
                    Command.of("chattr", "+x", folder.resolve("file")).ok();
                    Command.Result listed = Command.of("lsattr", folder.resolve("file")).ok();
                    assertTrue(listed.out().split(" ")[0].contains("x"), listed.out());
                });
    }

    @Test
    void theDaxFlagIsInheritedFromTheDirectory() {
        both.mountOnly(
                folder -> {
                    int fd = Posix.open(folder, Posix.O_RDONLY);
                    setXflags(fd, FS_XFLAG_DAX, 0);
                    Posix.close(fd);
                    int file = Posix.create(folder.resolve("file"));
                    assertEquals(FS_XFLAG_DAX, xflags(file) & FS_XFLAG_DAX);
                    Posix.close(file);
                    Posix.mkdir(folder.resolve("directory"), 0755);
                    int directory = Posix.open(folder.resolve("directory"), Posix.O_RDONLY);
                    assertEquals(FS_XFLAG_DAX, xflags(directory) & FS_XFLAG_DAX);
                    Posix.close(directory);
                    both.volume().remount();
                    int again = Posix.open(folder.resolve("file"), Posix.O_RDONLY);
                    assertEquals(FS_XFLAG_DAX, xflags(again) & FS_XFLAG_DAX);
                    Posix.close(again);
                });
    }

    @Test
    void theProjectIdIsKept() {
        both.mountOnly(
                folder -> {
                    int fd = Posix.create(folder.resolve("file"));
                    setXflags(fd, 0, 77);
                    assertEquals(77, xattr(fd).getInt(PROJECT_ID));
                    Posix.close(fd);
                });
    }

    @Test
    void flagsThatAreNotKnownAreRefused() {
        both.mountOnly(
                folder -> {
                    int fd = Posix.create(folder.resolve("file"));
                    int compressed = 4;
                    assertErrno(Errno.EOPNOTSUPP, () -> setFlags(fd, compressed));
                    assertEquals(0, flags(fd));
                    Posix.close(fd);
                });
    }

    @Test
    void flagsAreForTheOwner() {
        both.agree(
                folder -> {
                    Path path = folder.resolve("file");
                    Posix.close(Posix.create(path));
                    Posix.chmod(path, 0666);
                    Posix.asUser(
                            1000,
                            1000,
                            () -> {
                                int fd = Posix.open(path, Posix.O_RDWR);
                                int noDump = 0x40;
                                assertErrno(Errno.EPERM, () -> setFlags(fd, noDump));
                                Posix.close(fd);
                            });
                });
    }

    @Test
    void anUnknownRequestIsENOTTY() {
        both.agree(
                folder -> {
                    int fd = Posix.create(folder.resolve("file"));
                    assertErrno(Errno.ENOTTY, () -> Posix.ioctl(fd, 0x5400 + 99, new byte[64]));
                    Posix.close(fd);
                });
    }

    @Test
    void extentsTellWhereTheDataIs() {
        both.mountOnly(
                folder -> {
                    Path path = folder.resolve("file");
                    int fd = Posix.create(path);
                    Posix.pwrite(fd, new byte[10 * BLOCK], 0);
                    Posix.pwrite(fd, new byte[5 * BLOCK], 100 * BLOCK);
                    Posix.fallocate(fd, 0, 200 * BLOCK, 7 * BLOCK);
                    long written = 0;
                    long unwritten = 0;
                    for (FileExtent extent : MountControl.extents(path)) {
                        assertEquals(0, extent.physicalBytes() % BLOCK);
                        if (extent.unwritten()) {
                            unwritten += extent.lengthBytes();
                        } else {
                            written += extent.lengthBytes();
                        }
                    }
                    assertEquals(15 * BLOCK, written);
                    assertEquals(7 * BLOCK, unwritten);
                    Posix.close(fd);
                });
    }

    @Test
    void theRegionHoldsTheDataWhereExtentsSay() {
        both.mountOnly(
                folder -> {
                    Path path = folder.resolve("file");
                    byte[] data = random(30 * BLOCK);
                    Files.write(path, data);
                    int region = Posix.open(both.volume().region(), Posix.O_RDONLY);
                    for (FileExtent extent : MountControl.extents(path)) {
                        byte[] there =
                                Posix.pread(
                                        region, (int) extent.lengthBytes(), extent.physicalBytes());
                        int from = (int) extent.logicalBytes();
                        assertArrayEquals(
                                Arrays.copyOfRange(data, from, from + there.length), there);
                    }
                    Posix.close(region);
                });
    }

    @Test
    void aPreallocationPastTwoMebibytesIsAlignedAndInOnePiece() {
        both.mountOnly(
                folder -> {
                    Path path = folder.resolve("file");
                    int fd = Posix.create(path);
                    Posix.fallocate(fd, 0, 0, 16 << 20);
                    Posix.close(fd);
                    List<FileExtent> extents = MountControl.extents(path);
                    assertEquals(1, extents.size(), extents::toString);
                    assertEquals(0, extents.get(0).physicalBytes() % (2 << 20), extents::toString);
                });
    }

    @Test
    void collapsingTakesTheRangeOut() {
        both.mountOnly(
                folder -> {
                    Path path = folder.resolve("file");
                    byte[] data = random(40 * BLOCK + 77);
                    Files.write(path, data);
                    MountControl.collapseRange(path, 3 * BLOCK, 10 * BLOCK);
                    byte[] expected = new byte[30 * BLOCK + 77];
                    System.arraycopy(data, 0, expected, 0, 3 * BLOCK);
                    System.arraycopy(data, 13 * BLOCK, expected, 3 * BLOCK, 27 * BLOCK + 77);
                    assertArrayEquals(expected, Files.readAllBytes(path));
                    assertEquals(expected.length, Posix.lstat(path).sizeBytes());
                    assertThrows(
                            FsException.class, () -> MountControl.collapseRange(path, 1, BLOCK));
                });
    }

    @Test
    void insertingMakesRoom() {
        both.mountOnly(
                folder -> {
                    Path path = folder.resolve("file");
                    byte[] data = random(20 * BLOCK + 77);
                    Files.write(path, data);
                    MountControl.insertRange(path, 5 * BLOCK, 7 * BLOCK);
                    byte[] expected = new byte[27 * BLOCK + 77];
                    System.arraycopy(data, 0, expected, 0, 5 * BLOCK);
                    System.arraycopy(data, 5 * BLOCK, expected, 12 * BLOCK, 15 * BLOCK + 77);
                    assertArrayEquals(expected, Files.readAllBytes(path));
                    assertEquals(expected.length, Posix.lstat(path).sizeBytes());
                });
    }

    @Test
    void anExplicitCommitHappensOnlyWhenNeeded() {
        both.mountOnly(
                folder -> {
                    Path path = folder.resolve("file");
                    int fd = Posix.create(path);
                    assertTrue(MountControl.commit(path), "a new file");
                    assertFalse(MountControl.commit(path), "nothing since");
                    Posix.pwrite(fd, new byte[BLOCK], 0);
                    assertTrue(MountControl.commit(path), "a new block");
                    Posix.pwrite(fd, new byte[BLOCK], 0);
                    Posix.close(fd);
                });
    }

    private static ByteBuffer xattr(int fd) {
        byte[] raw = new byte[XATTR_BYTES];
        Posix.ioctl(fd, FS_IOC_FSGETXATTR, raw);
        return ByteBuffer.wrap(raw).order(ByteOrder.nativeOrder());
    }

    private static int xflags(int fd) {
        return xattr(fd).getInt(0);
    }

    private static void setXflags(int fd, int xflags, int projectId) {
        ByteBuffer raw = xattr(fd);
        raw.putInt(0, xflags).putInt(PROJECT_ID, projectId);
        Posix.ioctl(fd, FS_IOC_FSSETXATTR, raw.array());
    }

    private static int flags(int fd) {
        byte[] raw = new byte[Long.BYTES];
        Posix.ioctl(fd, FS_IOC_GETFLAGS, raw);
        return ByteBuffer.wrap(raw).order(ByteOrder.nativeOrder()).getInt();
    }

    private static void setFlags(int fd, int flags) {
        byte[] raw = new byte[Long.BYTES];
        ByteBuffer.wrap(raw).order(ByteOrder.nativeOrder()).putInt(flags);
        Posix.ioctl(fd, FS_IOC_SETFLAGS, raw);
    }

    private static byte[] random(int sizeBytes) {
        byte[] data = new byte[sizeBytes];
        new Random(sizeBytes).nextBytes(data);
        return data;
    }
}
