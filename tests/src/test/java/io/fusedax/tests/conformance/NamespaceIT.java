package io.fusedax.tests.conformance;

import static io.fusedax.tests.conformance.HostAndMount.assertErrno;
import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertNotEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import io.fusedax.tests.support.Command;
import io.fusedax.tests.support.MountedVolume;
import io.fusedax.tests.support.Posix;
import io.fusedax.tests.support.PosixDirectory;
import java.net.StandardProtocolFamily;
import java.net.UnixDomainSocketAddress;
import java.nio.ByteBuffer;
import java.nio.channels.ServerSocketChannel;
import java.nio.channels.SocketChannel;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.concurrent.CompletableFuture;
import jnr.constants.platform.Errno;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.Assumptions;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Test;

/** Names: creating, linking, renaming and removing, errno by errno. */
final class NamespaceIT {
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
    void makingAnExistingNameIsEEXIST() {
        both.agree(
                folder -> {
                    Path file = file(folder, "file");
                    Path directory = directory(folder, "directory");
                    Path dangling = folder.resolve("dangling");
                    Posix.symlink("nowhere", dangling);
                    for (Path taken : List.of(file, directory, dangling)) {
                        assertErrno(Errno.EEXIST, () -> Posix.mkdir(taken, 0755));
                        assertErrno(Errno.EEXIST, () -> Posix.create(taken));
                        assertErrno(Errno.EEXIST, () -> Posix.symlink("x", taken));
                        assertErrno(Errno.EEXIST, () -> Posix.link(file, taken));
                        assertErrno(
                                Errno.EEXIST, () -> Posix.mknod(taken, Posix.S_IFIFO | 0644, 0, 0));
                    }
                });
    }

    @Test
    void anAbsentNameIsENOENT() {
        both.agree(
                folder -> {
                    Path absent = folder.resolve("absent");
                    Path below = absent.resolve("below");
                    assertErrno(Errno.ENOENT, () -> Posix.open(absent, Posix.O_RDONLY));
                    assertErrno(Errno.ENOENT, () -> Posix.lstat(absent));
                    assertErrno(Errno.ENOENT, () -> Posix.unlink(absent));
                    assertErrno(Errno.ENOENT, () -> Posix.rmdir(absent));
                    assertErrno(Errno.ENOENT, () -> Posix.rename(absent, folder.resolve("b")));
                    assertErrno(Errno.ENOENT, () -> Posix.link(absent, folder.resolve("b")));
                    assertErrno(Errno.ENOENT, () -> Posix.truncate(absent, 0));
                    assertErrno(Errno.ENOENT, () -> Posix.chmod(absent, 0644));
                    assertErrno(Errno.ENOENT, () -> Posix.readlink(absent));
                    assertErrno(Errno.ENOENT, () -> Posix.mkdir(below, 0755));
                    assertErrno(Errno.ENOENT, () -> Posix.create(below));
                    assertErrno(Errno.ENOENT, () -> Posix.symlink("x", below));
                });
    }

    @Test
    void aPathThroughAFileIsENOTDIR() {
        both.agree(
                folder -> {
                    Path below = file(folder, "file").resolve("below");
                    assertErrno(Errno.ENOTDIR, () -> Posix.open(below, Posix.O_RDONLY));
                    assertErrno(Errno.ENOTDIR, () -> Posix.mkdir(below, 0755));
                    assertErrno(Errno.ENOTDIR, () -> Posix.lstat(below));
                    assertErrno(Errno.ENOTDIR, () -> Posix.unlink(below));
                    assertErrno(Errno.ENOTDIR, () -> Posix.rmdir(folder.resolve("file")));
                    assertErrno(
                            Errno.ENOTDIR,
                            () ->
                                    Posix.open(
                                            folder.resolve("file"),
                                            Posix.O_RDONLY | Posix.O_DIRECTORY));
                    assertErrno(Errno.ENOTDIR, () -> new PosixDirectory(folder.resolve("file")));
                });
    }

    @Test
    void writingToADirectoryIsEISDIR() {
        both.agree(
                folder -> {
                    Path directory = directory(folder, "directory");
                    assertErrno(Errno.EISDIR, () -> Posix.open(directory, Posix.O_WRONLY));
                    assertErrno(
                            Errno.EISDIR,
                            () -> Posix.open(directory, Posix.O_RDWR | Posix.O_CREAT, 0644));
                    assertErrno(Errno.EISDIR, () -> Posix.truncate(directory, 0));
                    assertErrno(Errno.EISDIR, () -> Posix.unlink(directory));
                    int fd = Posix.open(directory, Posix.O_RDONLY);
                    assertErrno(Errno.EISDIR, () -> Posix.read(fd, 10));
                    Posix.close(fd);
                });
    }

    @Test
    void aDirectoryIsRemovedOnlyWhenEmpty() {
        both.agree(
                folder -> {
                    Path directory = directory(folder, "directory");
                    Path file = file(directory, "file");
                    assertErrno(Errno.ENOTEMPTY, () -> Posix.rmdir(directory));
                    Posix.unlink(file);
                    Path sub = directory(directory, "sub");
                    assertErrno(Errno.ENOTEMPTY, () -> Posix.rmdir(directory));
                    assertErrno(Errno.EINVAL, () -> Posix.rmdir(Path.of(sub + "/.")));
                    Posix.rmdir(sub);
                    Posix.rmdir(directory);
                    assertFalse(Posix.exists(directory));
                });
    }

    @Test
    void symbolicLinkLoopsAreELOOP() {
        both.agree(
                folder -> {
                    Path a = folder.resolve("a");
                    Posix.symlink("b", a);
                    Posix.symlink("a", folder.resolve("b"));
                    assertErrno(Errno.ELOOP, () -> Posix.open(a, Posix.O_RDONLY));
                    assertErrno(Errno.ELOOP, () -> Posix.truncate(a, 0));
                    assertErrno(Errno.ELOOP, () -> Posix.mkdir(a.resolve("x"), 0755));
                    Posix.symlink(".", folder.resolve("here"));
                    assertErrno(
                            Errno.ELOOP,
                            () ->
                                    Posix.open(
                                            folder.resolve("here"),
                                            Posix.O_RDONLY | Posix.O_NOFOLLOW));
                });
    }

    @Test
    void symbolicLinksOfEveryLengthKeepTheirTarget() {
        both.agree(
                folder -> {
                    for (int length :
                            new int[] {1, 43, 59, 60, 61, 95, 127, 128, 129, 255, 1023, 4095}) {
                        Path link = folder.resolve("link" + length);
                        String target = "t".repeat(length);
                        Posix.symlink(target, link);
                        assertEquals(target, Posix.readlink(link));
                        Posix.Stat stat = Posix.lstat(link);
                        assertEquals(Posix.S_IFLNK | 0777, stat.mode());
                        assertEquals(length, stat.sizeBytes());
                    }
                    Path tooLong = folder.resolve("long");
                    assertErrno(Errno.ENAMETOOLONG, () -> Posix.symlink("t".repeat(4096), tooLong));
                    assertErrno(Errno.ENOENT, () -> Posix.symlink("", tooLong));
                    assertErrno(Errno.EINVAL, () -> Posix.readlink(file(folder, "file")));
                });
    }

    @Test
    void namesOf255BytesWorkAndLongerOnesAreENAMETOOLONG() {
        both.agree(
                folder -> {
                    for (String name : List.of("n".repeat(255), "\u00e4".repeat(127) + "x")) {
                        Path path = file(folder, name);
                        assertEquals(List.of(name), PosixDirectory.list(folder));
                        Posix.rename(path, folder.resolve(name.substring(1)));
                        Posix.unlink(folder.resolve(name.substring(1)));
                    }
                    Path tooLong = folder.resolve("n".repeat(256));
                    Path file = file(folder, "file");
                    assertErrno(Errno.ENAMETOOLONG, () -> Posix.create(tooLong));
                    assertErrno(Errno.ENAMETOOLONG, () -> Posix.mkdir(tooLong, 0755));
                    assertErrno(Errno.ENAMETOOLONG, () -> Posix.lstat(tooLong));
                    assertErrno(Errno.ENAMETOOLONG, () -> Posix.rename(file, tooLong));
                    assertErrno(Errno.ENAMETOOLONG, () -> Posix.link(file, tooLong));
                });
    }

    @Test
    void namesMayHoldAnyByteButSlashAndNul() {
        both.agree(
                folder -> {
                    // Bytes that are no UTF-8 at all cannot be said in Java: the shell says them.
                    Command.shell("touch \"$(printf 'bad\\377\\300name')\"; ls | od -c")
                            .in(folder)
                            .ok();
                    Command.shell("test -e \"$(printf 'bad\\377\\300name')\" && rm bad*")
                            .in(folder)
                            .ok();
                    for (String name :
                            List.of("a\nb", " ", "-", "...", "*?[", "\\", "\u0001\u007f")) {
                        Posix.close(Posix.create(Path.of(folder + "/" + name)));
                        assertEquals(List.of(name), PosixDirectory.list(folder));
                        Posix.unlink(Path.of(folder + "/" + name));
                    }
                });
    }

    @Test
    void aTreeDeeperThanPathMaxWorksFromInside() {
        both.agree(
                folder ->
                        Command.shell(
                                        "n=$(printf 'd%.0s' $(seq 200)); top=$PWD; for i in $(seq"
                                            + " 30); do mkdir $n; cd -P $n; done; echo deep > file;"
                                            + " test $(cat file) = deep; cd \"$top\"; test $(find ."
                                            + " -name file | wc -l) = 1; rm -r $n")
                                .in(folder)
                                .ok());
    }

    @Test
    void renameReplacesAFile() {
        both.agree(
                folder -> {
                    Path a = file(folder, "a");
                    Path b = file(folder, "b");
                    long inode = Posix.lstat(a).inode();
                    Posix.rename(a, b);
                    assertFalse(Posix.exists(a));
                    assertEquals(inode, Posix.lstat(b).inode());
                    Posix.rename(b, b);
                    assertTrue(Posix.exists(b));
                });
    }

    @Test
    void renameBetweenTwoNamesOfOneInodeDoesNothing() {
        both.agree(
                folder -> {
                    Path a = file(folder, "a");
                    Path b = folder.resolve("b");
                    Posix.link(a, b);
                    Posix.rename(a, b);
                    assertEquals(List.of("a", "b"), PosixDirectory.list(folder));
                    assertEquals(2, Posix.lstat(a).linkCount());
                });
    }

    @Test
    void renameAcrossKindsIsRefused() {
        both.agree(
                folder -> {
                    Path file = file(folder, "file");
                    Path directory = directory(folder, "directory");
                    assertErrno(Errno.EISDIR, () -> Posix.rename(file, directory));
                    assertErrno(Errno.ENOTDIR, () -> Posix.rename(directory, file));
                });
    }

    @Test
    void renameReplacesADirectoryOnlyWhenEmpty() {
        both.agree(
                folder -> {
                    Path a = directory(folder, "a");
                    Path b = directory(folder, "b");
                    file(a, "inside");
                    Posix.rename(a, b);
                    assertEquals(List.of("inside"), PosixDirectory.list(b));
                    Path c = directory(folder, "c");
                    assertErrno(Errno.ENOTEMPTY, () -> Posix.rename(c, b));
                    assertEquals(4, Posix.lstat(folder).linkCount());
                });
    }

    @Test
    void renameOfADirectoryIntoItselfIsEINVAL() {
        both.agree(
                folder -> {
                    Path a = directory(folder, "a");
                    Path b = directory(a, "b");
                    assertErrno(Errno.EINVAL, () -> Posix.rename(a, a.resolve("x")));
                    assertErrno(Errno.EINVAL, () -> Posix.rename(a, b.resolve("x")));
                    assertErrno(Errno.ENOTEMPTY, () -> Posix.rename(b, a));
                });
    }

    @Test
    void renameOfADirectoryMovesItsParentAndLinkCounts() {
        both.agree(
                folder -> {
                    Path a = directory(folder, "a");
                    Path b = directory(folder, "b");
                    Path moved = directory(a, "moved");
                    assertEquals(3, Posix.lstat(a).linkCount());
                    Posix.rename(moved, b.resolve("moved"));
                    assertEquals(2, Posix.lstat(a).linkCount());
                    assertEquals(3, Posix.lstat(b).linkCount());
                    long parent = Posix.lstat(Path.of(b + "/moved/..")).inode();
                    assertEquals(Posix.lstat(b).inode(), parent);
                });
    }

    @Test
    void renameFlagsAreRefusedByJnrFuse() {
        Assumptions.assumeTrue(MountedVolume.isJnrFuse(), "native carries them");
        both.mountOnly(
                folder -> {
                    // Protocol 7.19 has no flags: the kernel answers EINVAL itself.
                    Path a = file(folder, "a");
                    Path b = file(folder, "b");
                    int noReplace = 1;
                    int exchange = 2;
                    Path absent = folder.resolve("absent");
                    assertErrno(Errno.EINVAL, () -> Posix.renameat2(a, absent, noReplace));
                    assertErrno(Errno.EINVAL, () -> Posix.renameat2(a, b, exchange));
                    assertErrno(Errno.EEXIST, () -> Posix.renameat2(a, b, noReplace));
                    assertEquals(List.of("a", "b"), PosixDirectory.list(folder));
                });
    }

    @Test
    void movingToAnotherFileSystemIsEXDEV() {
        both.mountOnly(
                folder -> {
                    Path file = file(folder, "file");
                    Path outside = both.volume().outside().resolve("outside");
                    assertErrno(Errno.EXDEV, () -> Posix.rename(file, outside));
                    assertErrno(Errno.EXDEV, () -> Posix.link(file, outside));
                    Posix.close(Posix.create(outside));
                    assertErrno(Errno.EXDEV, () -> Posix.rename(outside, file));
                    Posix.unlink(outside);
                });
    }

    @Test
    void hardLinksShareOneInode() {
        both.agree(
                folder -> {
                    Path a = file(folder, "a");
                    Path b = folder.resolve("b");
                    Posix.link(a, b);
                    assertEquals(2, Posix.lstat(a).linkCount());
                    assertEquals(Posix.lstat(a).inode(), Posix.lstat(b).inode());
                    Files.writeString(a, "through a");
                    assertEquals("through a", Files.readString(b));
                    assertEquals(9, Posix.lstat(b).sizeBytes());
                    Files.writeString(b, "now through b");
                    assertEquals("now through b", Files.readString(a));
                    Posix.chmod(b, 0600);
                    assertEquals(0600, Posix.lstat(a).permissions());
                    Posix.unlink(a);
                    assertEquals(1, Posix.lstat(b).linkCount());
                    assertEquals("now through b", Files.readString(b));
                });
    }

    @Test
    void hardLinksToDirectoriesAreEPERM() {
        both.agree(
                folder -> {
                    Path directory = directory(folder, "directory");
                    assertErrno(Errno.EPERM, () -> Posix.link(directory, folder.resolve("other")));
                });
    }

    @Test
    void hardLinksToSymbolicLinksLinkTheLinkItself() {
        both.agree(
                folder -> {
                    Path link = folder.resolve("link");
                    Posix.symlink("nowhere", link);
                    Posix.link(link, folder.resolve("second"));
                    assertEquals("nowhere", Posix.readlink(folder.resolve("second")));
                    assertEquals(2, Posix.lstat(link).linkCount());
                });
    }

    @Test
    void manyHardLinksAreCounted() {
        both.agree(
                folder -> {
                    Path file = file(folder, "file");
                    for (int i = 0; i < 1000; i++) {
                        Posix.link(file, folder.resolve("link" + i));
                    }
                    assertEquals(1001, Posix.lstat(file).linkCount());
                    for (int i = 0; i < 1000; i++) {
                        Posix.unlink(folder.resolve("link" + i));
                    }
                    assertEquals(1, Posix.lstat(file).linkCount());
                });
    }

    @Test
    void specialNodesKeepTheirTypeAndNumber() {
        both.agree(
                folder -> {
                    int[][] numbers = {{0, 0}, {1, 3}, {255, 255}, {0xfff, 0xfffff}};
                    for (int[] number : numbers) {
                        for (int type : new int[] {Posix.S_IFCHR, Posix.S_IFBLK}) {
                            Path node = folder.resolve(type + "-" + number[0]);
                            Posix.mknod(node, type | 0640, number[0], number[1]);
                            Posix.Stat stat = Posix.lstat(node);
                            assertEquals(type | 0640, stat.mode());
                            assertEquals(number[0], stat.deviceMajor());
                            assertEquals(number[1], stat.deviceMinor());
                        }
                    }
                    Posix.mknod(folder.resolve("regular"), Posix.S_IFREG | 0604, 0, 0);
                    assertEquals(
                            Posix.S_IFREG | 0604, Posix.lstat(folder.resolve("regular")).mode());
                    assertErrno(
                            Errno.EPERM,
                            () ->
                                    Posix.asUser(
                                            1000,
                                            1000,
                                            () ->
                                                    Posix.mknod(
                                                            folder.resolve("user"),
                                                            Posix.S_IFCHR | 0600,
                                                            1,
                                                            3)));
                });
    }

    @Test
    void aFifoCarriesData() {
        both.agree(
                folder -> {
                    Path fifo = folder.resolve("fifo");
                    Posix.mknod(fifo, Posix.S_IFIFO | 0644, 0, 0);
                    CompletableFuture<String> reader =
                            CompletableFuture.supplyAsync(() -> Command.of("cat", fifo).ok().out());
                    Command.shell("echo through > \"$1\"", fifo).ok();
                    assertEquals("through\n", reader.get());
                });
    }

    @Test
    void aUnixSocketCarriesData() {
        both.agree(
                folder -> {
                    UnixDomainSocketAddress address =
                            UnixDomainSocketAddress.of(folder.resolve("s"));
                    try (ServerSocketChannel server =
                            ServerSocketChannel.open(StandardProtocolFamily.UNIX)) {
                        server.bind(address);
                        assertEquals(Posix.S_IFSOCK, Posix.lstat(folder.resolve("s")).type());
                        try (SocketChannel client = SocketChannel.open(address);
                                SocketChannel accepted = server.accept()) {
                            client.write(ByteBuffer.wrap(new byte[] {7}));
                            ByteBuffer got = ByteBuffer.allocate(1);
                            accepted.read(got);
                            assertArrayEquals(new byte[] {7}, got.array());
                        }
                    }
                });
    }

    @Test
    void umaskAppliesToEveryNewNode() {
        both.agree(
                folder -> {
                    int before = Posix.umask(027);
                    try {
                        Posix.mkdir(folder.resolve("directory"), 0777);
                        Posix.close(
                                Posix.open(
                                        folder.resolve("file"),
                                        Posix.O_CREAT | Posix.O_WRONLY,
                                        0666));
                        Posix.mknod(folder.resolve("fifo"), Posix.S_IFIFO | 0666, 0, 0);
                    } finally {
                        Posix.umask(before);
                    }
                    assertEquals(0750, Posix.lstat(folder.resolve("directory")).permissions());
                    assertEquals(0640, Posix.lstat(folder.resolve("file")).permissions());
                    assertEquals(0640, Posix.lstat(folder.resolve("fifo")).permissions());
                });
    }

    @Test
    void newNodesBelongToTheirMaker() {
        both.agree(
                folder -> {
                    Posix.asUser(
                            1000,
                            1001,
                            () -> {
                                file(folder, "file");
                                directory(folder, "directory");
                                Posix.symlink("x", folder.resolve("link"));
                                Posix.mknod(folder.resolve("fifo"), Posix.S_IFIFO | 0644, 0, 0);
                            });
                    for (String name : List.of("file", "directory", "link", "fifo")) {
                        assertEquals(1000, Posix.lstat(folder.resolve(name)).uid(), name);
                        assertEquals(1001, Posix.lstat(folder.resolve(name)).gid(), name);
                    }
                });
    }

    @Test
    void aSetGroupIdDirectoryHandsItsGroupDown() {
        both.agree(
                folder -> {
                    Path parent = directory(folder, "parent");
                    Posix.chown(parent, 0, 4321);
                    Posix.chmod(parent, 02777);
                    Posix.asUser(
                            1000,
                            1000,
                            () -> {
                                file(parent, "file");
                                directory(parent, "sub");
                            });
                    assertEquals(4321, Posix.lstat(parent.resolve("file")).gid());
                    assertEquals(4321, Posix.lstat(parent.resolve("sub")).gid());
                    assertEquals(02755, Posix.lstat(parent.resolve("sub")).permissions());
                });
    }

    @Test
    void aStickyDirectoryGuardsNamesOfOthers() {
        both.agree(
                folder -> {
                    Path sticky = directory(folder, "sticky");
                    Posix.chmod(sticky, 01777);
                    Path theirs = Posix.asUser(1000, 1000, () -> file(sticky, "theirs"));
                    Path mine = Posix.asUser(1001, 1001, () -> file(sticky, "mine"));
                    Posix.asUser(
                            1001,
                            1001,
                            () -> {
                                assertErrno(Errno.EPERM, () -> Posix.unlink(theirs));
                                assertErrno(Errno.EPERM, () -> Posix.rename(mine, theirs));
                                assertErrno(
                                        Errno.EPERM,
                                        () -> Posix.rename(theirs, sticky.resolve("x")));
                                Posix.unlink(mine);
                            });
                    Posix.asUser(1000, 1000, () -> Posix.unlink(theirs));
                });
    }

    @Test
    void permissionsAreEnforced() {
        both.agree(
                folder -> {
                    Path closed = directory(folder, "closed");
                    Path file = file(closed, "file");
                    Posix.chmod(file, 0640);
                    Posix.chown(file, 0, 4321);
                    Posix.chown(closed, 0, 4321);
                    Posix.asUser(
                            1000,
                            1000,
                            () -> {
                                assertErrno(Errno.EACCES, () -> Posix.open(file, Posix.O_RDONLY));
                                assertErrno(
                                        Errno.EACCES, () -> Posix.create(closed.resolve("new")));
                                assertErrno(Errno.EACCES, () -> Posix.unlink(file));
                                assertErrno(Errno.EPERM, () -> Posix.chmod(file, 0666));
                                assertErrno(Errno.EPERM, () -> Posix.chown(file, 1000, 1000));
                                assertErrno(Errno.EACCES, () -> Posix.access(file, 4));
                            });
                    Posix.chmod(closed, 0700);
                    Posix.asUser(
                            1000,
                            1000,
                            () -> {
                                assertErrno(Errno.EACCES, () -> Posix.lstat(file));
                                assertErrno(Errno.EACCES, () -> new PosixDirectory(closed));
                            });
                });
    }

    @Test
    void rootOfTheMountCanBeMadeOpenToAll() {
        MountedVolume.assumeMounted();
        assertEquals(0755, Posix.lstat(both.volume().directory()).permissions());
        assertNotEquals(0, Posix.lstat(both.volume().directory()).inode());
    }

    private static Path file(Path folder, String name) {
        Path path = folder.resolve(name);
        Posix.close(Posix.create(path));
        return path;
    }

    private static Path directory(Path folder, String name) {
        Path path = folder.resolve(name);
        Posix.mkdir(path, 0755);
        return path;
    }
}
