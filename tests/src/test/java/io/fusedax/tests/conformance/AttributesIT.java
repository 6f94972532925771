package io.fusedax.tests.conformance;

import static io.fusedax.tests.conformance.HostAndMount.assertErrno;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import io.fusedax.tests.support.Await;
import io.fusedax.tests.support.Command;
import io.fusedax.tests.support.MountedVolume;
import io.fusedax.tests.support.Posix;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.List;
import jnr.constants.platform.Errno;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Test;

/** Mode, owner, times, flags and counters. */
final class AttributesIT {
    private static final Posix.Time OMIT = new Posix.Time(0, Posix.UTIME_OMIT);
    private static final Posix.Time NOW = new Posix.Time(0, Posix.UTIME_NOW);
    private static final Posix.Time OLD = new Posix.Time(1_000_000_000, 123_456_789);
    private static final Posix.Time OLDER = new Posix.Time(900_000_000, 987_654_321);

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
    void everyModeBitIsKept() {
        both.agree(
                folder -> {
                    Path file = file(folder);
                    for (int bit = 0; bit < 12; bit++) {
                        Posix.chmod(file, 1 << bit);
                        assertEquals(1 << bit, Posix.lstat(file).permissions());
                    }
                    int fd = Posix.open(file, Posix.O_RDONLY);
                    Posix.fchmod(fd, 07777);
                    assertEquals(07777, Posix.fstat(fd).permissions());
                    Posix.close(fd);
                });
    }

    @Test
    void ownersAreKeptTo32Bits() {
        both.agree(
                folder -> {
                    Path file = file(folder);
                    Posix.chown(file, 70_000, 80_000);
                    assertEquals(70_000, Posix.lstat(file).uid());
                    Posix.chown(file, -1, 0x7fffffff);
                    assertEquals(70_000, Posix.lstat(file).uid());
                    assertEquals(0x7fffffff, Posix.lstat(file).gid());
                    Posix.chown(file, 0xfffffffe, -1);
                    assertEquals(0xfffffffe, Posix.lstat(file).uid());
                    Posix.symlink("file", folder.resolve("link"));
                    Posix.chown(folder.resolve("link"), 5, 6);
                    assertEquals(5, Posix.lstat(folder.resolve("link")).uid());
                    assertEquals(0xfffffffe, Posix.lstat(file).uid());
                });
    }

    @Test
    void changingTheOwnerClearsSetIds() {
        both.agree(
                folder -> {
                    Path file = file(folder);
                    Posix.chmod(file, 06755);
                    Posix.chown(file, 1000, 1000);
                    assertEquals(0755, Posix.lstat(file).permissions());
                    Path directory = folder.resolve("directory");
                    Posix.mkdir(directory, 0755);
                    Posix.chmod(directory, 02755);
                    Posix.chown(directory, 1000, 1000);
                    assertEquals(02755, Posix.lstat(directory).permissions());
                });
    }

    @Test
    void anOrdinaryWriterClearsSetIds() {
        both.agree(
                folder -> {
                    Path file = file(folder);
                    for (int[] modes : new int[][] {{06777, 0777}, {04777, 0777}}) {
                        Posix.chmod(file, modes[0]);
                        Posix.asUser(
                                1000,
                                1000,
                                () -> {
                                    int fd = Posix.open(file, Posix.O_WRONLY);
                                    Posix.write(fd, "x");
                                    Posix.close(fd);
                                });
                        assertEquals(modes[1], Posix.lstat(file).permissions(), "after write");
                        Posix.chmod(file, modes[0]);
                        Posix.asUser(1000, 1000, () -> Posix.truncate(file, 0));
                        assertEquals(modes[1], Posix.lstat(file).permissions(), "after truncate");
                    }
                });
    }

    @Test
    void rootAsWriterKeepsSetIds() {
        both.agree(
                folder -> {
                    Path file = file(folder);
                    Posix.chmod(file, 06755);
                    int fd = Posix.open(file, Posix.O_WRONLY);
                    Posix.write(fd, "x");
                    Posix.close(fd);
                    assertEquals(06755, Posix.lstat(file).permissions());
                });
    }

    @Test
    void setGroupIdNeedsMembership() {
        both.agree(
                folder -> {
                    Path file = file(folder);
                    Posix.chown(file, 1000, 4321);
                    Posix.asUser(1000, 1000, () -> Posix.chmod(file, 02755));
                    assertEquals(0755, Posix.lstat(file).permissions());
                });
    }

    @Test
    void timesAreKeptToTheNanosecond() {
        both.agree(
                folder -> {
                    Path file = file(folder);
                    for (long seconds : new long[] {0, 1, -1, -2_000_000_000, 4_000_000_000L}) {
                        Posix.Time atime = new Posix.Time(seconds, 1);
                        Posix.Time mtime = new Posix.Time(seconds + 5, 999_999_999);
                        Posix.utimens(file, atime, mtime);
                        assertEquals(atime, Posix.lstat(file).atime());
                        assertEquals(mtime, Posix.lstat(file).mtime());
                    }
                    Posix.symlink("file", folder.resolve("link"));
                    Posix.utimens(folder.resolve("link"), OLD, OLDER);
                    assertEquals(OLDER, Posix.lstat(folder.resolve("link")).mtime());
                });
    }

    @Test
    void omittedTimesStay() {
        both.agree(
                folder -> {
                    Path file = file(folder);
                    Posix.utimens(file, OLD, OLDER);
                    Posix.utimens(file, OMIT, OMIT);
                    assertEquals(OLD, Posix.lstat(file).atime());
                    assertEquals(OLDER, Posix.lstat(file).mtime());
                    Posix.utimens(file, OLDER, OMIT);
                    assertEquals(OLDER, Posix.lstat(file).atime());
                    assertEquals(OLDER, Posix.lstat(file).mtime());
                    Posix.utimens(file, OMIT, OLD);
                    assertEquals(OLDER, Posix.lstat(file).atime());
                    assertEquals(OLD, Posix.lstat(file).mtime());
                    int fd = Posix.open(file, Posix.O_RDWR);
                    Posix.futimens(fd, OLD, OMIT);
                    assertEquals(OLD, Posix.fstat(fd).atime());
                    Posix.close(fd);
                });
    }

    @Test
    void nowSetsTheClockAndOneTimeAlone() {
        both.agree(
                folder -> {
                    Path file = file(folder);
                    Posix.utimens(file, OLD, OLDER);
                    long before = System.currentTimeMillis() / 1000 - 1;
                    Posix.utimens(file, NOW, OMIT);
                    assertTrue(Posix.lstat(file).atime().seconds() >= before);
                    assertEquals(OLDER, Posix.lstat(file).mtime());
                    Posix.utimens(file, OLD, NOW);
                    assertEquals(OLD, Posix.lstat(file).atime());
                    assertTrue(Posix.lstat(file).mtime().seconds() >= before);
                    Command.of("touch", "-a", "-d", "2001-02-03 04:05:06.7", file).ok();
                    Command.of("touch", "-m", "-d", "2002-03-04 05:06:07.8", file).ok();
                    assertEquals(700_000_000, Posix.lstat(file).atime().nanos());
                    assertEquals(800_000_000, Posix.lstat(file).mtime().nanos());
                });
    }

    @Test
    void othersMaySetTimesOnlyToNow() {
        both.agree(
                folder -> {
                    Path file = file(folder);
                    Posix.chmod(file, 0666);
                    Posix.asUser(
                            1000,
                            1000,
                            () -> {
                                assertErrno(Errno.EPERM, () -> Posix.utimens(file, OLD, OLD));
                                assertErrno(Errno.EPERM, () -> Posix.utimens(file, NOW, OMIT));
                                Posix.utimens(file, NOW, NOW);
                            });
                    Posix.chmod(file, 0644);
                    Posix.asUser(
                            1000,
                            1000,
                            () -> assertErrno(Errno.EACCES, () -> Posix.utimens(file, NOW, NOW)));
                });
    }

    @Test
    void contentChangesMoveMtimeAndCtime() {
        both.agree(
                folder -> {
                    Path file = file(folder);
                    int fd = Posix.open(file, Posix.O_RDWR);
                    List<Runnable> changes =
                            List.of(
                                    () -> Posix.pwrite(fd, new byte[5000], 0),
                                    () -> Posix.ftruncate(fd, 100),
                                    () -> Posix.ftruncate(fd, 10_000),
                                    () -> Posix.truncate(file, 200),
                                    () ->
                                            Posix.close(
                                                    Posix.open(
                                                            file, Posix.O_WRONLY | Posix.O_TRUNC)));
                    int index = 0;
                    for (Runnable change : changes) {
                        Posix.utimens(file, OLD, OLDER);
                        Posix.Time ctime = nextTick(file);
                        change.run();
                        assertTrue(
                                Posix.lstat(file).mtime().compareTo(OLDER) > 0, "mtime " + index);
                        assertTrue(
                                Posix.lstat(file).ctime().compareTo(ctime) > 0, "ctime " + index);
                        index++;
                    }
                    Posix.close(fd);
                });
    }

    @Test
    void attributeChangesMoveCtimeAlone() {
        both.agree(
                folder -> {
                    Path file = file(folder);
                    Path link = folder.resolve("link");
                    Path renamed = folder.resolve("renamed");
                    List<Runnable> changes =
                            List.of(
                                    () -> Posix.chmod(file, 0600),
                                    () -> Posix.chown(file, 1, 1),
                                    () -> Posix.link(file, link),
                                    () -> Posix.unlink(link),
                                    () -> Posix.setxattr(file, "user.a", "b"),
                                    () -> Posix.rename(file, renamed),
                                    () -> Posix.rename(renamed, file));
                    int index = 0;
                    for (Runnable change : changes) {
                        Path path = Posix.exists(file) ? file : renamed;
                        Posix.utimens(path, OLD, OLDER);
                        Posix.Time ctime = nextTick(path);
                        change.run();
                        path = Posix.exists(file) ? file : renamed;
                        assertTrue(
                                Posix.lstat(path).ctime().compareTo(ctime) > 0, "ctime " + index);
                        assertEquals(OLDER, Posix.lstat(path).mtime(), "mtime " + index);
                        index++;
                    }
                });
    }

    @Test
    void nameChangesMoveTheTimesOfTheirDirectories() {
        both.agree(
                folder -> {
                    Path a = folder.resolve("a");
                    Path b = folder.resolve("b");
                    Posix.mkdir(a, 0755);
                    Posix.mkdir(b, 0755);
                    List<Runnable> changes =
                            List.of(
                                    () -> Posix.close(Posix.create(a.resolve("file"))),
                                    () -> Posix.link(a.resolve("file"), a.resolve("hard")),
                                    () -> Posix.symlink("x", a.resolve("soft")),
                                    () -> Posix.mkdir(a.resolve("directory"), 0755),
                                    () -> Posix.rename(a.resolve("file"), b.resolve("file")),
                                    () -> Posix.rename(b.resolve("file"), a.resolve("file")),
                                    () -> Posix.unlink(a.resolve("hard")),
                                    () -> Posix.rmdir(a.resolve("directory")));
                    int index = 0;
                    for (Runnable change : changes) {
                        Posix.utimens(a, OLD, OLDER);
                        Posix.Time ctime = nextTick(a);
                        change.run();
                        Posix.Stat stat = Posix.lstat(a);
                        assertTrue(stat.mtime().compareTo(OLDER) > 0, "mtime " + index);
                        assertTrue(stat.ctime().compareTo(ctime) > 0, "ctime " + index);
                        index++;
                    }
                });
    }

    @Test
    void readingMovesAtimeRelatively() {
        both.agree(
                folder -> {
                    Path file = file(folder);
                    Files.writeString(file, "content");
                    Posix.utimens(file, OLDER, OLD);
                    Files.readString(file);
                    Posix.Time first = Posix.lstat(file).atime();
                    assertTrue(first.compareTo(OLD) > 0, "older than mtime: moves");
                    nextTick(file);
                    Files.readString(file);
                    assertEquals(first, Posix.lstat(file).atime(), "newer than mtime: stays");
                });
    }

    @Test
    void directoriesCountTheirSubdirectories() {
        both.agree(
                folder -> {
                    Path parent = folder.resolve("parent");
                    Posix.mkdir(parent, 0755);
                    for (int i = 0; i < 300; i++) {
                        assertEquals(2 + i, Posix.lstat(parent).linkCount());
                        Posix.mkdir(parent.resolve("d" + i), 0755);
                    }
                    for (int i = 0; i < 300; i++) {
                        Posix.rmdir(parent.resolve("d" + i));
                    }
                    assertEquals(2, Posix.lstat(parent).linkCount());
                });
    }

    @Test
    void blocksTellTheSpaceTaken() {
        both.agree(
                folder -> {
                    int fd = Posix.create(folder.resolve("blocks"));
                    Posix.pwrite(fd, new byte[1 << 20], 0);
                    Posix.fsync(fd);
                    long blocks = Posix.fstat(fd).blocks512();
                    assertTrue(blocks >= 2048 && blocks <= 2048 + 64, "blocks " + blocks);
                    assertEquals(4096, Posix.fstat(fd).blockSizeBytes());
                    Posix.close(fd);
                });
    }

    @Test
    void statvfsCountsWhatIsWritten() {
        both.mountOnly(
                folder -> {
                    both.volume().sync();
                    Posix.FileSystem before = Posix.statvfs(folder);
                    assertEquals(255, before.maximumNameLength());
                    assertEquals(4096, before.fragmentSizeBytes());
                    assertTrue(before.availableBlocks() <= before.freeBlocks());
                    assertTrue(before.freeBlocks() < before.blocks());
                    assertTrue(before.freeFiles() > 0 && before.freeFiles() <= before.files());
                    int fd = Posix.create(folder.resolve("file"));
                    Posix.pwrite(fd, new byte[10 << 20], 0);
                    long taken = before.freeBlocks() - Posix.statvfs(folder).freeBlocks();
                    assertTrue(taken >= 2560 && taken <= 2560 + 32, "taken " + taken);
                    Posix.close(fd);
                    Posix.unlink(folder.resolve("file"));
                    Await.until(
                            "freed blocks are counted",
                            Duration.ofSeconds(10),
                            () -> {
                                both.volume().sync();
                                return Posix.statvfs(folder).freeBlocks()
                                        >= before.freeBlocks() - 16;
                            });
                });
    }

    @Test
    void fileFlagsAreKeptAndEnforced() {
        both.agree(
                folder -> {
                    Path file = file(folder);
                    Command.of("chattr", "+dA", file).ok();
                    assertEquals("dA", flags(file));
                    Command.of("chattr", "-dA", "+i", file).ok();
                    try {
                        assertErrno(Errno.EPERM, () -> Posix.open(file, Posix.O_WRONLY));
                        assertErrno(Errno.EPERM, () -> Posix.unlink(file));
                        assertErrno(Errno.EPERM, () -> Posix.rename(file, folder.resolve("other")));
                        assertErrno(Errno.EPERM, () -> Posix.link(file, folder.resolve("other")));
                        assertErrno(Errno.EPERM, () -> Posix.chmod(file, 0600));
                        assertErrno(Errno.EPERM, () -> Posix.truncate(file, 0));
                        assertErrno(Errno.EPERM, () -> Posix.setxattr(file, "user.a", "b"));
                    } finally {
                        Command.of("chattr", "-i", "+a", file).ok();
                    }
                    try {
                        assertErrno(Errno.EPERM, () -> Posix.open(file, Posix.O_WRONLY));
                        assertErrno(Errno.EPERM, () -> Posix.truncate(file, 0));
                        int fd = Posix.open(file, Posix.O_WRONLY | Posix.O_APPEND);
                        Posix.write(fd, "appended");
                        Posix.close(fd);
                        assertErrno(Errno.EPERM, () -> Posix.unlink(file));
                    } finally {
                        Command.of("chattr", "-a", file).ok();
                    }
                    assertEquals("", flags(file));
                    assertEquals("appended", Files.readString(file));
                });
    }

    @Test
    void anImmutableDirectoryTakesNoNames() {
        both.agree(
                folder -> {
                    Path directory = folder.resolve("directory");
                    Posix.mkdir(directory, 0755);
                    Posix.close(Posix.create(directory.resolve("file")));
                    Command.of("chattr", "+i", directory).ok();
                    try {
                        assertErrno(Errno.EPERM, () -> Posix.create(directory.resolve("new")));
                        assertErrno(Errno.EPERM, () -> Posix.unlink(directory.resolve("file")));
                    } finally {
                        Command.of("chattr", "-i", directory).ok();
                    }
                    Posix.unlink(directory.resolve("file"));
                });
    }

    @Test
    void onlyRootMakesFilesImmutable() {
        both.agree(
                folder -> {
                    Path file = file(folder);
                    Posix.chown(file, 1000, 1000);
                    Command.Result result = Command.of("chattr", "+i", file).asUser(1000).run();
                    assertTrue(result.exitCode() != 0, result.toString());
                    assertEquals("", flags(file));
                });
    }

    @Test
    void attributesSurviveARemount() {
        MountedVolume.assumeMounted();
        Path file = both.volume().resolve("kept");
        Posix.close(Posix.create(file));
        Posix.chmod(file, 06751);
        Posix.utimens(file, OLD, OLDER);
        Command.of("chattr", "+d", file).ok();
        Posix.Stat before = Posix.lstat(file);
        both.volume().remount();
        assertEquals(before, Posix.lstat(file));
        assertEquals("d", flags(file));
    }

    /** The flags lsattr shows, without those only the host sets (e: extents). */
    private static String flags(Path file) {
        String line = Command.of("lsattr", "-d", file).ok().out();
        return line.split(" ")[0].replaceAll("[-e]", "");
    }

    /** Waits until the file system's clock has moved on; returns the ctime before. */
    private static Posix.Time nextTick(Path path) {
        Posix.Time before = Posix.lstat(path).ctime();
        Path probe = path.resolveSibling("probe");
        Posix.close(Posix.open(probe, Posix.O_CREAT | Posix.O_WRONLY, 0600));
        Await.until(
                "the clock moves",
                Duration.ofSeconds(5),
                () -> {
                    Posix.chmod(probe, 0600);
                    return Posix.lstat(probe).ctime().compareTo(before) > 0;
                });
        Posix.unlink(probe);
        return before;
    }

    private static Path file(Path folder) {
        Path path = folder.resolve("file");
        Posix.close(Posix.create(path));
        return path;
    }
}
